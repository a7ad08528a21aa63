"""H.265 and AV1 beside H.264 on the same clips, by the presets of the production ladder.

A figure is the bits that a codec takes for 100 of H.264's at the same VMAF: the Bjøntegaard delta rate, and 100. Each
codec has four trials, of `CRFS`, at the clip's own size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from bench.clips import HEIGHT, clips
from bench.excerpted import reel_of, work_on
from bench.row import Figure
from encoder.ladder.trials import Outcome, Trials
from lambdas.common.ladder import Codec
from lambdas.encoding.models import Excerpt, VideoRecipe
from sandbox.film import FRAME_RATE
from stacks.settings import PRODUCTION

# A second: a clip is longer, and all of this would take a quarter of an hour.
_FRAMES = FRAME_RATE
_NAMES = {Codec.H265: "H.265", Codec.AV1: "AV1"}
CRFS: Mapping[Codec, Sequence[float]] = {
    Codec.H264: (19, 25, 31, 37),
    Codec.H265: (19, 25, 31, 37),
    Codec.AV1: (25, 36, 47, 58),
}


def figures() -> Iterator[Figure]:
    """Try each codec on each clip."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for clip in clips(folder):
            whole = Excerpt(first_frame=clip.first_frame, frames=_FRAMES, share=1)
            work = work_on(height=HEIGHT, frames=_FRAMES, excerpts=[whole])
            trials = Trials(reel_of(clip.source, work=work, folder=folder), work=work, folder=folder)
            tried = {codec: [trials.at_crf(_recipe(codec), crf) for crf in crfs] for codec, crfs in CRFS.items()}
            kind = clip.name if clip.pristine else f"{clip.name}, coded in H.264 before"
            peer = f"H.264, {_recipe(Codec.H264).preset}"
            for codec, name in _NAMES.items():
                delta = bd_rate(tried[Codec.H264], tried[codec])
                what = f"{kind}: {name}, preset {_recipe(codec).preset}"
                yield Figure(what, 100 * (1 + delta), peer, 100.0, "bits, at equal VMAF")


def bd_rate(reference: Sequence[Outcome], other: Sequence[Outcome]) -> float:
    """Return how many more bits `other` takes at the same VMAF, as a share of the reference's; negative: fewer.

    The mean difference of the log rates over the VMAF that both reach (G. Bjøntegaard, *Calculation of average PSNR
    differences between RD-curves*, ITU-T VCEG-M33, 2001), between the trials by monotone cubics (PCHIP).

    Raises
    ------
    ValueError
        If there is no VMAF that both reach, or one has the same VMAF twice.
    """
    curves = []
    for outcomes in (reference, other):
        rising = sorted(outcomes, key=lambda outcome: outcome.vmaf)
        curves.append((np.array([outcome.vmaf for outcome in rising]), np.log([outcome.kbps for outcome in rising])))
    low, high = max(vmaf[0] for vmaf, _ in curves), min(vmaf[-1] for vmaf, _ in curves)
    if low >= high:
        raise ValueError(f"the two have no VMAF in common: one begins at {low:.1f}, and one ends at {high:.1f}")
    before, after = (PchipInterpolator(vmaf, rates).integrate(low, high) / (high - low) for vmaf, rates in curves)
    return float(np.expm1(after - before))


def _recipe(codec: Codec) -> VideoRecipe:
    return next(recipe for recipe in PRODUCTION.encoding.ladder if recipe.codec is codec and recipe.height == HEIGHT)
