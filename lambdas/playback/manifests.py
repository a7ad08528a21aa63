"""Manifests, made personal: their relative URLs come to stand under the session's edge token.

The stored manifests are the same for everybody and hold relative URLs only. One base URL in front of them is
all that differs from session to session, so nothing is parsed that need not be.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from lambdas.common.errors import MarqueeError
from lambdas.common.media import Manifests
from lambdas.playback.tokens import media_base

Format = Literal["dash", "hls"]

CONTENT_TYPES: dict[Format, str] = {"dash": "application/dash+xml", "hls": "application/vnd.apple.mpegurl"}

# The start tag, with quoted attribute values, in which a ">" may stand.
_MPD = re.compile(r"""<MPD(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*>""")
_HLS_HEADER = "#EXTM3U"
_URI_ATTRIBUTE = re.compile(r'(?<=[:,])URI="([^"]*)"')


class BrokenManifestError(MarqueeError):
    """A stored manifest is not what the packager writes."""


def key_of(manifests: Manifests, kind: Format) -> str:
    """Return the media bucket's key of the manifest of one format."""
    return manifests.dash if kind == "dash" else manifests.hls


def personal(*, text: str, kind: Format, key: str, token: str) -> str:
    """Return a stored manifest for the holder of `token`.

    Parameters
    ----------
    text
        The manifest as the packager wrote it.
    key
        Where it lies in the media bucket: what its relative URLs are relative to.

    Raises
    ------
    BrokenManifestError
        If `text` is not a manifest of this format.
    """
    base = media_base(token) + key.rpartition("/")[0] + "/"
    return _dash(text, base=base) if kind == "dash" else _hls(text, base=base)


def _dash(text: str, *, base: str) -> str:
    """Put a base URL first under ``MPD``: those further down are resolved against it (ISO/IEC 23009-1)."""
    found = _MPD.search(text)
    if not found:
        raise BrokenManifestError("a stored DASH manifest has no MPD element")
    return f"{text[: found.end()]}\n  <BaseURL>{escape(base)}</BaseURL>{text[found.end() :]}"


def _hls(text: str, *, base: str) -> str:
    """Make every URI of a multivariant playlist absolute: HLS has no base URL (RFC 8216, 4.1)."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != _HLS_HEADER:
        raise BrokenManifestError(f"a stored HLS playlist does not begin with {_HLS_HEADER}")
    return "".join(f"{_hls_line(line, base=base)}\n" for line in lines)


def _hls_line(line: str, *, base: str) -> str:
    if not line.strip():
        return line
    if line.startswith("#"):
        # Tags name URIs in an attribute. A URI with a scheme, or from the root, stays what it is.
        return _URI_ATTRIBUTE.sub(lambda found: f'URI="{urljoin(base, found[1])}"', line)
    return urljoin(base, line.strip())
