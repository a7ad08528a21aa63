"""What playback's API answers, where that is JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lambdas.common.media import Record, Slug, Tier
from lambdas.playback.accounts import Profile
from lambdas.playback.models import LicenceType


class ManifestAddresses(Record):
    """Where a session's manifests are."""

    dash: str
    hls: str


class EdgeAccess(Record):
    """What opens the segments of a session at the edge."""

    token: str
    base: str = Field(description="the path below which the title lies, token included")


class PathwayAddress(Record):
    """One of several ways to a session's segments."""

    id: str = Field(description="as the manifests and the steering manifest call it")
    base: str = Field(description="the address below which the title lies, token included")


class AllowedTier(Record):
    """The best tier that a session may have, and why not a better one."""

    allowed: Tier | None
    reasons: tuple[str, ...]


class OpenedSession(Record):
    """Answer of ``POST /api/playback/sessions``. Times are seconds since the epoch."""

    session_id: str
    title_id: Slug
    version_id: str
    url: str
    manifests: ManifestAddresses
    license_url: str
    license_urls: dict[str, str] = Field(
        description="by key system, as EME names it; a vendor may not have each: its address answers 404 then"
    )
    key_ids: tuple[str, ...] = Field(
        description="that one ClearKey licence may be asked for at once, before the manifest is there"
    )
    thumbnails: str | None = Field(description="a WebVTT track of pictures for the seek bar")
    edge: EdgeAccess
    pathways: tuple[PathwayAddress, ...] = Field(description="the best first")
    tier: AllowedTier
    resume_position_s: float
    progress_interval_s: int
    heartbeat_url: str
    heartbeat_interval_s: int
    telemetry_url: str = Field(description="where a player says how the film plays")
    expires_at: int


class JsonWebKey(Record):
    """A content key in clear (RFC 7517), base64url without padding."""

    kty: Literal["oct"] = "oct"
    kid: str
    k: str = Field(repr=False)


class License(Record):
    """A W3C ClearKey licence. Times are seconds since the epoch; ClearKey itself knows no end of a key."""

    keys: tuple[JsonWebKey, ...]
    type: LicenceType
    expires_at: int
    renew_at: int | None = Field(description="when a player asks for the next; none: it is the session's last")


class Reported(Record):
    """Answer of ``POST /api/playback/progress``."""

    next_title_id: Slug | None = Field(
        description="the next episode that whoever watches may see, told at the end of one; none: there is none"
    )


class BegunTitle(Record):
    """A title that the viewer has begun."""

    title_id: Slug
    position_s: float
    duration_s: float | None
    recorded_at_ms: int
    next_title_id: Slug | None = Field(
        description="the next episode, which stands in its place: it was seen to its end; none: it was not"
    )


class BegunTitles(Record):
    """Answer of ``GET /api/playback/progress``."""

    titles: tuple[BegunTitle, ...] = Field(description="the latest first")


class ListedDevice(Record):
    """A device of an account. Times are seconds since the epoch."""

    device_id: str
    name: str | None
    first_seen_at: int
    last_seen_at: int
    country: str | None
    in_household: bool


class ListedDevices(Record):
    """Answer of ``GET /api/account/devices``."""

    devices: tuple[ListedDevice, ...] = Field(description="the latest first")
    stage: str = Field(description="how the account stands")
    reasons: tuple[str, ...]


class ListedProfiles(Record):
    """Answer of ``GET /api/account/profiles``: who watches on the account, beside its holder."""

    profiles: tuple[Profile, ...]
