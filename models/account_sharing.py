"""Whom the account security catches, rightly and wrongly: a simulated population, through the very code that runs.

Each account is played for half a year, a use a device and day. What the people do is drawn from a seed; the numbers of
their behaviour are assumptions, and stand here. Only accounts that are shared with other households are meant to be
found: every other one that is noticed, asked or blocked is a false positive.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lambdas.playback.account_security import AccountSecurity, admit
from lambdas.playback.enforcement import DAY_S, STAGES, Stage
from lambdas.playback.signals import Place, Signals
from models.figures import Figure
from models.picture import Axis, bars

ACCOUNTS = 40
"""Of each kind, that the documents' figures are of; a quarter of a second of processor each."""
DAYS = 180
SEED = 20_261_123
_START = 20_000
"""The first day, counted from the epoch: any will do."""
_HOME = Place(latitude=48.1, longitude=11.6)
SHOWN = (Stage.NOTICE, Stage.CHALLENGE, Stage.BLOCK)
"""The stages that a viewer notices."""
_CITIES: Mapping[str, tuple[Place, ...]] = {
    "DE": (_HOME, Place(latitude=52.5, longitude=13.4), Place(latitude=53.6, longitude=10.0)),
    "US": (Place(latitude=40.7, longitude=-74.0), Place(latitude=37.8, longitude=-122.4)),
    "JP": (Place(latitude=35.7, longitude=139.7),),
    "GB": (Place(latitude=51.5, longitude=-0.1),),
    "NL": (Place(latitude=52.4, longitude=4.9),),
    "ES": (Place(latitude=39.6, longitude=2.7),),
}


@dataclass(frozen=True, kw_only=True)
class Use:
    """One device used at some hour of a day, somewhere."""

    hour: float
    device: str
    network: str
    country: str = "DE"
    place: Place = _HOME


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of people, and how they watch on one day of `DAYS`."""

    name: str
    what: str
    shares: bool
    watches: Callable[[random.Random, int], Iterator[Use]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """How many accounts of a kind got as far as each stage, or farther."""

    kind: Kind
    accounts: int
    reached: Mapping[Stage, int]

    def share(self, stage: Stage) -> float:
        """Of all accounts, those that reached `stage`, from 0 to 1."""
        return self.reached[stage] / self.accounts


def _household(
    draw: random.Random, day: int, *, devices: Sequence[str], home: str = "home", away: float = 0.15
) -> Iterator[Use]:
    """A family's evening; phones are on mobile networks, too, whose addresses change."""
    line = f"{home}-{day // 60}"
    for device in devices:
        if draw.random() > 0.6:
            continue
        mobile = device.endswith("phone") and draw.random() < away
        network = f"mobile-{draw.randrange(40)}" if mobile else line
        yield Use(hour=draw.uniform(16, 23), device=device, network=network)


_FAMILY = ("tv", "her-phone", "his-phone", "tablet", "laptop")


def _family(draw: random.Random, day: int) -> Iterator[Use]:
    yield from _household(draw, day, devices=_FAMILY)
    # Holidays: two weeks of every quarter, all of them, with a television that is not theirs.
    if day % 90 >= 76:
        yield Use(hour=21, device=f"rented-tv-{day // 90}", network="rented", country="ES", place=_CITIES["ES"][0])


def _traveller(draw: random.Random, day: int) -> Iterator[Use]:
    """Someone whose work is elsewhere from Monday to Thursday, in another hotel each week."""
    yield from _household(draw, day, devices=("tv", "tablet"))
    country = ("DE", "GB", "US", "JP")[day // 7 % 4]
    if day % 7 < 4:
        place = draw.choice(_CITIES[country])
        yield Use(hour=22, device="laptop", network=f"hotel-{day // 7}", country=country, place=place)
        if draw.random() < 0.05:
            yield Use(hour=23, device=f"hotel-tv-{day}", network=f"hotel-{day // 7}", country=country, place=place)
    else:
        yield Use(hour=20, device="laptop", network=f"home-{day // 60}")


def _student(draw: random.Random, day: int) -> Iterator[Use]:
    """A child at a university, who comes home some weekend in six; the semester break is at home."""
    yield from _household(draw, day, devices=("tv", "her-phone", "tablet"))
    at_home = day % 180 > 140 or (day // 7 % 6 == 0 and day % 7 >= 5)
    network = f"home-{day // 60}" if at_home else "campus"
    for device in ("student-laptop", "student-phone"):
        if draw.random() < 0.6:
            yield Use(hour=22, device=device, network=network, place=_CITIES["DE"][0 if at_home else 1])


def _two_students(draw: random.Random, day: int) -> Iterator[Use]:
    """Two of them, in two cities, who are at home for the first two weeks of every quarter."""
    yield from _two_away(draw, day, at_home=day % 90 < 14)


def _grown_up(draw: random.Random, day: int) -> Iterator[Use]:
    """Two children who have moved out, and do not come home for half a year."""
    yield from _two_away(draw, day, at_home=False)


def _two_away(draw: random.Random, day: int, *, at_home: bool) -> Iterator[Use]:
    yield from _household(draw, day, devices=("tv", "her-phone"))
    for number in (1, 2):
        if draw.random() < 0.5:
            network = f"home-{day // 60}" if at_home else f"campus-{number}"
            yield Use(
                hour=21, device=f"laptop-{number}", network=network, place=_CITIES["DE"][0 if at_home else number]
            )


def _vpn(draw: random.Random, day: int) -> Iterator[Use]:
    """Someone whose phone and laptop go through a VPN, to another country each time; the television does not."""
    for use in _household(draw, day, devices=("tv", "her-phone", "laptop")):
        if use.device == "tv":
            yield use
            continue
        country = draw.choice(("DE", "NL", "US", "GB", "JP"))
        network = f"vpn-{country}-{draw.randrange(10)}"
        yield Use(hour=use.hour, device=use.device, network=network, country=country, place=_CITIES[country][0])
    # A browser that forgets all: now and then a new id, behind the VPN.
    if draw.random() < 0.01:
        yield Use(hour=19, device=f"private-{day}", network="vpn-US-1", country="US", place=_CITIES["US"][0])


def _sharer(others: int) -> Callable[[random.Random, int], Iterator[Use]]:
    def watches(draw: random.Random, day: int) -> Iterator[Use]:
        yield from _household(draw, day, devices=("tv", "her-phone"))
        for number in range(others):
            devices = (f"tv-{number}", f"{number}-phone")
            for use in _household(draw, day, devices=devices, home=f"friend-{number}"):
                yield Use(hour=use.hour, device=use.device, network=use.network, place=_CITIES["DE"][number % 3])

    return watches


def _sold(draw: random.Random, day: int) -> Iterator[Use]:
    """A password that is sold on: strangers in several countries, new ones each fortnight."""
    yield from _household(draw, day, devices=("tv", "her-phone"))
    if day < 30:
        return
    for number in range(6):
        if draw.random() < 0.4:
            country = ("US", "JP", "GB", "NL", "ES", "US")[number]
            buyer = f"{number}-{day // 14}"
            yield Use(
                hour=draw.uniform(0, 24),
                device=f"buyer-{buyer}",
                network=f"buyer-{buyer}",
                country=country,
                place=_CITIES[country][0],
            )


KINDS = (
    Kind(name="family", what="five devices, phones out of the house, holidays", shares=False, watches=_family),
    Kind(name="traveller", what="another hotel each week, four countries", shares=False, watches=_traveller),
    Kind(name="student", what="a child away, home some weekends", shares=False, watches=_student),
    Kind(name="two students", what="two children away, home at holidays only", shares=False, watches=_two_students),
    Kind(name="grown up", what="two children away, never home", shares=False, watches=_grown_up),
    Kind(name="VPN", what="phone and laptop from another country each time", shares=False, watches=_vpn),
    Kind(name="sharer, 1", what="with one other household", shares=True, watches=_sharer(1)),
    Kind(name="sharer, 2", what="with two other households", shares=True, watches=_sharer(2)),
    Kind(name="sharer, 3", what="with three other households", shares=True, watches=_sharer(3)),
    Kind(name="sold", what="the password sold on, six buyers at a time", shares=True, watches=_sold),
)


def simulate(*, accounts: int, seed: int = SEED, kinds: Sequence[Kind] = KINDS) -> tuple[Row, ...]:
    """Return what became of `accounts` accounts of each kind; nobody answers a challenge."""
    rows = []
    for kind in kinds:
        reached: Counter[Stage] = Counter()
        for number in range(accounts):
            # By name, so that a kind that is added changes nothing for the others.
            worst = STAGES.index(_worst(kind, random.Random(f"{seed} {kind.name} {number}")))  # noqa: S311 - a model
            reached.update(STAGES[: worst + 1])
        rows.append(Row(kind=kind, accounts=accounts, reached=reached))
    return tuple(rows)


def false_positive_rate(rows: Sequence[Row], stage: Stage) -> float:
    """Return the share of honest accounts that reached `stage`, each kind of people as many."""
    honest = [row for row in rows if not row.kind.shares]
    return sum(row.share(stage) for row in honest) / len(honest)


def picture(rows: Sequence[Row]) -> str:
    """Return how far the accounts of each kind got, by the last stage that each reached, as SVG."""
    onwards = zip(SHOWN, (*SHOWN[1:], None), strict=True)
    columns: dict[str, dict[str, float]] = {row.kind.name: {} for row in rows}
    for stage, after in onwards:
        for row in rows:
            columns[row.kind.name][stage.value] = 100 * (row.share(stage) - (row.share(after) if after else 0))
    return bars(
        columns, title="Accounts by the last stage that they reached", y=Axis(label="% of a kind's accounts", high=100)
    )


def figures() -> dict[str, Figure]:
    """Return how many of each kind got as far as each stage that a viewer notices; it takes some seconds."""
    rows = simulate(accounts=ACCOUNTS)
    results: dict[str, Figure] = {}
    for stage in SHOWN:
        results |= {
            f"{row.kind.name.replace(',', '').replace(' ', '_').lower()}_{stage.value}_share": Figure(
                row.share(stage), "share", f"{row.kind.name}: {stage.value}, or farther"
            )
            for row in rows
        }
        results[f"false_positive_{stage.value}_share"] = Figure(
            false_positive_rate(rows, stage), "share", f"of who does not share, each kind as many: {stage.value}"
        )
    return results


def _worst(kind: Kind, draw: random.Random) -> Stage:
    security, worst = AccountSecurity(viewer_id="simulated"), Stage.CLEAR
    for day in range(DAYS):
        for use in sorted(kind.watches(draw, day), key=lambda use: use.hour):
            now = int((_START + day) * DAY_S + use.hour * 3600)
            signals = Signals(
                device_id=use.device,
                fingerprint=use.device,
                network=use.network,
                country=use.country,
                place=use.place,
            )
            security = admit(security, signals=signals, signed_in_at=0, now=now)
            worst = max(worst, security.standing.stage, key=STAGES.index)
    return worst
