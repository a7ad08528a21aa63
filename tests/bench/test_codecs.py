"""The Bjøntegaard delta rate, where it is known."""

import pytest

pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")
pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from hypothesis import given
from hypothesis import strategies as st

from bench.codecs import bd_rate
from encoder.ladder.trials import Outcome

CURVE = ((500.0, 62.0), (1000.0, 80.5), (2000.0, 91.0), (4000.0, 96.5))


def outcomes(*points):
    return [Outcome(kbps=kbps, vmaf=vmaf, vmaf_p5=vmaf) for kbps, vmaf in points]


@given(st.floats(0.1, 10), st.permutations(CURVE))
def test_a_codec_that_takes_the_same_part_everywhere_takes_that_part(part, shuffled):
    other = outcomes(*((kbps * part, vmaf) for kbps, vmaf in shuffled))
    assert bd_rate(outcomes(*CURVE), other) == pytest.approx(part - 1)


def test_only_the_quality_that_both_reach_counts():
    """The other is as good up to 91; what it does beyond, the reference does not reach."""
    better = (*CURVE[:3], (2500.0, 99.0))
    assert bd_rate(outcomes(*CURVE[:3]), outcomes(*better)) == pytest.approx(0, abs=0.02)


def test_a_worse_codec_takes_more():
    worse = outcomes(*((kbps, vmaf - 4) for kbps, vmaf in CURVE))
    assert bd_rate(outcomes(*CURVE), worse) > 0.2
    assert bd_rate(worse, outcomes(*CURVE)) == pytest.approx(1 / (1 + bd_rate(outcomes(*CURVE), worse)) - 1)


def test_two_that_never_are_as_good_are_not_compared():
    with pytest.raises(ValueError, match=r"no VMAF in common: one begins at 97\.0, and one ends at 96\.5"):
        bd_rate(outcomes(*CURVE), outcomes((5000.0, 97.0), (6000.0, 99.0)))
