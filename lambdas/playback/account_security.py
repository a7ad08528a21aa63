"""An account's security: which devices it has, how it is used, and what follows.

`admit` is what the creation of a session asks, with what it has read, and one record to write beside the session.
"""

from __future__ import annotations

from types import MappingProxyType

from pydantic import Field

from lambdas.common.errors import ForbiddenError, NotFoundError
from lambdas.common.media import Record
from lambdas.playback.answers import ListedDevice, ListedDevices
from lambdas.playback.enforcement import DAY_S, Stage, Standing, step
from lambdas.playback.risk import WINDOW_DAYS, History, KnownDevice, Sighting, assess, belongs, home_of
from lambdas.playback.signals import Signals

KEPT_S = 90 * DAY_S
MOST_DEVICES_KEPT = 32
MOST_COUNTRIES_KEPT = 16


class SignedOutError(ForbiddenError):
    """The device, or the whole account, was signed out after this sign-in (member `reason` of the problem document)."""

    members = MappingProxyType({"reason": "signed-out"})


class EnforcedError(ForbiddenError):
    """The account may not play now; the problem document says why (members `stage` and `reasons`)."""

    def __init__(self, standing: Standing) -> None:
        wanted = {
            Stage.CHALLENGE: "sign in again to show that it is you",
            Stage.BLOCK: "the account is blocked for now: write to support",
        }
        super().__init__(f"unusual use of this account ({', '.join(standing.reasons)}): {wanted[standing.stage]}")
        stage = standing.stage.value
        self.members = MappingProxyType({"reason": stage, "stage": stage, "reasons": list(standing.reasons)})


class AccountSecurity(Record):
    """What is kept of one viewer, in one item. Times are seconds since the epoch."""

    viewer_id: str
    revision: int = 0
    history: History = History()
    standing: Standing = Standing()
    counted: tuple[str, ...] = ()
    """The reasons that were counted on the day of `standing.at`: each counts once a day."""
    signed_out: dict[str, int] = Field(default={}, description="by device: a later sign-in admits it again")
    all_signed_out_at: int = 0
    expires_at: int = Field(default=0, description="also the table's TTL attribute")


def admit(known: AccountSecurity, *, signals: Signals, signed_in_at: int, now: int) -> AccountSecurity:
    """Return what to keep of an account that a device wants to play on; ask `refusal` of it whether it may.

    Parameters
    ----------
    signed_in_at
        When the viewer signed in, as the token says (``auth_time``).
    """
    if signed_in_at < max(known.all_signed_out_at, known.signed_out.get(signals.device_id, 0)):
        raise SignedOutError("this device was signed out: sign in again")
    found = assess(known.history, signals, now=now)
    before = known.counted if known.standing.at // DAY_S == now // DAY_S else ()
    new = tuple(reason for reason in found if reason not in before)
    verified = known.standing.stage is Stage.CHALLENGE and signed_in_at >= known.standing.since
    standing = step(
        known.standing,
        points=sum(found[reason] for reason in new),
        reasons=found,
        now=now,
        verified=verified,
    )
    return known.model_copy(
        update={
            "history": seen(known.history, signals, now=now),
            "standing": standing,
            "counted": (*before, *new),
            "signed_out": {name: at for name, at in known.signed_out.items() if name != signals.device_id},
            "expires_at": now + KEPT_S,
        }
    )


def check_sign_in(known: AccountSecurity, *, signed_in_at: int) -> None:
    """Pass, unless everything was signed out since: an ID token outlives that, for an hour at most.

    Raises
    ------
    SignedOutError
        If it was.
    """
    if signed_in_at < known.all_signed_out_at:
        raise SignedOutError("everything was signed out: sign in again")


def vouch(known: AccountSecurity, *, signed_in_at: int) -> None:
    """Pass, if a sign-in is good enough to let another device in: that begins a sign-in of its own.

    Raises
    ------
    SignedOutError
        If everything was signed out since.
    EnforcedError
        If the account is blocked, or asked to sign in anew since.
    """
    check_sign_in(known, signed_in_at=signed_in_at)
    refused = refusal(known)
    if refused and (known.standing.stage is Stage.BLOCK or signed_in_at < known.standing.since):
        raise refused


def refusal(security: AccountSecurity) -> EnforcedError | None:
    """Return why an account may not play, or none if it may."""
    standing = security.standing
    return EnforcedError(standing) if standing.stage in {Stage.CHALLENGE, Stage.BLOCK} else None


def seen(history: History, signals: Signals, *, now: int) -> History:
    """Return `history` with one more use."""
    today = now // DAY_S
    device = next((known for known in history.devices if known.device_id == signals.device_id), None) or KnownDevice(
        device_id=signals.device_id, fingerprint=signals.fingerprint, first_seen_at=now, last_seen_at=now
    )
    days = {
        network: kept
        for network, used in device.days.items()
        if (kept := tuple(day for day in used if today - day < WINDOW_DAYS))
    }
    if signals.network and today not in days.get(signals.network, ()):
        days[signals.network] = (*days.get(signals.network, ()), today)
    current = device.model_copy(
        update={
            "name": signals.device or device.name,
            "fingerprint": signals.fingerprint,
            "last_seen_at": max(now, device.last_seen_at),
            "country": signals.country or device.country,
            "at_home_at": now if signals.network and signals.network == history.home else device.at_home_at,
            "days": days,
        }
    )
    others = [other for other in history.devices if other.device_id != device.device_id]
    newest = sorted([current, *others], key=lambda one: one.last_seen_at, reverse=True)
    countries = dict.fromkeys((*history.countries, *((signals.country,) if signals.country else ())))
    used = History(
        devices=tuple(newest[:MOST_DEVICES_KEPT]),
        countries=tuple(countries)[-MOST_COUNTRIES_KEPT:],
        home=history.home,
        last=Sighting(at=now, country=signals.country, place=signals.place),
    )
    return used.model_copy(update={"home": home_of(used, now=now)})


def overview(security: AccountSecurity, *, now: int) -> ListedDevices:
    """Return what a viewer is shown: the devices, newest first, and how the account stands."""
    return ListedDevices(
        devices=tuple(
            ListedDevice(
                device_id=device.device_id,
                name=device.name,
                first_seen_at=device.first_seen_at,
                last_seen_at=device.last_seen_at,
                country=device.country,
                in_household=belongs(device, now=now),
            )
            for device in security.history.devices
        ),
        stage=security.standing.stage.value,
        reasons=tuple(security.standing.reasons),
    )


def sign_out_device(security: AccountSecurity, device_id: str, *, now: int) -> AccountSecurity:
    """Return the account without a device; it is admitted again by a later sign-in.

    Raises
    ------
    NotFoundError
        If the account has no such device.
    """
    left = tuple(device for device in security.history.devices if device.device_id != device_id)
    if len(left) == len(security.history.devices):
        raise NotFoundError("the account has no such device: see GET /api/account/devices")
    recent = {name: at for name, at in security.signed_out.items() if now - at < KEPT_S}
    return security.model_copy(
        update={
            "history": security.history.model_copy(update={"devices": left}),
            "signed_out": {**recent, device_id: now},
            "expires_at": now + KEPT_S,
        }
    )


def sign_out_all(security: AccountSecurity, *, now: int) -> AccountSecurity:
    """Return the account without any device; only a later sign-in is admitted."""
    return security.model_copy(
        update={
            "history": security.history.model_copy(update={"devices": ()}),
            "signed_out": {},
            "all_signed_out_at": now,
            "expires_at": now + KEPT_S,
        }
    )
