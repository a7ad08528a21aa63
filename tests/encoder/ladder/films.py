"""Films that are a formula: what they would give at each size and CRF, and what an exhaustive search would find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log2
from random import Random

import numpy as np
from hypothesis import strategies as st

from encoder.ladder.curves import Size
from encoder.ladder.search import grid_of
from lambdas.common.ladder import Codec, Probe
from lambdas.common.media import Tier
from lambdas.encoding.models import CRF_PER_DOUBLING

SIZES = tuple(
    Size(rung=f"{height}p", width=height * 16 // 9, height=height, tier=Tier.HD if height >= 720 else Tier.SD)
    for height in (1080, 720, 480, 360, 240)
)


@dataclass(frozen=True, kw_only=True)
class Film:
    """Bits fall by the CRF as powers of 2 do, a little bent; VMAF by a power of it, and by what a size leaves out."""

    codec: Codec
    pixels: int
    best_octaves: float
    octave: float
    bend: float
    by_pixels: float
    loss: float
    power: float
    unseen: float
    blur: float
    blur_power: float

    def __call__(self, size: Size, crf: float) -> Probe:
        first, *_, last = grid_of(self.codec)
        part = (crf - first) / (last - first)
        smaller = log2(self.pixels / size.pixels)
        falling = (crf - first) / (CRF_PER_DOUBLING[self.codec] * self.octave)
        octaves = self.best_octaves - self.by_pixels * smaller - falling + self.bend * (part - 0.5) ** 2
        coded = self.loss * max(0.0, part - self.unseen) ** self.power + 2 * part
        vmaf = 100 - coded - self.blur * smaller**self.blur_power
        return Probe(width=size.width, height=size.height, crf=crf, kbps=2**octaves, vmaf=max(vmaf, 0.0), vmaf_p5=0.0)

    def best_kbps(self, aim: float, *, sizes: Sequence[Size]) -> float:
        """The bit rate of what an exhaustive search takes for the best: the fewest bits that reach `aim`, or nearly."""
        probes = [self(size, crf) for size in sizes for crf in grid_of(self.codec)]
        reached = min(aim, max(probe.vmaf for probe in probes))
        return min(probe.kbps for probe in probes if probe.vmaf >= reached)

    def least_kbps(self, vmaf: float, *, sizes: Sequence[Size]) -> float:
        """The bit rate at which the exhaustive grid's best size has `vmaf`; between its CRFs, by the logarithm."""
        return min(_least_on_a_line([self(size, crf) for crf in grid_of(self.codec)], vmaf=vmaf) for size in sizes)

    def hull_kbps(self, vmaf: float, *, sizes: Sequence[Size]) -> float:
        """The bit rate at which the hull of the exhaustive grid has `vmaf`."""
        return _least_on_a_line([self(size, crf) for size in sizes for crf in grid_of(self.codec)], vmaf=vmaf)


def _least_on_a_line(probes: Sequence[Probe], *, vmaf: float) -> float:
    """The least bit rate at which a line between any two of `probes` has `vmaf`; infinite beyond them."""
    marks = np.array([probe.vmaf for probe in probes])
    octaves = np.log2([probe.kbps for probe in probes])
    worse, better = np.flatnonzero(marks <= vmaf), np.flatnonzero(marks >= vmaf)
    if not worse.size or not better.size:
        return inf
    rise = np.maximum(marks[better] - marks[worse][:, None], 1e-12)
    part = np.minimum((vmaf - marks[worse])[:, None] / rise, 1)
    return float(2 ** (octaves[worse][:, None] * (1 - part) + octaves[better] * part).min())


def films(codec: Codec, sizes: Sequence[Size]) -> st.SearchStrategy[Film]:
    """Easy and hard ones, sharp and soft, and what an encoder makes of them."""
    ways = {name: st.floats(*ends) for name, ends in _WAYS.items()}
    return st.builds(Film, codec=st.just(codec), pixels=st.just(max(size.pixels for size in sizes)), **ways)


def film_of(codec: Codec, sizes: Sequence[Size], *, chance: Random) -> Film:
    """Return one of `films`, each of its ways as likely as any other."""
    ways = {name: chance.uniform(*ends) for name, ends in _WAYS.items()}
    return Film(codec=codec, pixels=max(size.pixels for size in sizes), **ways)


_WAYS = {
    "best_octaves": (9.5, 16),
    "octave": (0.8, 1.3),
    "bend": (0, 2),
    "by_pixels": (0.6, 0.95),
    "loss": (10, 50),
    "power": (1.4, 2.6),
    "unseen": (0, 0.2),
    "blur": (0.3, 8),
    "blur_power": (0.8, 1.4),
}
