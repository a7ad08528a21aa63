"""What a request tells of its device and of where it is: what the player says, and what CloudFront adds.

Nothing is measured in the browser to recognise it: no canvas, no fonts, no list of extensions.

| Signal | From |
| --- | --- |
| device id | the player: random, kept in the page's own storage |
| fingerprint | a hash of the headers ``User-Agent`` (its words, without versions) and ``Accept-Language`` (its first) |
| network | a keyed hash of the operator's number and of the address's first 24 bits (IPv4) or 48 (IPv6) |
| country, place | CloudFront, by address; the place to a tenth of a degree, some 10 km |
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import Field

from lambdas.common.media import Record
from lambdas.playback.models import Device, EdgeKey

ORIGIN_HEADER = "x-marquee-origin"
_VERSIONS = re.compile(r"[\d._]+")
_PREFIXES = {4: 24, 6: 48}


class Place(Record):
    """A point on the globe, in degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Signals(Record):
    """What one request tells. Without CloudFront's word there is no network, country or place."""

    device_id: str
    device: str | None = None
    fingerprint: str
    network: str | None = None
    country: str | None = None
    place: Place | None = None


def origin_token(key: EdgeKey) -> str:
    """Return what CloudFront says to the API to be believed; derived from the edge's key, it does not tell it."""
    return hmac.new(key.key.encode(), b"origin", hashlib.sha256).hexdigest()


def read(headers: Mapping[str, str], *, device: Device, key: EdgeKey) -> Signals:
    """Return the signals of a request.

    The API can be asked past CloudFront, with whatever headers one likes: its headers count only beside its token.

    Parameters
    ----------
    headers
        By name in lower case, as API Gateway gives them.
    """
    words = _VERSIONS.sub("", headers.get("user-agent", ""))
    language = headers.get("accept-language", "").split(",", maxsplit=1)[0].strip().lower()
    fingerprint = hashlib.sha256(f"{words}\n{language}".encode()).hexdigest()[:16]
    told = Signals(device_id=device.id or f"like-{fingerprint}", device=device.name, fingerprint=fingerprint)
    if not hmac.compare_digest(headers.get(ORIGIN_HEADER, "").encode(), origin_token(key).encode()):
        return told
    return told.model_copy(
        update={
            "network": _network(headers, key=key),
            "country": headers.get("cloudfront-viewer-country"),
            "place": _place(headers),
        }
    )


def _network(headers: Mapping[str, str], *, key: EdgeKey) -> str | None:
    # "192.0.2.1:4711"; an IPv6 address stands there without brackets.
    try:
        address = ip_address(headers.get("cloudfront-viewer-address", "").rpartition(":")[0].strip("[]"))
    except ValueError:
        return None
    prefix = ip_network((address, _PREFIXES[address.version]), strict=False)
    text = f"{headers.get('cloudfront-viewer-asn', '')} {prefix}"
    return hmac.new(key.key.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]


def _place(headers: Mapping[str, str]) -> Place | None:
    try:
        latitude = round(float(headers["cloudfront-viewer-latitude"]), 1)
        longitude = round(float(headers["cloudfront-viewer-longitude"]), 1)
        return Place(latitude=latitude, longitude=longitude)
    except (KeyError, ValueError):
        return None
