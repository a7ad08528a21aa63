"""Manifests, made personal: their relative URLs come to stand under the session's edge tokens, one a pathway.

The stored manifests are the same for everybody and hold relative URLs only. A base URL in front of them, one a
pathway, is all that differs from session to session, so nothing is parsed that need not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Literal
from urllib.parse import urljoin
from xml.sax.saxutils import escape, quoteattr

from lambdas.common.errors import MarqueeError
from lambdas.common.media import Manifests
from lambdas.playback import steering
from lambdas.playback.pathways import OWN

Format = Literal["dash", "hls"]

CONTENT_TYPES: dict[Format, str] = {"dash": "application/dash+xml", "hls": "application/vnd.apple.mpegurl"}

# The start tag, with quoted attribute values, in which a ">" may stand.
_MPD = re.compile(r"""<MPD(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*>""")
_HLS_HEADER = "#EXTM3U"
_URI_ATTRIBUTE = re.compile(r'(?<=[:,])URI="([^"]*)"')
# What a playlist offers once a pathway: groups of renditions, and variants that name them.
_RENDITION = "#EXT-X-MEDIA:"
_VARIANTS = ("#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:")
_GROUP = re.compile(r'(?<=[:,])(GROUP-ID|AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS)="([^"]*)"')


class BrokenManifestError(MarqueeError):
    """A stored manifest is not what the packager writes."""


def key_of(manifests: Manifests, kind: Format) -> str:
    """Return the media bucket's key of the manifest of one format."""
    return manifests.dash if kind == "dash" else manifests.hls


def personal(*, text: str, kind: Format, key: str, bases: Mapping[str, str]) -> str:
    """Return a stored manifest for one session.

    Parameters
    ----------
    text
        The manifest as the packager wrote it.
    key
        Where it lies in the media bucket: what its relative URLs are relative to.
    bases
        Where each pathway serves the title to the session, the best first: see `Pathways.bases`. If there is one,
        nothing is said of content steering.

    Raises
    ------
    BrokenManifestError
        If `text` is not a manifest of this format.
    """
    folder = key.rpartition("/")[0] + "/"
    folders = {pathway: base + folder for pathway, base in bases.items()}
    return _dash(text, bases=folders) if kind == "dash" else _hls(text, bases=folders)


def _dash(text: str, *, bases: Mapping[str, str]) -> str:
    """Put base URLs first under ``MPD``: those further down are resolved against them (ISO/IEC 23009-1)."""
    found = _MPD.search(text)
    if not found:
        raise BrokenManifestError("a stored DASH manifest has no MPD element")
    start, inner = text[: found.end()], text[found.end() :]
    if len(bases) == 1:
        return f"{start}\n  <BaseURL>{escape(bases[OWN.id])}</BaseURL>{inner}"
    # The distribution's is relative, and dash.js reads none after such a one.
    ordered = sorted(bases, key=lambda pathway: pathway == OWN.id)
    urls = "".join(
        f"\n  <BaseURL serviceLocation={quoteattr(pathway)}>{escape(bases[pathway])}</BaseURL>" for pathway in ordered
    )
    best = quoteattr(next(iter(bases)))
    # Behind the periods, which come before it.
    periods, end, rest = inner.rpartition("</MPD>")
    return (
        f"{start}{urls}{periods}"
        f"  <ContentSteering defaultServiceLocation={best}>{steering.PATH}</ContentSteering>\n{end}{rest}"
    )


def _hls(text: str, *, bases: Mapping[str, str]) -> str:
    """Make every URI of a multivariant playlist absolute: HLS has no base URL (RFC 8216, 4.1)."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != _HLS_HEADER:
        raise BrokenManifestError(f"a stored HLS playlist does not begin with {_HLS_HEADER}")
    if len(bases) > 1:
        lines = list(_steered(lines, bases=bases))
    else:
        lines = [_hls_line(line, base=bases[OWN.id]) for line in lines]
    return "".join(f"{line}\n" for line in lines)


def _steered(lines: list[str], *, bases: Mapping[str, str]) -> Iterator[str]:
    """Yield a playlist that has its groups and variants once a pathway (RFC 8216bis, 4.4.6.2 and 4.4.6.6)."""
    best, *_ = bases
    told = [line for line in lines if line.strip()]
    yield from (_hls_line(line, base=bases[best]) for line in told if not _is_offered(line))
    yield f'#EXT-X-CONTENT-STEERING:SERVER-URI="{steering.PATH}",PATHWAY-ID="{best}"'
    yield from chain.from_iterable(
        (_on_pathway(_hls_line(line, base=base), pathway=pathway) for line in told if _is_offered(line))
        for pathway, base in bases.items()
    )


def _is_offered(line: str) -> bool:
    return line.startswith((_RENDITION, *_VARIANTS)) or not line.startswith("#")


def _on_pathway(line: str, *, pathway: str) -> str:
    """Return a rendition or a variant as one of a pathway: its groups are its own."""
    line = _GROUP.sub(lambda found: f'{found[1]}="{found[2]}@{pathway}"', line) if line.startswith("#") else line
    return f'{line},PATHWAY-ID="{pathway}"' if line.startswith(_VARIANTS) else line


def _hls_line(line: str, *, base: str) -> str:
    if not line.strip():
        return line
    if line.startswith("#"):
        # Tags name URIs in an attribute. A URI with a scheme, or from the root, stays what it is.
        return _URI_ATTRIBUTE.sub(lambda found: f'URI="{urljoin(base, found[1])}"', line)
    return urljoin(base, line.strip())
