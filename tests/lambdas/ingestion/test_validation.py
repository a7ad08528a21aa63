from collections.abc import Mapping

import pytest

from lambdas.common.media import MediaFacts
from lambdas.ingestion.models import DeliveryManifest, FileInspection, InspectionReport
from lambdas.ingestion.validation import FRAME_RATES, validate
from tests.lambdas import samples

MANIFEST = DeliveryManifest.model_validate(samples.manifest())
FEATURE = FileInspection(
    name=samples.FEATURE,
    present=True,
    size_bytes=1000,
    sha256=samples.FEATURE_SHA,
    facts=samples.FACTS,
)
SUBTITLES = FileInspection(name=samples.SUBTITLES, present=True, size_bytes=100, sha256=samples.SUBTITLES_SHA)


def codes(feature: Mapping | None = None, subtitles: Mapping | None = None) -> set[tuple[str, str]]:
    report = InspectionReport(
        files=(
            FEATURE.model_copy(update=dict(feature or {})),
            SUBTITLES.model_copy(update=dict(subtitles or {})),
        )
    )
    findings = validate(MANIFEST, report)
    assert all(found.message and found.remedy for found in findings)
    return {(found.code, found.subject) for found in findings}


def facts(**changes) -> MediaFacts:
    return samples.FACTS.model_copy(update=changes)


def picture(**changes) -> dict:
    return {"facts": facts(video=samples.VIDEO.model_copy(update=changes))}


def test_a_good_delivery_has_no_findings():
    assert codes() == set()


def test_a_film_without_sound_is_a_film():
    assert codes({"facts": facts(audio=())}) == set()


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"present": False, "size_bytes": 0, "sha256": None, "facts": None, "error": "absent"}, "FILE_MISSING"),
        ({"size_bytes": 0, "facts": None, "error": "the file is empty"}, "FILE_EMPTY"),
        ({"size_bytes": 999, "sha256": "f" * 64}, "SIZE_MISMATCH"),
        ({"sha256": "f" * 64}, "CHECKSUM_MISMATCH"),
        ({"sha256": None}, "CHECKSUM_MISMATCH"),
        ({"facts": None, "error": "Invalid data found"}, "NOT_MEDIA"),
        ({"facts": None}, "NOT_MEDIA"),
        ({"error": "599 of 600 frames can be decoded"}, "DAMAGED"),
        ({"facts": facts(video=None)}, "NO_VIDEO"),
        ({"facts": facts(duration_s=3.99)}, "TOO_SHORT"),
        (picture(codec="mpeg2video"), "CODEC_NOT_ALLOWED"),
        (picture(width=638, height=360), "RESOLUTION_TOO_SMALL"),
        (picture(width=640, height=358), "RESOLUTION_TOO_SMALL"),
        (picture(frame_rate="12/1"), "FRAME_RATE_NOT_ALLOWED"),
        (picture(frame_rate="2997/100"), "FRAME_RATE_NOT_ALLOWED"),
    ],
)
def test_a_broken_rule_of_the_feature_has_its_name(measured, code):
    assert codes(measured) == {(code, samples.FEATURE)}


@pytest.mark.parametrize(
    "measured",
    [
        facts(duration_s=4.0),
        facts(video=samples.VIDEO.model_copy(update={"width": 640, "height": 360})),
        *(
            facts(video=samples.VIDEO.model_copy(update={"frame_rate": f"{r.numerator}/{r.denominator}"}))
            for r in FRAME_RATES
        ),
        facts(video=samples.VIDEO.model_copy(update={"frame_rate": "50/2"})),
        *(
            facts(video=samples.VIDEO.model_copy(update={"codec": codec}))
            for codec in ("prores", "dnxhd", "h264", "hevc")
        ),
    ],
)
def test_what_just_keeps_the_rules_is_accepted(measured):
    assert codes({"facts": measured}) == set()


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"present": False}, "FILE_MISSING"),
        ({"size_bytes": 0, "error": "the file is empty"}, "FILE_EMPTY"),
        ({"sha256": "f" * 64}, "CHECKSUM_MISMATCH"),
        ({"error": "the file does not begin with WEBVTT"}, "SUBTITLES_INVALID"),
    ],
)
def test_a_broken_rule_of_the_subtitles_has_its_name(measured, code):
    assert codes(subtitles=measured) == {(code, samples.SUBTITLES)}


def test_every_broken_rule_is_reported_at_once():
    truncated = {"size_bytes": 500, "facts": None, "error": "moov atom not found"}
    assert codes(truncated, {"sha256": "f" * 64, "error": "no cue"}) == {
        ("SIZE_MISMATCH", samples.FEATURE),
        ("NOT_MEDIA", samples.FEATURE),
        ("CHECKSUM_MISMATCH", samples.SUBTITLES),
        ("SUBTITLES_INVALID", samples.SUBTITLES),
    }
    shabby = picture(codec="mjpeg", width=320, height=240, frame_rate="15/1")
    assert {code for code, _ in codes(shabby)} == {
        "CODEC_NOT_ALLOWED",
        "RESOLUTION_TOO_SMALL",
        "FRAME_RATE_NOT_ALLOWED",
    }


def test_a_file_that_the_report_does_not_mention_is_missing():
    findings = validate(MANIFEST, InspectionReport(files=(FEATURE,)))
    assert [(found.code, found.subject) for found in findings] == [("FILE_MISSING", samples.SUBTITLES)]


def test_a_complaint_of_any_length_is_cut():
    report = InspectionReport(files=(FEATURE.model_copy(update={"error": "x" * 100_000}), SUBTITLES))
    [found] = validate(MANIFEST, report)
    assert len(found.message) < 1000
