"""The cues of a WebVTT file: when they are shown, where, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_TIME = r"(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})"
_TIMING = re.compile(rf"^{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t]+(.*))?$")
_BLOCKS = re.compile(r"\n{2,}")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-z]*)(?P<classes>(?:\.[^\s.>]*)*)(?:\s[^>]*)?>|<[^>]*>")
_STYLED = ("b", "i", "u", "c")


class Run(NamedTuple):
    """Words that look alike; a line break is a run of its own."""

    text: str
    styles: frozenset[str]
    """Of ``b``, ``i``, ``u``, and the classes of ``c``: ``yellow``, ``bg_black``, …"""


class Cue(NamedTuple):
    """A cue, in milliseconds of the film."""

    begins_ms: int
    ends_ms: int
    settings: dict[str, str]
    text: str

    @property
    def lines(self) -> int:
        """How many lines it has, as far as it breaks them itself."""
        return self.text.count("\n") + 1

    @property
    def words(self) -> str:
        """What it says, without a style, its lines apart."""
        return "".join(run.text for run in self.runs())

    def shown(self, begins_ms: int, ends_ms: int) -> bool:
        """Say whether it is shown between two times."""
        return self.begins_ms < ends_ms and self.ends_ms > begins_ms

    def runs(self) -> Iterator[Run]:
        """Yield its words with their styles, as WebVTT's own parser finds them, however its tags are nested.

        An end without a beginning is passed over, what is not ended ends with the cue, who speaks (``v``) and in which
        language are not told. Ruby follows its base in brackets.
        """
        open_tags: list[tuple[str, frozenset[str]]] = []
        at = 0
        for tag in _TAG.finditer(self.text):
            yield from _words(self.text[at : tag.start()], open_tags)
            at = tag.end()
            name = tag["name"] or ""
            if name == "rt":
                yield Run(")" if tag["end"] else "(", _styles(open_tags))
            elif name in _STYLED and not tag["end"]:
                classes = frozenset(filter(None, tag["classes"].split(".")))
                open_tags.append((name, classes if name == "c" else classes | {name}))
            elif name in _STYLED and any(name == known for known, _ in open_tags):
                while open_tags.pop()[0] != name:
                    pass
        yield from _words(self.text[at:], open_tags)


def cues_of(webvtt: str) -> tuple[Cue, ...]:
    """Return the cues of a WebVTT file that are shown at all, in its order; what is no cue is passed over."""
    return tuple(cue for block in _blocks(webvtt) for cue in _cue(block.split("\n")))


def until(webvtt: str, ends_ms: int) -> str:
    """Return a WebVTT file without what it shows behind a time of the film, in milliseconds.

    A cue that begins there is left out, one that is shown then ends then. A file without such cues stays as it is.
    """
    kept, cut = [], False
    for block in _blocks(webvtt):
        lines = block.split("\n")
        timing = _timing(lines)
        if timing is None or timing.ends_ms <= ends_ms:
            kept.append(block)
            continue
        cut = True
        if timing.begins_ms < ends_ms:
            line = lines[timing.line]
            before, arrow, behind = line.partition("-->")
            rest = behind.split(maxsplit=1)[1:]
            lines[timing.line] = " ".join((f"{before}{arrow}", clock(ends_ms), *rest))
            kept.append("\n".join(lines))
    return "\n\n".join(kept) + "\n" if cut else webvtt


class _Timing(NamedTuple):
    line: int
    begins_ms: int
    ends_ms: int
    settings: str


def _blocks(webvtt: str) -> list[str]:
    text = webvtt.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return _BLOCKS.split(text)


def _timing(lines: list[str]) -> _Timing | None:
    # A name may stand before the times.
    for number, line in enumerate(lines[:2]):
        if found := _TIMING.match(line):
            times = found.groups()[:8]
            return _Timing(number, _milliseconds(times[:4]), _milliseconds(times[4:]), found[9] or "")
    return None


def _cue(lines: list[str]) -> Iterator[Cue]:
    timing = _timing(lines)
    if timing is not None:
        number, begins_ms, ends_ms, settings = timing
        words = "\n".join(lines[number + 1 :]).strip("\n")
        if words and begins_ms < ends_ms:
            said = (setting.partition(":") for setting in settings.split())
            yield Cue(begins_ms, ends_ms, {name: value for name, _, value in said}, words)


def _milliseconds(time: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in time)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def clock(milliseconds: int) -> str:
    """Return a moment as WebVTT writes it, and TTML too: ``00:01:02.345``."""
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


def _words(text: str, open_tags: list[tuple[str, frozenset[str]]]) -> Iterator[Run]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Run("\n", frozenset())
        if line:
            yield Run(unescape(line), _styles(open_tags))


def _styles(open_tags: list[tuple[str, frozenset[str]]]) -> frozenset[str]:
    return frozenset().union(*(styles for _, styles in open_tags))
