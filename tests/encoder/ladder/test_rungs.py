"""Which rungs are chosen from curves that are known."""

from itertools import pairwise

import pytest

pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")
pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from encoder.ladder.curves import Scale, curves_of
from encoder.ladder.rungs import choose
from encoder.ladder.search import grid_of
from lambdas.common.ladder import Codec, Probe
from lambdas.common.media import Tier
from lambdas.encoding.models import SearchRules
from tests.encoder.ladder.films import SIZES, films

CRFS = grid_of(Codec.H264)
SCALE = Scale(crfs=np.array(CRFS), octave=6.0)
AIM = 95.5


def rules(**changes):
    values = {"excerpts": 1, "excerpt_s": 1, "most_rungs": 6, "floor_kbps": 200}
    return SearchRules.model_validate({**values, **changes})


def known(film, *, sizes=SIZES):
    """The curves of sizes whose every CRF was tried."""
    return curves_of(sizes, {size: {crf: film(size, crf) for crf in CRFS} for size in sizes}, scale=SCALE)


whole = st.builds(known, films(Codec.H264, SIZES))


@given(whole, st.integers(1, 10), st.integers(100, 2000))
def test_rungs_keep_the_rules(curves, most, floor):
    rungs = choose(curves, aim=AIM, rules=rules(most_rungs=most, floor_kbps=floor))
    assume(min(point.vmaf for point in rungs) > 0)
    assert len(rungs) <= max(most, 2)
    assert {rung.size.tier for rung in rungs} == {Tier.HD, Tier.SD}
    for higher, lower in pairwise(rungs):
        assert (higher.vmaf, higher.octaves) > (lower.vmaf, lower.octaves)
    for higher, lower in pairwise(rung for rung in rungs[1:] if rung.size.tier is Tier.HD):
        assert higher.vmaf >= lower.vmaf + 1


@given(whole)
def test_the_best_rung_takes_the_fewest_bits_that_reach_the_aim(curves):
    best = choose(curves, aim=AIM, rules=rules())[0]
    hd = [curve for curve in curves if curve.size.tier is Tier.HD]
    reached = [octaves for curve in hd for octaves, vmaf in zip(curve.octaves, curve.vmaf, strict=True) if vmaf >= AIM]
    assert best.octaves == min(reached)
    assert best.vmaf >= AIM


@given(films(Codec.H264, SIZES))
def test_an_aim_that_nothing_reaches_gives_the_best_picture_there_is(film):
    best = choose(known(film), aim=101, rules=rules())[0]
    assert best.vmaf == pytest.approx(max(film(size, CRFS[0]).vmaf for size in SIZES))


def curve_of(*pairs, sizes=SIZES[:1]):
    """Curves of a film whose sizes give (kbit/s, VMAF) at even steps of CRF."""
    crfs = np.linspace(15, 45, len(pairs))
    trials = {
        size: {
            float(crf): Probe(width=size.width, height=size.height, crf=crf, kbps=kbps, vmaf=vmaf, vmaf_p5=vmaf)
            for crf, (kbps, vmaf) in zip(crfs, pairs, strict=True)
        }
        for size in sizes
    }
    return curves_of(sizes, trials, scale=Scale(crfs=crfs, octave=6.0))


def test_bit_rates_are_spaced_evenly_from_the_best_to_the_floor():
    curves = curve_of((6400, 98), (3200, 96), (1600, 90), (800, 80), (400, 66), (200, 50), (100, 30))
    assert [round(rung.kbps) for rung in choose(curves, aim=AIM, rules=rules())] == [3200, 1600, 800, 400, 200]
    fewer = choose(curves, aim=AIM, rules=rules(most_rungs=3))
    assert [round(rung.kbps) for rung in fewer] == [3200, 800, 200]


def test_a_title_that_is_easier_than_the_floor_has_one_rung():
    [only] = choose(curve_of((400, 99), (100, 97), (50, 90)), aim=AIM, rules=rules())
    assert round(only.kbps) == 100


def test_a_rung_that_gains_too_little_is_dropped():
    curves = curve_of((3200, 96), (1600, 95.8), (800, 95.6), (400, 95.3), (200, 94.8), (100, 94))
    assert [round(rung.kbps) for rung in choose(curves, aim=AIM, rules=rules())] == [800, 200]


def test_each_tier_has_a_rung_though_it_looks_worse():
    hd, sd = SIZES[0], SIZES[2]
    trials = {
        size: {
            crf: Probe(width=2, height=2, crf=crf, kbps=kbps - less, vmaf=vmaf - less, vmaf_p5=0)
            for crf, kbps, vmaf in ((15, 3200, 97), (25, 1600, 90), (35, 800, 80), (45, 400, 66))
        }
        for size, less in ((hd, 0), (sd, 30))
    }
    curves = curves_of((hd, sd), trials, scale=Scale(crfs=np.array([15.0, 25, 35, 45]), octave=6.0))
    rungs = choose(curves, aim=AIM, rules=rules(floor_kbps=800))
    assert [(rung.size, round(rung.kbps)) for rung in rungs] == [(hd, 3200), (hd, 1600), (hd, 800), (sd, 770)]
