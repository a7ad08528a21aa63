"""What playback stores, and what its API takes and gives."""

from __future__ import annotations

import base64
import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from lambdas.common.ladder import Codec
from lambdas.common.media import Age, Language, Manifests, Record, Rendition, RightsWindow, Slug, Stored, Tier
from lambdas.playback.accounts import AccountChange

MAX_KEY_IDS = 32
MAX_LANGUAGES = 8
_KEY_ID = re.compile(r"^[A-Za-z0-9_-]{22}$")


class Playable(Stored):
    """A title as playback knows it: its current version, and what that version needs."""

    title_id: Slug
    name: str
    version_id: str
    duration_s: Annotated[float, Field(gt=0)]
    manifests: Manifests
    thumbnails: str | None = None
    renditions: tuple[Rendition, ...]
    key_ids: dict[Tier, str]
    rights: tuple[RightsWindow, ...] = Field(default=(), description="none: published before they were told")
    min_age: Age | None = Field(default=None, description="its rating; none: it is not rated")
    series: str | None = Field(default=None, description="its studio's series, as the index of episodes has it")
    episode: str | None = Field(default=None, description="its place there, as that index sorts it")
    revision: int = Field(description="the catalog's: of two events, the one with the higher is true")


class Languages(Record):
    """What a viewer likes to hear and read (BCP 47), the best first; none: what the title has by itself."""

    audio: Annotated[tuple[Language, ...], Field(max_length=MAX_LANGUAGES)] = ()
    text: Annotated[tuple[Language, ...], Field(max_length=MAX_LANGUAGES)] = Field(
        default=(), description="of subtitles that are shown; none: there is nothing to read unless it is asked for"
    )


class Session(Stored):
    """One viewer watching one version. A new publication does not change a film that is running."""

    session_id: str
    viewer_id: str
    title_id: Slug
    version_id: str
    manifests: Manifests
    thumbnails: str | None = None
    key_ids: dict[Tier, str] = Field(
        default={}, description="of the tiers that it may have; none: opened before sessions kept them"
    )
    tier: Tier | None = Field(default=None, description="the best that it may have; none: opened before it was decided")
    reasons: tuple[str, ...] = Field(default=(), description="why not a better one")
    most_pixels: int | None = Field(default=None, description="of a picture of its tiers; none: there is no limit")
    codecs: tuple[Codec, ...] | None = Field(default=None, description="that the device plays; none: it did not say")
    hdr: bool | None = Field(default=None, description="whether its display has it; none: it did not say")
    languages: Languages = Languages()
    device: str | None = None
    offline_s: int = Field(default=0, description="how long a licence lasts that the device keeps; 0: there are none")
    rights_until: int | None = Field(
        default=None, description="when the title's rights end, seconds since the epoch; none: no end is known"
    )
    leased: bool = Field(default=False, description="whether it lives by a lease; not: opened before there were any")
    created_at: int = Field(description="seconds since the epoch")
    expires_at: int = Field(description="seconds since the epoch; also the table's TTL attribute")


class Progress(Stored):
    """How far a viewer came in a title, and when the player said so."""

    viewer_id: str = Field(description="or a profile of the viewer's: see `watcher`")
    title_id: Slug
    position_s: float
    duration_s: float | None = Field(default=None, description="none: reported before it was kept")
    completed: bool
    recorded_at_ms: int = Field(description="milliseconds since the epoch: a write wins only if it is newer")
    series: str | None = Field(default=None, description="of the title, when it was reported; see `Playable`")
    episode: str | None = None

    @property
    def resume_position_s(self) -> float:
        """Where to go on; a film that was seen to its end starts anew."""
        return 0.0 if self.completed else self.position_s


_HmacKey = Annotated[str, Field(min_length=32, repr=False, description="its UTF-8 bytes are the HMAC key")]


class EdgeKey(Record):
    """What edge tokens are signed with. It is a secret, so neither its representation nor an error shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    key: _HmacKey


class SessionKey(Record):
    """What session ids are signed with: a secret too, and another one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: _HmacKey


class Request(BaseModel):
    """The base of what the API takes. It ignores fields that it does not know: clients may be newer."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class AccountRequest(Request):
    """Input of `account`."""

    viewer_id: Annotated[str, Field(min_length=1, max_length=128)]
    change: AccountChange = AccountChange()
    by: Annotated[str, Field(min_length=1, max_length=2048, description="who asks: an ARN")]


class KeyRequest(Request):
    """Input of `issue_keys`."""

    title_id: Slug
    opened_for: str | None = Field(default=None, description="the version that shall have new keys")


class Robustness(StrEnum):
    """Where a device's DRM keeps its keys and decodes (Widevine L3 or L1, PlayReady SL2000 or SL3000)."""

    SOFTWARE = "software"
    HARDWARE = "hardware"


class Hdcp(StrEnum):
    """What protects the picture between the device and its display."""

    NONE = "none"
    V1 = "1.x"
    V2_2 = "2.2"
    """Or later; also a display that is built in, which has no cable to tap."""


class Device(Request):
    """What the viewer plays on, as far as it says. What it does not say is taken as what most devices have."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(
        default=None, description="the same at every visit: a device plays one film at a time"
    )
    name: Annotated[str, Field(max_length=100)] | None = None
    codecs: Annotated[tuple[Codec, ...], Field(max_length=len(Codec))] | None = Field(
        default=None, description="that it decodes; none: it does not say, and is given all"
    )
    max_height: Annotated[int, Field(ge=1, le=10_000, description="lines of its screen")] | None = None
    hdr: bool | None = None
    robustness: Robustness = Robustness.SOFTWARE
    hdcp: Hdcp | None = None


class SessionRequest(Request):
    """Body of ``POST /api/playback/sessions``."""

    title_id: Slug
    device: Device = Device()
    profile_id: Slug | None = None
    languages: Languages = Languages()


class ManifestQuery(Request):
    """Query of ``GET …/manifest``."""

    format: Literal["dash", "hls"]


class LicenseQuery(Request):
    """Query of ``POST /api/playback/license``."""

    session_id: str


LicenceType = Literal["temporary", "persistent-license"]
"""Whether a device keeps a licence, as EME names it."""


class VendorLicenseQuery(LicenseQuery):
    """Query of ``POST /api/playback/license/{system}``, whose body is the DRM's own."""

    type: LicenceType = "temporary"


class ProgressReport(Request):
    """Body of ``POST /api/playback/progress``."""

    title_id: Slug
    position_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    recorded_at: AwareDatetime
    sent_at: AwareDatetime | None = Field(default=None, description="by the same clock, which it tells how wrong it is")
    profile_id: Slug | None = None


class ProgressQuery(Request):
    """Query of ``GET /api/playback/progress``."""

    profile_id: Slug | None = None


def _key_id(value: object) -> str:
    """Turn a base64url key id of a ClearKey request into hexadecimal."""
    if not isinstance(value, str) or not _KEY_ID.fullmatch(value):
        message = "a key id is 16 bytes in base64url without padding: 22 characters"
        raise ValueError(message)
    return base64.urlsafe_b64decode(f"{value}==").hex()


def kid_of(key_id: str) -> str:
    """Return a key id, 32 hexadecimal digits, as ClearKey names it: in base64url without padding."""
    return base64url(bytes.fromhex(key_id))


def base64url(raw: bytes) -> str:
    """Return bytes as JOSE and ClearKey write them (RFC 7515, 2): base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KeyId = Annotated[
    str, BeforeValidator(_key_id), WithJsonSchema({"type": "string", "pattern": _KEY_ID.pattern}, mode="validation")
]


class LicenseRequest(Request):
    """A W3C ClearKey licence request. `kids` come as base64url and are kept as hexadecimal."""

    kids: Annotated[tuple[KeyId, ...], Field(min_length=1, max_length=MAX_KEY_IDS)]
    type: LicenceType = "temporary"
