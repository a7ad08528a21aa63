"""Findings, kept within what a state machine (256 KiB) and an event (256 KiB) can carry."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from lambdas.common.events import Finding
from lambdas.common.keys import MANIFEST_NAME

MOST = 50
EXPORT_AGAIN = "export the file again, and deliver it with a manifest of its new size and checksum"
"""What most remedies end with."""
_CHARS = 300


def finding(code: str, *, subject: str, message: str, remedy: str) -> Finding:
    """Return a finding, with its texts cut to a length that a reader has patience for."""
    return Finding(code=code, subject=_cut(subject), message=_cut(message), remedy=_cut(remedy))


def limited(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the first of `findings`, and one that says so if there are more."""
    stream = iter(findings)
    first = tuple(islice(stream, MOST))
    if next(stream, None) is None:
        return first
    more = finding(
        "MORE_FINDINGS",
        subject=MANIFEST_NAME,
        message=f"only the first {MOST} findings are listed",
        remedy="Correct these, and deliver again to see the rest.",
    )
    return (*first, more)


def _cut(text: str) -> str:
    return text if len(text) <= _CHARS else f"{text[: _CHARS - 1]}…"
