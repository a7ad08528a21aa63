"""IMSC1, read by another reader (``ttconv``) than what writes it has: what a packaged document says."""

from __future__ import annotations

import logging
from io import BytesIO
from xml.etree.ElementTree import ParseError

import ttconv
from defusedxml import DefusedXmlException, ElementTree
from ttconv import model
from ttconv.filters.doc.imsc11text import IMSC11TextFilter
from ttconv.imsc import reader

from encoder.boxes import boxes
from encoder.errors import TextUnreadableError


def paragraphs(segment: bytes) -> tuple[str, ...]:
    """Return what the document of a segment says, cue by cue, a line break between its lines.

    Raises
    ------
    TextUnreadableError
        If it is no document of the text profile.
    """
    sample = dict(boxes(segment)).get("mdat", b"")
    heard = _Complaints()
    log = logging.getLogger(ttconv.__name__)
    log.addHandler(heard)
    try:
        document = reader.to_model(ElementTree.parse(BytesIO(sample)))
        if document is not None:
            IMSC11TextFilter().process(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise TextUnreadableError(f"it is no IMSC1: {error}") from error
    finally:
        log.removeHandler(heard)
    if document is None or heard.said:
        raise TextUnreadableError(f"it is no IMSC1: {'; '.join(heard.said) or 'it has no tt'}")
    body = document.get_body()
    found = body.dfs_iterator() if body else ()
    return tuple(_said(element) for element in found if isinstance(element, model.P))


class _Complaints(logging.Handler):
    """What the reader passes over with a word in its log."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _said(paragraph: model.P) -> str:
    parts = (
        "\n" if isinstance(element, model.Br) else element.get_text() if isinstance(element, model.Text) else ""
        for element in paragraph.dfs_iterator()
    )
    return "".join(parts)
