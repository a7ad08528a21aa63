"""Every planted defect, measured and judged as the workflow does it: the right check, verdict and frames."""

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from encoder.analyse import measure
from lambdas.common.keys import Analysis
from lambdas.common.qc import Verdict
from lambdas.ingestion.quality import QcThresholds, judge
from tests.hostile.deliveries import FILM, PLANTED, clips_of


@pytest.fixture(scope="module")
def rendered(workshop):
    workshop.render((FILM, *clips_of(PLANTED)))
    return workshop


@pytest.fixture
def judged(rendered, tmp_path):
    """The checks of a clip, by their names."""

    def run(clip):
        report = measure(rendered.path(clip), folder=tmp_path, analysis=Analysis("v1"))
        return {check.check: check for check in judge(report, QcThresholds()).checks}

    return run


def test_a_film_without_a_defect_passes_every_check(judged):
    assert {check.verdict for check in judged(FILM).values()} == {Verdict.PASS}


@pytest.mark.parametrize("hostile", PLANTED, ids=lambda hostile: hostile.name)
def test_a_planted_defect_is_found_where_it_is_and_nothing_else(judged, hostile):
    planted = hostile.planted
    checks = judged(*hostile.clips)
    assert checks[planted.check].verdict is planted.verdict
    assert {name for name, check in checks.items() if check.verdict is not Verdict.PASS} <= {planted.check}
    if planted.frames:
        found = checks[planted.check].at[0]
        assert (found.first_frame, found.last_frame) == pytest.approx(planted.frames, abs=1)


def test_the_offset_of_sound_is_measured_to_a_millisecond(judged):
    late = {hostile.name: hostile for hostile in PLANTED}["sound-45-ms-late"]
    assert judged(*late.clips)["av_sync"].measured == pytest.approx(45, abs=1)
