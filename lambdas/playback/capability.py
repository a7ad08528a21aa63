"""What a device may be given of a title: the best tier, and what holds it down.

A tier is what one content key opens, so what is decided here is enforced by the licence: a session has the keys of its
tier and of those below.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lambdas.common.media import Tier
from lambdas.playback.models import Device, Hdcp, Robustness

PICTURE_TIERS = (Tier.SD, Tier.HD, Tier.UHD)
"""The tiers of pictures, rising."""

# What studios' contracts commonly ask: HDCP 2.2 and keys in hardware for more than 1080 lines, any HDCP for HD
# (https://www.digital-cp.com: 2.2 is the first with the protection that 4K content asks for). A device that does not
# say what its display has gets what most have.
_HDCP_TIERS = {None: Tier.HD, Hdcp.NONE: Tier.SD, Hdcp.V1: Tier.HD, Hdcp.V2_2: Tier.UHD}
_ROBUSTNESS_TIERS = {Robustness.SOFTWARE: Tier.HD, Robustness.HARDWARE: Tier.UHD}
_SD_LINES = 576
_HD_LINES = 1080


class Allowed(NamedTuple):
    """The best tier that a session may have; `reasons` say what holds it below the title's best, if anything does.

    They are ``plan``, ``screen``, ``drm`` and ``hdcp``.
    """

    tier: Tier
    reasons: tuple[str, ...]


def allowed(*, device: Device, plan_tier: Tier, title_tiers: Iterable[Tier]) -> Allowed:
    """Return the best tier that `device` may have of a title.

    Parameters
    ----------
    plan_tier
        The best of the account's plan.
    title_tiers
        Those that the title has pictures of; without any, it is held to be `UHD`.
    """
    best = max(title_tiers, key=PICTURE_TIERS.index, default=Tier.UHD)
    limits = {
        "plan": plan_tier,
        "screen": _of_screen(device.max_height),
        "drm": _ROBUSTNESS_TIERS[device.robustness],
        "hdcp": _HDCP_TIERS[device.hdcp],
    }
    tier = min((best, *limits.values()), key=PICTURE_TIERS.index)
    reasons = tuple(name for name, limit in limits.items() if limit is tier) if tier is not best else ()
    return Allowed(tier=tier, reasons=reasons)


def opened_by(tier: Tier) -> frozenset[Tier]:
    """Return the tiers whose keys a session of `tier` has."""
    return frozenset((Tier.AUDIO, *PICTURE_TIERS[: PICTURE_TIERS.index(tier) + 1]))


def _of_screen(max_height: int | None) -> Tier:
    """Return the tier that fills a screen of so many lines: what is larger than that is of no use to it."""
    if max_height is None or max_height > _HD_LINES:
        return Tier.UHD
    return Tier.SD if max_height <= _SD_LINES else Tier.HD
