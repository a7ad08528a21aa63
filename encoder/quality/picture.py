"""What the filters said of each frame of the picture, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from encoder.quality import metadata
from encoder.quality.clock import Clock, runs
from encoder.quality.decode import FREEZE_S, Decoded
from encoder.quality.source import Source
from lambdas.ingestion.analysis import Aspect, Interlacing, Levels, Repetition, Shot, Spans

_BLACK_S = 0.5
# Longer is a cut to black that somebody meant.
_DEAD_FRAMES = 3
# Of 100: how much the small picture changes on average. Film grain is above it, an encoder's noise below; and noise
# does not add up from frame to frame as a slow movement does.
_SAME, _DRIFT = 0.05, 0.15
_ABRUPT, _MOVES = 5.0, 8.0
_CUT = 10.0
_OUTSIDE = 0.01
_GAP_FRAMES = 12
_BARS_HOLD = 0.05
_LEGAL_LOW, _LEGAL_HIGH = 16, 235


class Frame(NamedTuple):
    """One frame."""

    black: bool
    frozen: bool
    """The same as the first of a run of `FREEZE_S` or more, that first one included."""
    change: float
    """Mean absolute difference from the frame before, of 100."""
    cut: float
    """How sudden the change is, of 100."""
    field_order: str
    """progressive, tff, bff or undetermined."""
    active: tuple[int, int, int, int] | None
    """First and last column and line that are not black, in the thinned picture; none, if all are."""
    luma: float
    """On average: 0 black, 1 white."""
    outside: float
    """The share of the samples that are outside the legal range, of whichever plane has more of them."""


def read_frames(decoded: Decoded, source: Source) -> list[Frame]:
    """Return every frame.

    Raises
    ------
    ToolFailedError
        If there is none.
    """
    clock = source.clock
    full = (1 << source.bit_depth) - 1
    black, frames = False, list[Frame]()
    frozen = list[range]()
    still_since: int | None = None
    for number, (said, levels) in enumerate(
        zip(metadata.frames(decoded.picture), metadata.frames(decoded.levels), strict=False)
    ):
        black = (black or "black_start" in said) and "black_end" not in said
        if "freezedetect.freeze_end" in said and still_since is not None:
            frozen.append(range(still_since, number))
            still_since = None
        if "freezedetect.freeze_start" in said:
            still_since = clock.frame(float(said["freezedetect.freeze_start"]))
        frames.append(
            Frame(
                black=black,
                frozen=False,
                change=float(said.get("scd.mafd", 0)),
                cut=float(said.get("scd.score", 0)),
                field_order=said.get("idet.single.current_frame", "undetermined"),
                active=_active(said),
                luma=(float(said["signalstats.YAVG"]) - _LEGAL_LOW) / (_LEGAL_HIGH - _LEGAL_LOW),
                outside=max(float(levels[f"signalstats.{plane}AVG"]) for plane in "YUV") / full,
            )
        )
    if still_since is not None:
        frozen.append(range(still_since, len(frames)))
    for run in frozen:
        frames[run.start : run.stop] = [frame._replace(frozen=True) for frame in frames[run.start : run.stop]]
    return frames


def _active(said: dict[str, str]) -> tuple[int, int, int, int] | None:
    left, right, top, bottom = (int(said[f"cropdetect.{name}"]) for name in ("x1", "x2", "y1", "y2"))
    return (left, right, top, bottom) if left < right and top < bottom else None


def black_spans(frames: Sequence[Frame], clock: Clock) -> Spans:
    """Return where the picture is black for half a second or more."""
    found = runs(frame.black for frame in frames)
    return clock.spans(run for run in found if len(run) / clock.rate >= _BLACK_S)


def freeze_spans(frames: Sequence[Frame], clock: Clock) -> Spans:
    """Return where the picture stands still for a second or more, and is not black."""
    found = runs(frame.frozen and not frame.black for frame in frames)
    return clock.spans(run for run in found if len(run) / clock.rate >= FREEZE_S)


def repetition(frames: Sequence[Frame], clock: Clock) -> Repetition:
    """Return the frames that repeat the one before while the picture moves, and single black ones.

    A picture that rests is no fault: there must be movement before and after, eight times what two copies of a
    frame differ by. And a rest that a cut ends, or begins, is how shots are cut; only as part of a cadence it counts.
    """
    repeats = [run for run in runs(_same(frames)) if _repeats(frames, run) and len(run) / clock.rate < FREEZE_S]
    gap = max(_GAP_FRAMES, round(clock.rate / 2))
    flags = [False] * len(frames)
    for before, run, after in zip([None, *repeats], repeats, [*repeats[1:], None], strict=False):
        near = (before and run.start - before.stop <= gap) or (after and after.start - run.stop <= gap)
        if near or not _beside_a_cut(frames, run):
            flags[run.start : run.stop] = [True] * len(run)
    # One run of a cadence may be a second long, as where a film of 24 frames was filled up to 25.
    cadences = list(runs(flags, bridge=round(clock.rate) + 1))
    longest = max(cadences, key=len, default=range(0))
    repeated = [number for number in longest if flags[number]]
    return Repetition(
        repeated_frames=sum(flags),
        every=median(later - earlier for earlier, later in pairwise(repeated)) if len(repeated) > 1 else None,
        spans=clock.spans(cadences),
        dead=clock.spans(_dead(frames)),
    )


def _same(frames: Sequence[Frame]) -> Iterator[bool]:
    yield False
    for frame in frames[1:]:
        yield frame.change <= _SAME and not frame.black


def _repeats(frames: Sequence[Frame], run: range) -> bool:
    if run.start == 0 or run.stop == len(frames) or sum(frames[number].change for number in run) > _DRIFT:
        return False
    return min(frames[run.start - 1].change, frames[run.stop].change) >= _MOVES * _SAME


def _beside_a_cut(frames: Sequence[Frame], run: range) -> bool:
    return max(frames[run.start - 1].cut, frames[run.stop].cut) >= _CUT


def _dead(frames: Sequence[Frame]) -> Iterator[range]:
    for run in runs(frame.black for frame in frames):
        within = run.start > 0 and run.stop < len(frames)
        if within and len(run) <= _DEAD_FRAMES and min(frames[run.start].change, frames[run.stop].change) >= _ABRUPT:
            yield run


def interlacing(frames: Sequence[Frame], clock: Clock) -> Interlacing:
    """Return the frames whose fields show different moments; black and still ones cannot be told."""
    told = [frame.field_order != "undetermined" and not frame.black and not frame.frozen for frame in frames]
    combed = [known and frame.field_order in {"tff", "bff"} for known, frame in zip(told, frames, strict=True)]
    return Interlacing(
        determined_frames=sum(told),
        interlaced_frames=sum(combed),
        # In telecine, whole frames stand between combed ones.
        spans=clock.spans(runs(combed, bridge=_GAP_FRAMES)),
    )


def aspect(frames: Sequence[Frame], *, decoded: Decoded, source: Source) -> Aspect:
    """Return the bars that 95 % of the frames have, of those that are not black altogether."""
    width, height = source.picture.width, source.picture.height
    active = [frame.active for frame in frames if frame.active and not frame.black]
    left, right, top, bottom = (
        (
            _held(values)
            for values in zip(
                *((x1, decoded.columns - 1 - x2, y1, height - 1 - y2) for x1, x2, y1, y2 in active), strict=True
            )
        )
        if active
        else (0, 0, 0, 0)
    )
    return Aspect(
        width=width,
        height=height,
        sample_aspect=source.sample_aspect,
        bar_top=top,
        bar_bottom=bottom,
        bar_left=left * width // decoded.columns,
        bar_right=right * width // decoded.columns,
    )


def _held(bars: Iterable[int]) -> int:
    ordered = sorted(bars)
    return ordered[int(_BARS_HOLD * len(ordered))]


def levels(frames: Sequence[Frame], clock: Clock) -> Levels:
    """Return the share of samples outside the legal range, and the runs of frames that have more than one in 100."""
    return Levels(
        outside_percent=round(100 * sum(frame.outside for frame in frames) / len(frames), 4),
        worst_frame_percent=round(100 * max(frame.outside for frame in frames), 4),
        spans=clock.spans(runs(frame.outside > _OUTSIDE for frame in frames)),
    )


def shots(frames: Sequence[Frame], clock: Clock) -> tuple[Shot, ...]:
    """Return where shots begin: the film's first frame, and each sudden change."""
    begins = [0, *(number for number, frame in enumerate(frames) if number and frame.cut >= _CUT)]
    # A flash is a change forth and back: what is over after some frames is no shot.
    kept = [begins[0], *(later for earlier, later in pairwise(begins) if later - earlier > _DEAD_FRAMES)]
    return tuple(
        Shot(
            first_frame=number,
            start_s=round(clock.seconds(number), 6),
            timecode=clock.timecode(number),
            score=frames[number].cut if number else 0.0,
        )
        for number in kept
    )
