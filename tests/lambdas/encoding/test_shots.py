"""What encoding reads of the analysis's report."""

import pytest

from lambdas.common.errors import InvalidInputError
from lambdas.encoding.shots import shots_in
from lambdas.ingestion.analysis import AnalysisReport, Shot
from tests.lambdas.ingestion.conftest import measured


def report(*shots):
    return AnalysisReport.model_validate(measured() | {"shots": shots}).model_dump_json().encode()


def shot(first_frame, **told):
    return Shot(first_frame=first_frame, start_s=first_frame / 24, timecode="00:00:00:00", score=0.0, **told)


def test_shots_are_told_with_their_complexity():
    shots = shots_in(report(shot(0, complexity=1.5), shot(48, complexity=0.0), shot(50)))
    assert [(each.first_frame, each.complexity) for each in shots] == [(0, 1.5), (48, 0.0), (50, None)]


def test_shots_of_an_older_report_have_no_complexity():
    older = b'{"shots": [{"first_frame": 0, "start_s": 0.0, "timecode": "00:00:00:00", "score": 0.0}]}'
    assert [(each.first_frame, each.complexity) for each in shots_in(older)] == [(0, None)]
    assert shots_in(b"{}") == ()


@pytest.mark.parametrize("body", [b"no JSON", b'{"shots": [{"first_frame": -1}]}', b'{"shots": "many"}'])
def test_what_is_no_report_is_refused(body):
    with pytest.raises(InvalidInputError):
        shots_in(body)
