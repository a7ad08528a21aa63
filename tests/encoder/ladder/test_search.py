"""The search, against films that are a formula, whose whole grid is known."""

import pytest

pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")
pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from encoder.codecs import CRF_RANGE
from encoder.ladder.search import grid_of, search
from lambdas.common.ladder import Codec, Probe
from lambdas.common.media import Tier
from lambdas.encoding.models import SearchRules
from tests.encoder.ladder.films import SIZES, films

AIM = 95.5
SANDBOX = SearchRules(excerpts=6, excerpt_s=0.5, most_rungs=4, floor_kbps=400)
PRODUCTION = SearchRules(excerpts=24, excerpt_s=4, most_rungs=10, floor_kbps=150)
cases = st.sampled_from(
    [
        (Codec.H264, SIZES[:4], SANDBOX),
        (Codec.H264, SIZES[1:4], SANDBOX),
        (Codec.H264, SIZES, PRODUCTION),
        (Codec.H265, SIZES[:3], PRODUCTION),
        (Codec.AV1, SIZES, PRODUCTION),
        (Codec.H264, SIZES[-1:], PRODUCTION),
    ]
)
# A search takes a tenth of a second.
few = settings(max_examples=20)
filmed = cases.flatmap(lambda case: st.tuples(st.just(case), films(case[0], case[1])))


@few
@given(filmed)
def test_every_rung_is_on_the_hull_of_an_exhaustive_search_with_a_quarter_of_its_trials(given_film):
    (codec, sizes, rules), film = given_film
    found = search(codec, sizes, aim=AIM, rules=rules, measure=film)
    assert len(found.probes) <= len(grid_of(codec)) * len(sizes) / 4
    top = max((size.tier for size in sizes), key=list(Tier).index)
    tiers = [size.tier for size, _ in found.rungs]
    for place, (size, probe) in enumerate(found.rungs):
        # Above and below the grid's ends there is nothing to compare with.
        assume(probe.vmaf > 5)
        # The best is of the highest tier, and at its VMAF; the only one of a lower tier may be there for its key.
        if place == 0 or (tiers.count(size.tier) == 1 and size.tier is not top):
            rivals = [each for each in sizes if each.tier is size.tier]
            assert probe.kbps <= 1.03 * film.least_kbps(probe.vmaf, sizes=rivals)
        else:
            # Rarely more than 3 %: where rungs are few, and the hull between two sizes is a line that no CRF is on.
            assert probe.kbps <= 1.1 * film.hull_kbps(probe.vmaf, sizes=sizes)


@few
@given(filmed)
def test_a_rung_is_something_that_was_tried_and_nothing_is_tried_twice(given_film):
    (codec, sizes, rules), film = given_film
    found = search(codec, sizes, aim=AIM, rules=rules, measure=film)
    crfs = CRF_RANGE[codec]
    tried = [(probe.width, probe.height, probe.crf) for probe in found.probes]
    assert len(set(tried)) == len(tried)
    assert all((crf - crfs.first) % crfs.step == 0 and crfs.first <= crf <= crfs.last for _, _, crf in tried)
    assert {probe for _, probe in found.rungs} <= set(found.probes)
    assert all((size.width, size.height) == (probe.width, probe.height) for size, probe in found.rungs)


@few
@given(films(Codec.H264, SIZES))
def test_the_best_rung_reaches_the_aim_and_hardly_more(film):
    found = search(Codec.H264, SIZES, aim=AIM, rules=SANDBOX, measure=film)
    size, best = found.rungs[0]
    assert best.vmaf >= AIM
    assert film(size, best.crf + 2 * CRF_RANGE[Codec.H264].step).vmaf < AIM


def test_a_film_that_is_black_ends_the_search():
    def black(size, crf):
        return Probe(width=size.width, height=size.height, crf=crf, kbps=3.0, vmaf=97.4, vmaf_p5=97.4)

    found = search(Codec.H264, SIZES, aim=AIM, rules=PRODUCTION, measure=black)
    assert {size.tier for size, _ in found.rungs} == {Tier.HD, Tier.SD}


def test_a_film_that_rises_where_it_should_fall_ends_the_search():
    def restless(size, crf):
        jump = hash((size.height, crf)) % 7 - 3
        kbps = size.pixels / 100 * 2 ** (-(crf - 15) / 6 + jump / 20)
        return Probe(width=size.width, height=size.height, crf=crf, kbps=kbps, vmaf=90 - crf / 2 + jump, vmaf_p5=0)

    found = search(Codec.H264, SIZES, aim=AIM, rules=PRODUCTION, measure=restless)
    best, *lower = (probe.vmaf for _, probe in found.rungs)
    assert all(vmaf < best for vmaf in lower)
