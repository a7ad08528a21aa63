"""What a key has to be announced with, to each DRM system: ``pssh`` boxes, PlayReady objects, tags of HLS.

Sources: ISO/IEC 23001-7, 8.1 (``pssh``); Widevine's ``WidevinePsshData``; Microsoft's PlayReady header specification,
4.0 (AES-CTR) and 4.3 (AES-CBC); RFC 8216, 4.3.2.4 and 4.3.4.5 (``EXT-X-KEY`` and ``EXT-X-SESSION-KEY``).
"""

from __future__ import annotations

import base64
import uuid
from enum import StrEnum
from typing import Literal

Scheme = Literal["cenc", "cbc1", "cens", "cbcs"]
Playlist = Literal["media", "master"]

_METHOD: dict[Scheme, str] = {"cenc": "SAMPLE-AES-CTR", "cens": "SAMPLE-AES-CTR"}
_TAG: dict[Playlist, str] = {"media": "EXT-X-KEY", "master": "EXT-X-SESSION-KEY"}
_HEADER_NAMESPACE = "http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader"
_HEADER_RECORD = 1


class DrmSystem(StrEnum):
    """DRM systems, by their ids (dashif.org/identifiers/content_protection)."""

    WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
    PLAYREADY = "9a04f079-9840-4286-ab92-e65be0885f95"
    FAIRPLAY = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2"


def pssh(system: DrmSystem, *, key_id: str, scheme: Scheme) -> bytes:
    """Return the box that announces the key `key_id` (hexadecimal) to Widevine or PlayReady; FairPlay has none."""
    data = _widevine(key_id, scheme) if system is DrmSystem.WIDEVINE else playready_object(key_id=key_id, scheme=scheme)
    body = bytes(4) + uuid.UUID(system).bytes + len(data).to_bytes(4, "big") + data
    return (8 + len(body)).to_bytes(4, "big") + b"pssh" + body


def playready_object(*, key_id: str, scheme: Scheme) -> bytes:
    """Return a PlayReady object with one record, the header that names the key."""
    header = _playready_header(key_id, scheme).encode("utf-16-le")
    record = _HEADER_RECORD.to_bytes(2, "little") + len(header).to_bytes(2, "little") + header
    return (6 + len(record)).to_bytes(4, "little") + (1).to_bytes(2, "little") + record


def content_protection(system: DrmSystem, *, key_id: str, scheme: Scheme) -> str:
    """Return what a DASH manifest has in a system's ``ContentProtection`` element."""
    box = base64.b64encode(pssh(system, key_id=key_id, scheme=scheme)).decode()
    elements = f'<pssh xmlns="urn:mpeg:cenc:2013">{box}</pssh>'
    if system is DrmSystem.PLAYREADY:
        pro = base64.b64encode(playready_object(key_id=key_id, scheme=scheme)).decode()
        elements += f'<pro xmlns="urn:microsoft:playready">{pro}</pro>'
    return elements


def hls_tag(system: DrmSystem, *, key_id: str, scheme: Scheme, playlist: Playlist) -> str:
    """Return the line of a media playlist, or of the multivariant one, that names the key to a system."""
    if system is DrmSystem.FAIRPLAY:
        # In hexadecimal, as our own packager writes it: a key server finds both alike.
        uri, key_format, extra = f"skd://{key_id}", "com.apple.streamingkeydelivery", ""
    elif system is DrmSystem.PLAYREADY:
        pro = base64.b64encode(playready_object(key_id=key_id, scheme=scheme)).decode()
        uri, key_format, extra = f"data:text/plain;charset=UTF-16;base64,{pro}", "com.microsoft.playready", ""
    else:
        box = base64.b64encode(pssh(system, key_id=key_id, scheme=scheme)).decode()
        uri, key_format, extra = f"data:text/plain;base64,{box}", f"urn:uuid:{system}", f"KEYID=0x{key_id},"
    method = _METHOD.get(scheme, "SAMPLE-AES")
    return f'#{_TAG[playlist]}:METHOD={method},{extra}URI="{uri}",KEYFORMAT="{key_format}",KEYFORMATVERSIONS="1"'


def _widevine(key_id: str, scheme: Scheme) -> bytes:
    """Return ``WidevinePsshData`` (protocol buffers): field 2, the key's id, and field 9, the scheme's four letters."""
    return b"\x12\x10" + bytes.fromhex(key_id) + b"\x48" + _varint(int.from_bytes(scheme.encode(), "big"))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _playready_header(key_id: str, scheme: Scheme) -> str:
    # A GUID: its first three fields are little-endian.
    kid = base64.b64encode(uuid.UUID(key_id).bytes_le).decode()
    if scheme in {"cenc", "cens"}:
        version = "4.0.0.0"
        data = f"<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>{kid}</KID>"
    else:
        version = "4.3.0.0"
        data = f'<PROTECTINFO><KIDS><KID ALGID="AESCBC" VALUE="{kid}"></KID></KIDS></PROTECTINFO>'
    return f'<WRMHEADER xmlns="{_HEADER_NAMESPACE}" version="{version}"><DATA>{data}</DATA></WRMHEADER>'
