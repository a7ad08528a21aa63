"""Films for Mars: what a link carries, and what has to come by ship (Q100)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.av1_migration import Migration
from models.figures import Figure
from models.picture import Axis, lines
from models.storage import Catalog

LIGHT_KM_A_S = 299_792.458
"""Exact, by the definition of the metre."""
_SECONDS_A_WEEK = 7 * 86_400
_SECONDS_A_YEAR = 365.25 * 86_400


@dataclass(frozen=True, kw_only=True)
class Mission:
    """Distances and link."""

    far_km: float = 400e6
    """Q100: near the largest distance."""
    near_km: float = 54.6e6
    """About the smallest that there is."""
    link_mbps: float = 8.0
    """At `far_km`: an assumption, of the order of what NASA's optical experiment DSOC reported from there in 2024."""
    films_a_title: float = field(default_factory=lambda: Catalog().films_a_title)
    titles: int = 15_000
    """The document's summary."""
    store_pb: float = 1.0
    """Q100."""
    window_months: float = 26.0
    """Between two good times to fly there: the synodic period is 780 days."""

    def one_way_min(self, km: float) -> float:
        """Return how long light takes, in minutes."""
        return km / LIGHT_KM_A_S / 60

    def link_at_mbps(self, km: float) -> float:
        """Return what the link carries at a distance: received power falls with the square of it."""
        return self.link_mbps * (self.far_km / km) ** 2


def film_gb() -> float:
    """Return the gigabytes of a film of two hours in the best SDR rung of AV1 of 1080 lines; nobody adapts on Mars."""
    best = max(Migration().rungs, key=lambda rung: rung.bitrate_kbps)
    return best.bitrate_kbps * 7200 / 8e6


def send_s(gb: float, *, mbps: float) -> float:
    """Return how many seconds so many gigabytes take, the link theirs alone."""
    return gb * 8_000 / mbps


def picture(mission: Mission | None = None) -> str:
    """Return the link and the round trip over the distance, as SVG."""
    mission = mission or Mission()
    steps = 60
    # Nearer, the line of films would leave nothing of the other.
    near = mission.far_km / 4
    way = [near + (mission.far_km - near) * step / steps for step in range(steps + 1)]
    return lines(
        {
            "films a day": [(km / 1e6, mission.link_at_mbps(km) * 86_400 / 8_000 / film_gb()) for km in way],
            "minutes there and back": [(km / 1e6, 2 * mission.one_way_min(km)) for km in way],
        },
        title="Mars: what a link carries, by distance",
        x=Axis(label="million km", low=near / 1e6, high=mission.far_km / 1e6),
        y=Axis(label="films a day, or minutes"),
    )


def figures(mission: Mission | None = None) -> Mapping[str, Figure]:
    """Return the model's results, with the default inputs unless others are given."""
    mission = mission or Mission()
    one_way = mission.one_way_min(mission.far_km)
    film = film_gb()
    catalog_tb = mission.titles * mission.films_a_title * film / 1_000
    near_mbps = mission.link_at_mbps(mission.near_km)
    return {
        "one_way_min": Figure(one_way, "min", "at the farthest, one way (Q100 has 20 there and back)"),
        "round_trip_min": Figure(2 * one_way, "min", "at the farthest, there and back"),
        "nearest_round_trip_min": Figure(
            2 * mission.one_way_min(mission.near_km), "min", "at the nearest, there and back"
        ),
        "stated_round_trip_km_m": Figure(
            20 * 60 / 2 * LIGHT_KM_A_S / 1e6, "million km", "at which there and back are Q100's 20 min"
        ),
        "film_gb": Figure(film, "GB", "a film of two hours, 1080 lines in AV1, one rung"),
        "film_send_min": Figure(send_s(film, mbps=mission.link_mbps) / 60, "min", "to send one over the link"),
        "films_a_week": Figure(
            mission.link_mbps * _SECONDS_A_WEEK / 8_000 / film, "films", "a week over the link, around the clock"
        ),
        "nearest_link_mbps": Figure(near_mbps, "Mbit/s", "the same link at the nearest"),
        "catalog_tb": Figure(catalog_tb, "TB", "the whole catalog in that rung"),
        "catalog_send_years": Figure(
            send_s(catalog_tb * 1_000, mbps=mission.link_mbps) / _SECONDS_A_YEAR, "years", "to send it over the link"
        ),
        "store_send_years": Figure(
            send_s(mission.store_pb * 1e6, mbps=mission.link_mbps) / _SECONDS_A_YEAR,
            "years",
            "to send 1 PB at 8 Mbit/s",
        ),
        "ship_mbps": Figure(
            mission.store_pb * 8e9 / (mission.window_months / 12 * _SECONDS_A_YEAR),
            "Mbit/s",
            "that 1 PB every 26 months by ship is",
        ),
    }
