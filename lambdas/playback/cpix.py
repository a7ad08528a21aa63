"""CPIX 2.3 documents as SPEKE v2.0 uses them: what a packager asks for, checked, and the answer in the same document.

The rules are those of "SPEKE API v2" (docs.aws.amazon.com/speke): the sentences of its errors are told as they stand
there. What it does not name stays in the document as it came.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.common.media import Tier
from lambdas.playback import drm_signalling, xml_reading
from lambdas.playback.drm_signalling import DrmSystem, Playlist, Scheme

VERSION = "2.3"
MAX_BYTES = 256 * 1024
MAX_KEYS = 64
"""The largest contract, 8 keys of video and 3 of audio, for five key periods."""

CPIX = "urn:dashif:org:cpix"
PSKC = "urn:ietf:params:xml:ns:keyprov:pskc"
ENC = "http://www.w3.org/2001/04/xmlenc#"
DS = "http://www.w3.org/2000/09/xmldsig#"
SHARED = "ALL"
"""The `intendedTrackType` of one key for everything."""

_LONGEST_ID = 128
_MOST_RECIPIENTS = 4
_IV_BYTES = 16
_VIDEO_LIMITS = ("minPixels", "maxPixels", "minFps", "maxFps")
_AUDIO_LIMITS = ("minChannels", "maxChannels")
_SD_PIXELS, _HD_PIXELS = 1024 * 576, 1920 * 1080
_TIER_OF_PIXELS = ((_SD_PIXELS, Tier.SD), (_HD_PIXELS, Tier.HD))

for _prefix, _namespace in (("cpix", CPIX), ("pskc", PSKC), ("enc", ENC), ("ds", DS)):
    register_namespace(_prefix, _namespace)


@dataclass(frozen=True, kw_only=True)
class AskedKey:
    """A key that a packager asks for, under the id that it chose."""

    key_id: str
    """Hexadecimal."""
    track: str
    """The `intendedTrackType` of its usage rule."""
    tier: Tier
    """The lowest that needs it: whoever may watch one of its tracks has to have the key."""
    period: int
    """The index of its key period; 0 where the keys do not rotate."""


@dataclass(frozen=True, kw_only=True)
class KeyDocument:
    """A checked request."""

    content_id: str
    scheme: Scheme
    keys: tuple[AskedKey, ...]
    certificates: tuple[bytes, ...]
    """DER, one a recipient: keys are encrypted for them. None: the keys are answered in the clear, inside TLS."""
    root: Element


def read(raw: bytes) -> KeyDocument:
    """Return what a packager asks for.

    Raises
    ------
    MalformedXmlError
        If it is not XML, or XML that no packager sends.
    InvalidInputError
        If it breaks a rule of SPEKE v2.0; the error names it.
    """
    root = xml_reading.parse(raw)
    if root.tag != _cpix("CPIX"):
        raise _invalid("CPIX", "the document's root is no CPIX element of " + CPIX)
    for attribute in ("contentId", "version"):
        if not root.get(attribute):
            raise _invalid(f"CPIX@{attribute}", f"Missing CPIX@{attribute}")
    if root.attrib["version"] != VERSION:
        raise _invalid("CPIX@version", f"Unsupported CPIX@version: {VERSION} is supported")
    keys = _children(root, "ContentKeyList", "ContentKey")
    key_ids = [_key_id(key, "ContentKey") for key in keys]
    if len(keys) > MAX_KEYS:
        raise _invalid("ContentKeyList", f"{len(keys)} keys: ask for at most {MAX_KEYS} at once")
    if len(set(key_ids)) < len(key_ids):
        raise _invalid("ContentKey@kid", "a KID stands twice: every content key has its own")
    systems = _children(root, "DRMSystemList", "DRMSystem")
    scheme = _scheme(keys, systems)
    for key in keys:
        _check_iv(key)
    _check_systems(systems, key_ids)
    return KeyDocument(
        content_id=_content_id(root),
        scheme=scheme,
        keys=_contract(root, key_ids),
        certificates=_certificates(root),
        root=root,
    )


def answer(document: KeyDocument, secrets: Mapping[str, Sequence[Element]]) -> bytes:
    """Return the document with its keys and their signalling; it is the request's, changed in place.

    Parameters
    ----------
    secrets
        By key id, what ``pskc:Secret`` holds: see `plain`, and `lambdas.playback.key_delivery` for the encrypted kind.
    """
    fairplay = {
        _key_id(system, "DRMSystem")
        for system in _children(document.root, "DRMSystemList", "DRMSystem")
        if _system(system) is DrmSystem.FAIRPLAY
    }
    for key in _children(document.root, "ContentKeyList", "ContentKey"):
        key_id = _key_id(key, "ContentKey")
        for known in key.findall(_cpix("Data")):
            key.remove(known)
        secret = SubElement(SubElement(key, _cpix("Data")), f"{{{PSKC}}}Secret")
        secret.extend(secrets[key_id])
        if not key.get("explicitIV") and ("explicitIV" in key.attrib or key_id in fairplay):
            # FairPlay finds its IV nowhere in the media. No secret, and the same whenever it is asked for.
            digest = hashlib.sha256(f"{document.content_id}/{key_id}/iv".encode()).digest()
            key.set("explicitIV", base64.b64encode(digest[:_IV_BYTES]).decode())
    for system in _children(document.root, "DRMSystemList", "DRMSystem"):
        _signal(system, scheme=document.scheme)
    text: bytes = tostring(document.root, encoding="utf-8", xml_declaration=True)
    return text


def plain(key: bytes) -> list[Element]:
    """Return a key in the clear, as ``pskc:Secret`` holds it."""
    value = Element(f"{{{PSKC}}}PlainValue")
    value.text = base64.b64encode(key).decode()
    return [value]


def _signal(system: Element, *, scheme: Scheme) -> None:
    """Fill in what a packager left empty for one system and key."""
    kind, key_id = _system(system), _key_id(system, "DRMSystem")
    for child in list(system):
        name = child.tag.removeprefix(f"{{{CPIX}}}")
        if name == "HLSSignalingData":
            playlist = cast("Playlist", child.get("playlist"))
            text = drm_signalling.hls_tag(kind, key_id=key_id, scheme=scheme, playlist=playlist)
            child.text = _base64(text.encode())
        elif kind is DrmSystem.FAIRPLAY:
            # It has neither a box nor anything in DASH: what was asked for of them goes, as SPEKE's own checks want it.
            system.remove(child)
        elif name == "PSSH":
            child.text = _base64(drm_signalling.pssh(kind, key_id=key_id, scheme=scheme))
        elif name == "ContentProtectionData":
            child.text = _base64(drm_signalling.content_protection(kind, key_id=key_id, scheme=scheme).encode())
        elif name == "SmoothStreamingProtectionHeaderData" and kind is DrmSystem.PLAYREADY:
            child.text = _base64(drm_signalling.playready_object(key_id=key_id, scheme=scheme))


def _contract(root: Element, key_ids: Sequence[str]) -> tuple[AskedKey, ...]:
    """Return the keys of the encryption contract: which tracks each is for, and in which key period."""
    periods = _periods(root)
    rules = _children(root, "ContentKeyUsageRuleList", "ContentKeyUsageRule")
    found: dict[str, AskedKey] = {}
    tracks: set[tuple[int, str]] = set()
    for rule in rules:
        asked = _asked(rule, periods)
        if asked.key_id not in key_ids:
            raise _invalid("ContentKeyUsageRule@kid", f"{asked.key_id} is no ContentKey of the document")
        if asked.key_id in found:
            raise _invalid("ContentKeyUsageRule@kid", f"{asked.key_id} has two usage rules: a key has one")
        if (asked.period, asked.track) in tracks:
            raise _invalid("ContentKeyUsageRule@intendedTrackType", f"{asked.track} stands twice in a key period")
        found[asked.key_id] = asked
        tracks.add((asked.period, asked.track))
    if unused := [key_id for key_id in key_ids if key_id not in found]:
        raise _invalid("ContentKeyUsageRuleList", f"no usage rule for the key {unused[0]}")
    shared = {period for period, track in tracks if track == SHARED}
    if any(period in shared and track != SHARED for period, track in tracks):
        raise _invalid(
            "ContentKeyUsageRule@intendedTrackType", f"{SHARED} shares one key for all tracks: no other rule beside it"
        )
    return tuple(found[key_id] for key_id in key_ids)


def _asked(rule: Element, periods: Mapping[str, int]) -> AskedKey:
    key_id, track = _key_id(rule, "ContentKeyUsageRule"), rule.get("intendedTrackType", "").strip()
    if not 0 < len(track) <= _LONGEST_ID or not track.isprintable():
        raise _invalid("ContentKeyUsageRule@intendedTrackType", f"Missing intendedTrackType for KID {key_id}")
    video, audio = rule.findall(_cpix("VideoFilter")), rule.findall(_cpix("AudioFilter"))
    if not video and not audio:
        raise _invalid("ContentKeyUsageRule", f"neither a VideoFilter nor an AudioFilter for KID {key_id}")
    limits = [_limits(one, _VIDEO_LIMITS) for one in video]
    sound = [_limits(one, _AUDIO_LIMITS) for one in audio]
    if track == SHARED and (len(video), len(audio), any((*limits, *sound))) != (1, 1, False):
        raise _invalid("ContentKeyUsageRule", f"{SHARED} has one VideoFilter and one AudioFilter, without attributes")
    return AskedKey(
        key_id=key_id,
        track=track,
        tier=min((_tier(one) for one in limits), key=list(Tier).index) if limits and not audio else _shared(limits),
        period=_period(rule, periods),
    )


def _shared(video: Sequence[Mapping[str, int]]) -> Tier:
    """Return the tier of a key that sound has, too: everybody hears it."""
    return Tier.SD if video else Tier.AUDIO


def _tier(limits: Mapping[str, int]) -> Tier:
    least = limits.get("minPixels", 0)
    return next((tier for pixels, tier in _TIER_OF_PIXELS if least <= pixels), Tier.UHD)


def _limits(element: Element, names: Sequence[str]) -> dict[str, int]:
    """Return the limits of a filter; those that SPEKE does not know are left alone."""
    found = {name: element.attrib[name].strip() for name in names if name in element.attrib}
    for name, value in found.items():
        if not (value.isascii() and value.isdigit() and len(value) <= 9):  # noqa: PLR2004 - 16K has nine digits
            raise _invalid(f"{_local(element)}@{name}", "a whole number")
    return {name: int(value) for name, value in found.items()}


def _periods(root: Element) -> dict[str, int]:
    """Return the index of each key period by its id."""
    periods: dict[str, int] = {}
    for period in root.iterfind(f"{_cpix('ContentKeyPeriodList')}/{_cpix('ContentKeyPeriod')}"):
        name, index = period.get("id", ""), period.get("index", "").strip()
        if not name or name in periods:
            raise _invalid("ContentKeyPeriod@id", "each key period has an id of its own")
        if not (index.isascii() and index.isdigit() and len(index) <= 12):  # noqa: PLR2004 - seconds of 30,000 years
            raise _invalid("ContentKeyPeriod@index", f"a whole number, by which SPEKE v2.0 knows the period {name}")
        periods[name] = int(index)
    return periods


def _period(rule: Element, periods: Mapping[str, int]) -> int:
    named = [found.get("periodId", "") for found in rule.findall(_cpix("KeyPeriodFilter"))]
    if not named and not periods:
        return 0
    if len(named) != 1 or named[0] not in periods:
        raise _invalid("KeyPeriodFilter@periodId", "each usage rule names one of the document's key periods")
    return periods[named[0]]


def _scheme(keys: Sequence[Element], systems: Sequence[Element]) -> Scheme:
    for key in keys:
        if not key.get("commonEncryptionScheme"):
            raise _invalid(
                "ContentKey@commonEncryptionScheme",
                f"Missing ContentKey@commonEncryptionScheme for KID {_key_id(key, 'ContentKey')}",
            )
    schemes = {key.attrib["commonEncryptionScheme"] for key in keys}
    fairplay = any(system.get("systemId", "").lower() == DrmSystem.FAIRPLAY for system in systems)
    if len(schemes) > 1 or not schemes <= set(get_args(Scheme)) or (fairplay and schemes != {"cbcs"}):
        raise _invalid(
            "ContentKey@commonEncryptionScheme",
            "Non compliant ContentKey@commonEncryptionScheme combination: one of "
            f"{', '.join(get_args(Scheme))} for all keys, with FairPlay cbcs",
        )
    return cast("Scheme", schemes.pop())


def _check_systems(systems: Sequence[Element], key_ids: Sequence[str]) -> None:
    seen: set[tuple[str, DrmSystem]] = set()
    for system in systems:
        key_id, kind = _key_id(system, "DRMSystem"), _system(system)
        if key_id not in key_ids:
            raise _invalid("DRMSystem@kid", f"{key_id} is no ContentKey of the document")
        if (key_id, kind) in seen:
            raise _invalid("DRMSystem@systemId", f"{kind} stands twice for the key {key_id}")
        seen.add((key_id, kind))
        playlists = [found.get("playlist") for found in system.findall(_cpix("HLSSignalingData"))]
        if not set(playlists) <= set(get_args(Playlist)) or len(set(playlists)) < len(playlists):
            raise _invalid("HLSSignalingData@playlist", "`media` or `master`, each once")


def _check_iv(key: Element) -> None:
    value = key.get("explicitIV", "").strip()
    try:
        fits = not value or len(base64.b64decode(value, validate=True)) == _IV_BYTES
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise _invalid("ContentKey@explicitIV", f"{_IV_BYTES} bytes in base64, or empty")


def _certificates(root: Element) -> tuple[bytes, ...]:
    recipients = root.findall(f"{_cpix('DeliveryDataList')}/{_cpix('DeliveryData')}")
    if len(recipients) > _MOST_RECIPIENTS:
        raise _invalid("DeliveryDataList", f"{len(recipients)} recipients: at most {_MOST_RECIPIENTS}")
    return tuple(_certificate(recipient) for recipient in recipients)


def _certificate(recipient: Element) -> bytes:
    path = f"{_cpix('DeliveryKey')}/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
    text = "".join((recipient.findtext(path) or "").split())
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _invalid("DeliveryData", "its X509Certificate is not base64") from error


def _content_id(root: Element) -> str:
    found = root.attrib["contentId"]
    if len(found) > _LONGEST_ID or not found.isprintable():
        raise _invalid("CPIX@contentId", f"one printable line of at most {_LONGEST_ID} characters")
    return found


def _children(root: Element, list_name: str, name: str) -> list[Element]:
    lists = root.findall(_cpix(list_name))
    found = [child for one in lists for child in one.findall(_cpix(name))]
    if len(lists) != 1 or not found:
        raise _invalid(list_name, f"Missing {name}: one {list_name}, and something in it")
    return found


def _key_id(element: Element, name: Literal["ContentKey", "DRMSystem", "ContentKeyUsageRule"]) -> str:
    """Return an element's KID in hexadecimal; documents have it as a UUID."""
    try:
        return uuid.UUID(element.get("kid", "")).hex
    except ValueError as error:
        raise _invalid(f"{name}@kid", f"Missing {name}@kid: a UUID") from error


def _system(element: Element) -> DrmSystem:
    try:
        return DrmSystem(element.get("systemId", "").lower())
    except ValueError as error:
        raise _invalid("DRMSystem@systemId", f"one of Widevine, PlayReady, FairPlay: {', '.join(DrmSystem)}") from error


def _cpix(name: str) -> str:
    return f"{{{CPIX}}}{name}"


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _invalid(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(FieldError(field, message))
