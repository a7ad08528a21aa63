"""XML from outside, read without what makes XML dangerous: no document type, so no entity that could be expanded."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from lambdas.common.errors import MalformedBodyError

MAX_DEPTH = 16
MAX_ELEMENTS = 4096


class MalformedXmlError(MalformedBodyError):
    """A body is not XML in UTF-8, or holds what no document of ours has: a document type, or too much of anything."""


def parse(raw: bytes) -> Element:
    """Return the root element of `raw`; names are ``{namespace}local``, as ElementTree spells them.

    Comments and processing instructions are left out.

    Raises
    ------
    MalformedXmlError
        If it is not well formed, declares a document type, or is deeper or larger than `MAX_DEPTH`, `MAX_ELEMENTS`.
    """
    builder = TreeBuilder()
    # The encoding is ours to say: another one in the declaration is not followed.
    parser = expat.ParserCreate("utf-8", "}")
    depth = elements = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise MalformedXmlError(f"at most {MAX_ELEMENTS} elements, {MAX_DEPTH} deep: ask for fewer keys at once")
        builder.start(_name(name), {_name(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_name(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _no_document_type
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - expat takes it by position
    except (expat.ExpatError, ValueError) as error:
        raise MalformedXmlError(f"not XML in UTF-8: {error}") from error
    return builder.close()


def _no_document_type(*_: object) -> NoReturn:
    raise MalformedXmlError("a document type is not accepted: send the document without <!DOCTYPE>")


def _name(name: str) -> str:
    return f"{{{name}" if "}" in name else name
