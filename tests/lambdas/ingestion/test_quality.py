"""The judge: each verdict follows from the measurement and the thresholds, and never improves as it gets worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.common.qc import TimeSpan, Verdict, worst
from lambdas.ingestion.analysis import (
    MOST_SHOTS,
    SPANS_KEPT,
    AnalysisReport,
    Aspect,
    Interlacing,
    Levels,
    Repetition,
    Shot,
    Sound,
    Spans,
    SyncTest,
)
from lambdas.ingestion.handlers import REPORT_LIMIT
from lambdas.ingestion.quality import QcThresholds, judge

LIMITS = QcThresholds()
NAMES = [
    "black",
    "freeze",
    "silence",
    "loudness",
    "true_peak",
    "av_start_skew",
    "av_duration_skew",
    "av_sync",
    "interlacing",
    "duplicate_frames",
    "aspect",
    "levels",
]
PASS, REVIEW, FAIL = Verdict.PASS, Verdict.REVIEW, Verdict.FAIL


def spans(longest_s, *, count=1, first_frame=48):
    if not longest_s:
        return Spans()
    frames = max(1, round(longest_s * 24))
    span = TimeSpan(
        start_s=first_frame / 24,
        end_s=first_frame / 24 + longest_s,
        first_frame=first_frame,
        last_frame=first_frame + frames - 1,
        timecode="00:00:02:00",
    )
    return Spans(count=count, total_frames=frames, longest_s=longest_s, spans=(span,))


def sync(offset_ms):
    return SyncTest(pairs=5, offset_ms=offset_ms, spread_ms=1.0, spans=spans(0.04))


def sound(**changes):
    values = {
        "stream": 0,
        "channels": 2,
        "start_skew_ms": 0.0,
        "duration_skew_ms": 0.0,
        "integrated_lkfs": -27.0,
        "loudness_range_lu": 8.0,
        "true_peak_dbtp": -6.0,
        "silence": Spans(),
        "digital_silence": Spans(),
    }
    return Sound.model_validate({**values, **changes})


def report(**changes):
    values = {
        "frames": 2400,
        "frame_rate": "24/1",
        "duration_s": 100.0,
        "repetition": Repetition(repeated_frames=0, spans=Spans(), dead=Spans()),
        "interlacing": Interlacing(determined_frames=2000, interlaced_frames=0, spans=Spans()),
        "aspect": aspect(),
        "levels": levels(0.0),
        "sound": (sound(),),
        "thumbnails": "analysis/v1/thumbnails/thumbnails.vtt",
        "thumbnail_count": 10,
        "analysis_s": 20.0,
    }
    return AnalysisReport.model_validate({**values, **changes})


def test_the_longest_report_can_be_read():
    """A report that is too large fails in the judge: whatever a film is like, its report has to stay below that."""
    shot = Shot(first_frame=9_999_999, start_s=199_999.123456, timecode="23:59:59:23", score=99.123, complexity=4.123)
    long = TimeSpan(
        start_s=199_999.123456,
        end_s=199_999.123456,
        first_frame=9_999_999,
        last_frame=9_999_999,
        timecode="23:59:59:23",
        still=f"analysis/v0123456789abcdef/stills/duplicate_frames-{'9' * 8}.jpg",
    )
    full = Spans(count=9_999_999, total_frames=9_999_999, longest_s=199_999.123456, spans=(long,) * SPANS_KEPT)
    tracks = (sound(silence=full, digital_silence=full, sync=sync(1.0).model_copy(update={"spans": full})),) * 32
    found = {"black": full, "freeze": full, "sound": tracks, "repetition": repetition(full, dead=full)}
    largest = report(**found, shots=(shot,) * MOST_SHOTS, shot_count=400_000)
    assert len(largest.model_dump_json(indent=2)) < REPORT_LIMIT
    with pytest.raises(ValidationError, match="shots"):
        report(shots=(shot,) * (MOST_SHOTS + 1))


def test_a_report_that_is_older_than_complexity_is_judged_without_it():
    old = report().model_dump(exclude={"complexity"})
    old["shots"] = [{"first_frame": 0, "start_s": 0.0, "timecode": "00:00:00:00", "score": 0.0}]
    found = AnalysisReport.model_validate(old)
    assert found.shots[0].complexity is None
    assert judge(found, LIMITS).complexity is None
    assert judge(found, LIMITS).verdict is PASS


def repetition(spans, *, dead):
    return Repetition(repeated_frames=0, spans=spans, dead=dead)


def aspect(*, bar=0, sample_aspect="1/1"):
    return Aspect(
        width=1920, height=1080, sample_aspect=sample_aspect, bar_top=bar, bar_bottom=bar, bar_left=0, bar_right=0
    )


def levels(percent, *, longest_s=0.0):
    return Levels(outside_percent=percent, worst_frame_percent=percent, spans=spans(longest_s))


def interlaced(percent):
    return Interlacing(determined_frames=1000, interlaced_frames=round(10 * percent), spans=spans(1.0))


def repeated(frames):
    return Repetition(repeated_frames=round(frames), spans=spans(frames / 24), dead=Spans())


def check(name, found):
    return next(entry for entry in judge(found, LIMITS).checks if entry.check == name)


def by_sound(**changes):
    return report(sound=(sound(**changes),))


# How a report comes to a measurement, and from where on it may not pass.
MAKERS = {
    "black": lambda value: report(black=spans(value)),
    "freeze": lambda value: report(freeze=spans(value)),
    "silence": lambda value: by_sound(silence=spans(value)),
    "loudness": lambda value: by_sound(integrated_lkfs=-27.0 + value),
    "true_peak": lambda value: by_sound(true_peak_dbtp=value - 20.0),
    "av_start_skew": lambda value: by_sound(start_skew_ms=value),
    "av_duration_skew": lambda value: by_sound(duration_skew_ms=value),
    "av_sync": lambda value: by_sound(sync=sync(value)),
    "interlacing": lambda value: report(interlacing=interlaced(min(value, 100))),
    "duplicate_frames": lambda value: report(repetition=repeated(value)),
    "aspect": lambda value: report(aspect=aspect(bar=min(539, round(value)))),
    "levels": lambda value: report(levels=levels(min(value, 100))),
}


def test_a_clean_film_passes_every_check_once():
    judged = judge(report(), LIMITS)
    assert judged.verdict is PASS
    assert [entry.check for entry in judged.checks] == NAMES
    assert {entry.verdict for entry in judged.checks} == {PASS}
    assert all(entry.message and entry.threshold and entry.unit for entry in judged.checks)


@pytest.mark.parametrize("name", NAMES)
@given(one=st.floats(min_value=0, max_value=3000), other=st.floats(min_value=0, max_value=3000))
def test_a_verdict_never_improves_as_the_measurement_gets_worse(name, one, other):
    order = list(Verdict)
    better, worse = (check(name, MAKERS[name](value)).verdict for value in sorted((one, other)))
    assert order.index(better) <= order.index(worse)


@pytest.mark.parametrize("name", ["loudness", "av_start_skew", "av_duration_skew", "av_sync"])
@given(value=st.floats(min_value=0, max_value=3000))
def test_too_early_or_quiet_is_as_bad_as_too_late_or_loud(name, value):
    assert check(name, MAKERS[name](value)).verdict is check(name, MAKERS[name](-value)).verdict


@pytest.mark.parametrize(
    ("name", "found", "verdict"),
    [
        ("black", report(black=spans(4.0)), PASS),
        ("black", report(black=spans(4.05)), REVIEW),
        ("black", report(black=spans(61.0)), FAIL),
        ("freeze", report(freeze=spans(5.0)), REVIEW),
        ("freeze", report(freeze=spans(61.0)), FAIL),
        ("silence", by_sound(silence=spans(9.0)), PASS),
        ("silence", by_sound(silence=spans(11.0)), REVIEW),
        ("silence", by_sound(silence=spans(9.0), digital_silence=spans(6.0)), REVIEW),
        ("silence", by_sound(silence=spans(121.0)), FAIL),
        ("loudness", by_sound(integrated_lkfs=-25.0), PASS),
        ("loudness", by_sound(integrated_lkfs=-24.5), REVIEW),
        ("loudness", by_sound(integrated_lkfs=-20.5), FAIL),
        ("loudness", by_sound(integrated_lkfs=None), REVIEW),
        ("loudness", report(sound=()), REVIEW),
        ("true_peak", by_sound(true_peak_dbtp=-2.0), PASS),
        ("true_peak", by_sound(true_peak_dbtp=-1.0), REVIEW),
        ("true_peak", by_sound(true_peak_dbtp=1.5), FAIL),
        ("true_peak", by_sound(true_peak_dbtp=None), PASS),
        ("av_start_skew", by_sound(start_skew_ms=30.0), PASS),
        ("av_start_skew", by_sound(start_skew_ms=-45.0), FAIL),
        ("av_duration_skew", by_sound(duration_skew_ms=-500.0), REVIEW),
        ("av_duration_skew", by_sound(duration_skew_ms=2500.0), FAIL),
        ("av_sync", by_sound(sync=None), PASS),
        ("av_sync", by_sound(sync=sync(30.0)), PASS),
        ("av_sync", by_sound(sync=sync(45.0)), FAIL),
        ("av_sync", by_sound(sync=sync(-45.0)), FAIL),
        ("interlacing", report(interlacing=interlaced(5)), REVIEW),
        ("interlacing", report(interlacing=interlaced(40)), FAIL),
        ("interlacing", report(interlacing=Interlacing(determined_frames=0, interlaced_frames=0, spans=Spans())), PASS),
        ("duplicate_frames", report(repetition=repeated(2)), PASS),
        ("duplicate_frames", report(repetition=repeated(12)), REVIEW),
        ("aspect", report(aspect=aspect(bar=132)), REVIEW),
        ("aspect", report(aspect=aspect(sample_aspect="64/45")), FAIL),
        ("levels", report(levels=levels(0.5)), PASS),
        ("levels", report(levels=levels(1.5)), REVIEW),
        ("levels", report(levels=levels(0.2, longest_s=3.0)), REVIEW),
        ("levels", report(levels=levels(12.0)), FAIL),
    ],
)
def test_each_check_judges_by_its_thresholds(name, found, verdict):
    assert check(name, found).verdict is verdict
    others = {entry.check: entry.verdict for entry in judge(found, LIMITS).checks if entry.check != name}
    if found.sound:
        assert set(others.values()) == {PASS}


@given(data=st.data())
def test_the_worst_check_decides(data):
    name, other = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(NAMES))
    values = st.floats(min_value=0, max_value=3000)
    for found in (MAKERS[name](data.draw(values)), MAKERS[other](data.draw(values))):
        judged = judge(found, LIMITS)
        assert judged.verdict is worst(judged.checks)
        assert any(entry.verdict is judged.verdict for entry in judged.checks)


def test_the_worst_track_decides_and_is_named():
    found = report(sound=(sound(), sound(stream=1, language="fra", integrated_lkfs=-22.0)))
    loudness = check("loudness", found)
    assert loudness.verdict is REVIEW
    assert loudness.measured == -22.0
    assert "track 2 of 2 (fra)" in loudness.message


def test_a_silent_track_beside_a_good_one_asks_for_a_person():
    assert check("loudness", report(sound=(sound(), sound(stream=1, integrated_lkfs=None)))).verdict is REVIEW


def test_late_and_early_are_said_in_words():
    assert "45.0 ms after" in check("av_sync", by_sound(sync=sync(45.0))).message
    assert "45.0 ms before" in check("av_sync", by_sound(sync=sync(-45.0))).message
    assert "500.0 ms shorter" in check("av_duration_skew", by_sound(duration_skew_ms=-500.0)).message


def test_a_check_keeps_the_time_codes_of_what_was_found():
    found = check("black", report(black=spans(5.0)))
    assert [(span.first_frame, span.timecode) for span in found.at] == [(48, "00:00:02:00")]


def test_repeated_and_dead_frames_stand_in_the_order_of_time():
    repetition = Repetition(repeated_frames=3, every=2.0, spans=spans(0.2, first_frame=90), dead=spans(0.04))
    found = check("duplicate_frames", report(repetition=repetition))
    assert [span.first_frame for span in found.at] == [48, 90]
    assert found.measured == 4


def test_other_thresholds_judge_otherwise():
    strict = QcThresholds(loudness_target_lkfs=-23.0, black_review_s=0.5)
    judged = {entry.check: entry for entry in judge(report(black=spans(1.0)), strict).checks}
    assert judged["loudness"].verdict is REVIEW
    assert judged["loudness"].threshold.startswith("-23 LKFS ± 2")
    assert judged["black"].verdict is REVIEW


def test_thresholds_go_through_json_unchanged():
    strict = QcThresholds(sync_tolerance_ms=20.0)
    assert QcThresholds.model_validate_json(strict.model_dump_json()) == strict
