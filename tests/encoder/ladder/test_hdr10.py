"""HDR10 rungs beside a ladder in SDR, of films that are a formula."""

import pytest

pytest.importorskip("scipy", reason="needs requirements-sandbox.txt: scipy")
pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from hypothesis import given, settings
from hypothesis import strategies as st

from encoder.codecs import CRF_RANGE
from encoder.ladder.hdr10 import Rung, mirrored
from encoder.ladder.search import grid_of
from lambdas.common.ladder import Codec, Probe
from tests.encoder.ladder.films import SIZES, films

AIM, TRIALS, FIRST = 95.5, 5, 8
codecs = st.sampled_from([Codec.H265, Codec.AV1])
filmed = codecs.flatmap(lambda codec: st.tuples(st.just(codec), films(codec, SIZES)))


class Hdr:
    """What a film gives in HDR10: at each CRF, what a higher one gives in SDR."""

    def __init__(self, film, *, shift):
        self.film, self.shift, self.tried = film, shift, []

    def __call__(self, size, crf):
        self.tried.append((size, crf))
        return self.film(size, crf + self.shift).model_copy(update={"crf": crf})


@settings(max_examples=40)
@given(filmed, st.floats(0, 8), st.integers(1, len(SIZES)))
def test_the_best_rung_reaches_the_aim_and_not_much_more_and_the_others_follow(given_film, shift, count):
    codec, film = given_film
    crfs, hdr = CRF_RANGE[codec], Hdr(film, shift=shift * (2 if codec is Codec.AV1 else 1))
    reaches = [crf for crf in grid_of(codec) if film(SIZES[0], crf).vmaf >= AIM]
    begin = max(reaches, default=crfs.first)
    rungs = [Rung(size, begin + 2 * number) for number, size in enumerate(SIZES[:count])]
    (size, best), *lower = mirrored(rungs, codec=codec, aim=AIM, measure=hdr)
    assert size == rungs[0].size
    assert len([tried for tried, _ in hdr.tried if tried == size]) <= TRIALS
    if film(size, FIRST + hdr.shift).vmaf >= AIM:
        assert AIM <= best.vmaf <= AIM + 1.5 or best.crf == crfs.last
    for (smaller, probe), (larger, before) in zip(lower, [(size, best), *lower], strict=False):
        assert (probe.vmaf < before.vmaf, probe.kbps < before.kbps) == (True, True)
        assert larger.pixels > smaller.pixels
        [rung] = [rung for rung in rungs if rung.size == smaller]
        assert probe.crf - rung.crf == best.crf - begin or probe.crf in {FIRST, crfs.last}


def test_without_a_size_in_hdr10_there_is_no_rung_and_no_trial():
    assert mirrored([], codec=Codec.H265, aim=AIM, measure=None) == ()


@pytest.mark.parametrize("vmaf", [90.0, 99.0])
def test_a_film_that_gives_the_same_at_every_crf_ends_the_trials(vmaf):
    tried = []

    def measure(size, crf):
        tried.append(crf)
        return Probe(width=size.width, height=size.height, crf=crf, kbps=1 / crf, vmaf=vmaf, vmaf_p5=vmaf)

    [(_, best)] = mirrored([Rung(SIZES[0], 22.0), Rung(SIZES[1], 26.0)], codec=Codec.H265, aim=AIM, measure=measure)
    assert best.vmaf == vmaf
    assert len(tried) <= TRIALS + 1
