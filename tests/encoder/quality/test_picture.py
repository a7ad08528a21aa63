"""Planted defects of the picture are found where they were planted, and nowhere else."""

import pytest

from lambdas.common.qc import Verdict
from lambdas.ingestion.quality import QcThresholds, judge
from tests.encoder.quality.clips import BLACK, CHROMA, HEIGHT, LUMA, WIDTH, barred, outside, woven


def only(spans):
    assert spans.count == 1, spans
    return spans.spans[0].first_frame, spans.spans[0].last_frame


def near(found, planted):
    return all(abs(one - other) <= 1 for one, other in zip(found, planted, strict=True))


def test_a_clean_film_has_nothing_to_find(measure, moving):
    report = measure(moving[:120])
    assert report.frames == 120
    assert (report.black.count, report.freeze.count, report.interlacing.interlaced_frames) == (0, 0, 0)
    assert (report.repetition.repeated_frames, report.repetition.dead.count) == (0, 0)
    assert report.levels.outside_percent < 0.1
    assert report.aspect.bars_percent == 0
    assert report.sound == ()


def test_several_defects_in_one_film_are_told_apart(measure, moving):
    film = list(moving[:240])
    film[30:60] = [BLACK] * 30
    film[90:130] = [film[90]] * 40
    film[150:174] = [film[150 + index // 2 * 2] for index in range(24)]
    film[200] = BLACK
    report = measure(film)
    assert near(only(report.black), (30, 59))
    assert near(only(report.freeze), (90, 129))
    assert near(only(report.repetition.spans), (151, 173))
    assert report.repetition.every == 2
    assert only(report.repetition.dead) == (200, 200)
    assert report.interlacing.interlaced_frames == 0


def test_time_codes_and_seconds_are_those_of_the_frame(measure, moving):
    film = list(moving[:120])
    film[50:80] = [BLACK] * 30
    span = measure(film).black.spans[0]
    assert span.timecode == "00:00:02:02"
    assert span.start_s == pytest.approx(50 * 1001 / 24000, abs=1e-6)
    assert span.end_s == pytest.approx(80 * 1001 / 24000, abs=1e-6)


@pytest.mark.parametrize("where", ["beginning", "end"])
def test_black_at_either_end_is_counted_to_its_last_frame(measure, moving, where):
    film = [BLACK] * 36 + moving[:36] if where == "beginning" else moving[:36] + [BLACK] * 36
    assert near(only(measure(film).black), (0, 35) if where == "beginning" else (36, 71))


def test_a_black_stretch_is_not_a_freeze_as_well(measure, moving):
    report = measure(moving[:24] + [BLACK] * 48 + moving[24:48])
    assert report.black.count == 1
    assert report.freeze.count == 0


def test_a_freeze_that_lasts_to_the_end_is_found(measure, moving):
    film = moving[:40] + [moving[40]] * 40
    assert near(only(measure(film).freeze), (40, 79))


def test_a_single_repeated_frame_is_found_in_a_movement(measure, moving):
    film = [*moving[:60], moving[59], *moving[60:100]]
    report = measure(film)
    assert only(report.repetition.spans) == (60, 60)
    assert report.repetition.repeated_frames == 1


def test_a_film_of_24_frames_filled_up_to_25_shows_its_cadence(measure, moving):
    film = [frame for number, frame in enumerate(moving[:120]) for frame in [frame] * (2 if number % 24 == 7 else 1)]
    report = measure(film, rate="25/1")
    assert report.repetition.repeated_frames == 5
    assert report.repetition.every == 25
    assert near(only(report.repetition.spans), (8, 108))


def test_a_picture_that_rests_before_a_cut_is_no_repetition(measure, moving):
    upside_down = [frame[: WIDTH * HEIGHT][::-1] + frame[WIDTH * HEIGHT :] for frame in moving[60:100]]
    film = moving[:60] + [moving[59]] * 4 + upside_down
    assert measure(film).repetition.repeated_frames == 0


def test_interlaced_frames_are_found_among_progressive_ones(measure, moving):
    film = list(moving[:40])
    film += [woven(moving[40 + 2 * index], moving[41 + 2 * index]) for index in range(40)]
    film += moving[120:160]
    report = measure(film)
    assert near(only(report.interlacing.spans), (40, 79))
    assert judge(report, QcThresholds()).verdict is Verdict.FAIL


@pytest.mark.parametrize(("top", "left"), [(22, 0), (0, 40)])
def test_burnt_in_bars_are_measured(measure, moving, top, left):
    shape = measure([barred(frame, top=top, left=left) for frame in moving[:30]]).aspect
    assert (shape.width, shape.height) == (WIDTH, HEIGHT)
    for found, planted in ((shape.bar_top, top), (shape.bar_bottom, top), (shape.bar_left, left)):
        assert abs(found - planted) <= 1
    assert shape.bars_percent == pytest.approx(max(200 * top / HEIGHT, 200 * left / WIDTH), abs=1)


def test_bars_under_half_of_the_film_are_not_burnt_in(measure, moving):
    film = [barred(frame, top=22) for frame in moving[:30]] + moving[30:60]
    assert measure(film).aspect.bars_percent == 0


def test_samples_that_are_not_square_are_read_from_the_file(measure, moving):
    report = measure(moving[:30], after=("-vf", "setsar=64/45", "-c:v", "libx264", "-preset", "ultrafast"))
    assert report.aspect.sample_aspect == "64/45"
    checks = {check.check: check.verdict for check in judge(report, QcThresholds()).checks}
    assert checks["aspect"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("pixels", "codec"),
    [
        ("yuv420p", ("libx264", "-qp", "0")),
        ("yuv422p10le", ("libx264", "-qp", "0")),
        ("yuv444p10le", ("libx264", "-qp", "0")),
    ],
)
def test_levels_outside_the_range_are_measured_in_samples(measure, moving, pixels, codec):
    # Without colour: making 4:2:2 of 4:2:0 would overshoot.
    film = [frame[:LUMA] + bytes([128]) * CHROMA for frame in moving[:60]]
    film[20:40] = [outside(frame, share=0.25) for frame in film[20:40]]
    report = measure(film, after=("-pix_fmt", pixels, "-c:v", *codec))
    assert report.levels.outside_percent == pytest.approx(25 / 3, abs=0.5)
    assert report.levels.worst_frame_percent == pytest.approx(25, abs=1)
    assert near(only(report.levels.spans), (20, 39))


def test_a_film_with_an_alpha_channel_is_measured_as_any(measure):
    # Grey, because ProRes rings where the picture has hard edges.
    grey = bytes([126]) * LUMA + bytes([128]) * CHROMA
    film = [outside(grey, share=0.4)] * 20
    report = measure(film, after=("-pix_fmt", "yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444"))
    assert report.levels.outside_percent == pytest.approx(40, abs=1.5)


def test_full_range_samples_are_outside_whatever_the_file_says_of_its_range(measure, moving):
    film = [outside(frame, share=0.5) for frame in moving[:20]]
    report = measure(film, after=("-vf", "setparams=range=pc", "-c:v", "libx264", "-qp", "0"))
    assert report.levels.outside_percent == pytest.approx(50, abs=1)


def test_rgb_has_no_range_to_leave(measure, moving):
    film = [outside(frame, share=0.5) for frame in moving[:20]]
    report = measure(film, after=("-pix_fmt", "gbrp", "-c:v", "libx264rgb", "-qp", "0"))
    assert report.levels.outside_percent == 0


def test_a_cut_begins_a_shot_and_a_movement_does_not(measure, moving):
    upside_down = [frame[: WIDTH * HEIGHT][::-1] + frame[WIDTH * HEIGHT :] for frame in moving[:30]]
    shots = measure(moving[:40] + upside_down).shots
    assert [shot.first_frame for shot in shots] == [0, 40]
    assert shots[1].timecode == "00:00:01:16"
