"""One trial: all excerpts encoded by a recipe, compared with what they were, and what that says of the film."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from encoder.codecs import video_options
from encoder.errors import FrameCountError, TimelineError
from encoder.ladder.excerpts import Reel
from encoder.plan import Work
from encoder.probe import Packet, picture_track
from encoder.tools import ffmpeg
from encoder.vmaf import Compared, compare
from lambdas.encoding.models import VideoRecipe

EVERY = 3
"""Of the frames, one in so many is compared: the mean differs by a tenth, and it takes half the time."""
_P5 = 0.05
# So that a trial shows what a quality costs, and not what a cap cuts off. SVT-AV1 takes no more.
_NO_PEAK_KBPS = 100_000


class Outcome(NamedTuple):
    """What a recipe would give in the film."""

    kbps: float
    vmaf: float
    vmaf_p5: float


class Trials:
    """Tries recipes on the excerpts of a film.

    Attributes
    ----------
    frames
        How many were encoded.
    """

    def __init__(self, reel: Reel, *, work: Work, folder: Path) -> None:
        self._reel, self._work, self._folder = reel, work, folder
        self.frames = 0

    def at_crf(self, recipe: VideoRecipe, crf: float) -> Outcome:
        """Encode the excerpts by `recipe` at a CRF, whatever that takes, and measure them."""
        unbound = {"crf": crf, "maxrate_kbps": _NO_PEAK_KBPS, "buffer_kbits": _NO_PEAK_KBPS}
        return self.outcome(recipe.model_copy(update=unbound))

    def outcome(self, recipe: VideoRecipe) -> Outcome:
        """Encode the excerpts by `recipe`, and measure them.

        Raises
        ------
        FrameCountError, TimelineError
            If frames or key frames are not where the excerpts have them.
        """
        reel, plan = self._reel, self._work.plan
        encoded = self._folder / "trial.mp4"
        self._encode(recipe, encoded)
        self.frames += reel.frames
        packets = sorted(picture_track(encoded).packets, key=lambda packet: packet.pts)
        if len(packets) != reel.frames:
            raise FrameCountError(f"{len(packets)} frames came out of a trial of {reel.frames}: {recipe.rung}")
        if [number for number, packet in enumerate(packets) if packet.key] != [*reel.starts]:
            raise TimelineError(f"a trial of {recipe.rung} has other key frames than the excerpts' first frames")
        width, height = plan.display_of(recipe.codec)
        compared = compare(
            encoded,
            reel.input,
            filters=f"{self._work.frame_clock},{self._work.shown_by(recipe)}",
            compared_as=self._work.compared_as(recipe),
            width=width,
            height=height,
            recipe=recipe,
            frame_clock=self._work.frame_clock,
            log=self._folder / "trial.json",
            # Of fewer frames than that, one excerpt might have none that is compared.
            every=EVERY if min(excerpt.frames for excerpt in reel.excerpts) >= EVERY else 1,
        )
        vmaf, vmaf_p5 = _quality(compared, reel=reel)
        return Outcome(
            kbps=_rate(packets, reel=reel, segment=min(plan.segment_frames, plan.frames)), vmaf=vmaf, vmaf_p5=vmaf_p5
        )

    def _encode(self, recipe: VideoRecipe, target: Path) -> None:
        first = "+".join(f"eq(n,{start})" for start in self._reel.starts)
        ffmpeg(
            *(*self._reel.input, "-map", "0:v:0", "-fps_mode", "passthrough"),
            *("-vf", f"{self._work.frame_clock},{self._work.picture_of(recipe)}"),
            *video_options(recipe, gop=self._work.plan.segment_frames, key_frames=f"expr:{first}"),
            target,
        )


def _rate(packets: Sequence[Packet], *, reel: Reel, segment: int) -> float:
    """Return the kbit/s that the film would take.

    An excerpt is shorter than a segment, so its key frame weighs too much in it. Of each excerpt it is counted once a
    segment and once a shot, because the first picture of a shot takes as much whether it is a key frame or not (where
    both fall together, once), and the mean of its other frames for the rest.
    """
    total = Fraction(0)
    for start, excerpt in zip(reel.starts, reel.excerpts, strict=True):
        key, *others = (packet.size_bytes * 8 for packet in packets[start : start + excerpt.frames])
        # Of a single frame nothing else is known.
        rest = Fraction(sum(others), len(others)) if others else Fraction(key)
        new = Fraction(1, segment)
        if excerpt.shot_frames:
            new += Fraction(1, excerpt.shot_frames) * (1 - new)
        total += Fraction(excerpt.share) * (key * new + rest * (1 - new))
    return round(float(total * reel.frame_rate / 1000), 3)


def _quality(compared: Sequence[Compared], *, reel: Reel) -> tuple[float, float]:
    """Return the mean and the 5th percentile of VMAF in the film, of which each excerpt stands for its share."""
    weighted: list[tuple[float, float]] = []
    mean = 0.0
    for start, excerpt in zip(reel.starts, reel.excerpts, strict=True):
        vmaf = [each.metrics["vmaf"] for each in compared if 0 <= each.frame - start < excerpt.frames]
        if not vmaf:
            raise FrameCountError(f"nothing was compared of the excerpt from frame {excerpt.first_frame}")
        mean += excerpt.share * fmean(vmaf)
        weighted += [(value, excerpt.share / len(vmaf)) for value in vmaf]
    return round(mean, 3), round(_fifth_percentile(weighted), 3)


def _fifth_percentile(weighted: Sequence[tuple[float, float]]) -> float:
    passed = 0.0
    ordered = sorted(weighted)
    for value, weight in ordered:
        passed += weight
        if passed >= _P5:
            return value
    return ordered[-1][0]
