"""How suspicious a use of an account is: points, each with a reason that a machine can read.

What one family does must not add up to what many households do. So watching in two places at once is no reason, and
neither is a new place: a reason is a device that lives elsewhere, or that could not have got to where it is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from lambdas.common.media import Record
from lambdas.playback.enforcement import DAY_S
from lambdas.playback.signals import Place, Signals

EARTH_RADIUS_KM = 6371.0
FASTEST_KM_H = 1000.0
"""An airliner's speed over ground, with a tail wind."""
NEAREST_KM = 100.0
"""Places by address are wrong by as much as this."""
WINDOW_DAYS = 30
HOME_DAYS = 8
"""A network on which a device was used on so many days of the window is where it lives."""
FAMILY_DAYS = 120
"""A device that has come home within so many days belongs to the household: a semester, with the holidays before it."""
ABANDONED_DAYS = 14
"""A home network that has not been used for so long has another address by now, or nobody lives there."""
MOST_DEVICES = 8
MOST_NETWORKS = 12


class Reason(StrEnum):
    """Why points were given."""

    OTHER_HOUSEHOLDS = "other-households"
    """More than one group of devices lives somewhere else and never comes to the household."""
    MANY_DEVICES = "many-devices"
    MANY_NETWORKS = "many-networks"
    UNKNOWN_COUNTRY = "new-device-in-new-country"
    IMPOSSIBLE_TRAVEL = "impossible-travel"
    """And nobody could have got there since the last use."""


_POINTS: Mapping[Reason, float] = {
    Reason.OTHER_HOUSEHOLDS: 1.5,
    Reason.MANY_DEVICES: 0.3,
    Reason.MANY_NETWORKS: 0.3,
    Reason.UNKNOWN_COUNTRY: 2.0,
    Reason.IMPOSSIBLE_TRAVEL: 4.0,
}
"""Once a day at most, however much is watched; of several other households, for each beyond the first.

What comes every day adds up to some 20 times as much: 0.3 never reaches a notice by itself.
"""


class Sighting(Record):
    """When and where an account was used last; seconds since the epoch."""

    at: int
    country: str | None = None
    place: Place | None = None


class KnownDevice(Record):
    """A device that has played. Times are seconds since the epoch."""

    device_id: str
    name: str | None = None
    fingerprint: str
    first_seen_at: int
    last_seen_at: int
    country: str | None = None
    at_home_at: int = 0
    """When it was last on the household's network."""
    days: dict[str, tuple[int, ...]] = Field(
        default={}, description="by network: on which days since the epoch it was used there, within the window"
    )


class History(Record):
    """What is known of an account's use."""

    devices: tuple[KnownDevice, ...] = ()
    countries: tuple[str, ...] = ()
    home: str | None = None
    """The household's network."""
    last: Sighting | None = None


def belongs(device: KnownDevice, *, now: int) -> bool:
    """Whether a device belongs to the household: it has been there."""
    return now - device.at_home_at < FAMILY_DAYS * DAY_S


def _family(history: History, *, now: int) -> set[str]:
    """Return the devices that belong to the household."""
    return {device.device_id for device in history.devices if belongs(device, now=now)}


def home_of(history: History, *, now: int) -> str | None:
    """Return the household's network: the first that was lived on, and its successor where it is abandoned.

    A family's line gets another address now and then, and the family's devices show which.
    """
    today = now // DAY_S
    days = [day for device in history.devices for day in device.days.get(history.home or "", ())]
    if history.home and days and today - max(days) < ABANDONED_DAYS:
        return history.home
    use = _use(history, today=today)
    family = _family(history, now=now)
    lived_on = {
        network: sum(count for device, count in devices.items() if not family or device in family)
        for network, devices in use.items()
    }
    candidates = [network for network, count in lived_on.items() if count >= HOME_DAYS]
    return max(candidates, key=lambda network: (lived_on[network], network), default=history.home)


def assess(history: History, signals: Signals, *, now: int) -> dict[str, float]:
    """Return what is suspicious about the use that `signals` tell, after `history`: points, by reason."""
    today = now // DAY_S
    use = _use(history, today=today)
    recent = (device for device in history.devices if today - device.last_seen_at // DAY_S < WINDOW_DAYS)
    # By fingerprint: a browser that forgets its id is one device, and a household's two equal televisions count once.
    devices = {device.fingerprint for device in recent} | {signals.fingerprint}
    found = {
        Reason.OTHER_HOUSEHOLDS: _other_homes(history, use, now=now) - 1,
        Reason.MANY_DEVICES: len(devices) > MOST_DEVICES,
        Reason.MANY_NETWORKS: len(use) > MOST_NETWORKS,
        **_of_a_new_device(history, signals, now=now),
    }
    return {reason.value: _POINTS[reason] * times for reason, times in found.items() if times > 0}


def distance_km(one: Place, other: Place) -> float:
    """Return the great-circle distance, by the haversine formula."""
    here, there = math.radians(one.latitude), math.radians(other.latitude)
    along = math.radians(other.longitude - one.longitude)
    half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(along / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def _of_a_new_device(history: History, signals: Signals, *, now: int) -> dict[Reason, int]:
    """Return what only a device that was never seen is asked, and only where the account has never been.

    A known device may use a VPN, a family may be in two places at once, and one of them may have bought a telephone.
    """
    last, known = history.last, history.countries
    if last is None or any(device.device_id == signals.device_id for device in history.devices):
        return {}
    if signals.country is None or not known or signals.country in known:
        return {}
    impossible = False
    if last.place and signals.place:
        hours = max(now - last.at, 0) / 3600
        distance = distance_km(last.place, signals.place)
        impossible = distance > NEAREST_KM and distance > FASTEST_KM_H * hours
    return {Reason.UNKNOWN_COUNTRY: 1, Reason.IMPOSSIBLE_TRAVEL: impossible}


def _use(history: History, *, today: int) -> dict[str, dict[str, int]]:
    """Return on how many days of the window each device was used on each network."""
    use: dict[str, dict[str, int]] = defaultdict(dict)
    for device in history.devices:
        for network, days in device.days.items():
            if count := sum(today - day < WINDOW_DAYS for day in days):
                use[network][device.device_id] = count
    return use


def _other_homes(history: History, use: Mapping[str, Mapping[str, int]], *, now: int) -> int:
    """Return how many groups of devices live somewhere else; networks that share a device are one home."""
    if history.home is None:
        return 0
    family = _family(history, now=now)
    homes: list[set[str]] = []
    for network, used in use.items():
        devices = set(used)
        if network == history.home or devices & family or max(used.values()) < HOME_DAYS:
            continue
        together = [home for home in homes if home & devices]
        homes = [home for home in homes if not home & devices] + [devices.union(*together)]
    return len(homes)
