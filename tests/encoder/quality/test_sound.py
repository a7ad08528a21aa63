"""Planted defects of the sound are found where they were planted, to the frame and to the millisecond."""

import math
from array import array

import pytest

from encoder.quality.clock import Clock
from encoder.quality.sync import sync_test
from lambdas.common.qc import Verdict
from lambdas.ingestion.quality import QcThresholds, judge
from tests.encoder.quality.clips import BLACK, FPS, SAMPLES, WHITE, quiet, tone, write

FLASHES = (25, 49, 73, 97)


def verdicts(report):
    return {check.check: check.verdict for check in judge(report, QcThresholds()).checks}


def pattern(frames=120, *, late_ms=0.0, flashes=FLASHES, hz=1000.0, burst_s=0.042):
    """A flash of one frame and a burst of tone, over and over."""
    film = [WHITE if number in flashes else BLACK for number in range(frames)]
    sound = array("h", bytes(4 * round(frames / FPS * SAMPLES)))
    for flash in flashes:
        start = round((flash / FPS + late_ms / 1000) * SAMPLES)
        for number in range(round(burst_s * SAMPLES)):
            value = round(12000 * math.sin(2 * math.pi * hz * number / SAMPLES))
            sound[2 * (start + number)] = sound[2 * (start + number) + 1] = value
    return film, sound


@pytest.mark.parametrize("level_db", [-30.0, -20.0])
def test_loudness_and_peak_are_those_of_the_tone(measure, moving, level_db):
    found = measure(moving[:96], sound=tone(4.004, level_db=level_db)).sound[0]
    # BS.1770: a sine of 997 Hz has the loudness of its RMS level, and a second channel adds three decibels.
    assert found.integrated_lkfs == pytest.approx(level_db + 3.01, abs=0.2)
    assert found.true_peak_dbtp == pytest.approx(level_db + 3.01, abs=0.2)
    assert found.loudness_range_lu == pytest.approx(0, abs=0.5)
    assert found.channels == 2


def test_a_peak_between_the_samples_is_found(measure, moving):
    # A quarter of the sampling rate, 45 degrees off: no sample comes within 3 dB of the wave's top.
    sound = array("h")
    for number in range(3 * SAMPLES):
        value = round(32000 * math.sin(math.pi / 2 * number + math.pi / 4))
        sound.extend((value, value))
    found = measure(moving[:72], sound=sound).sound[0]
    assert found.true_peak_dbtp > 20 * math.log10(max(sound) / 32768) + 2


def test_silence_is_found_to_the_frame(measure, moving):
    sound = quiet(tone(240 / FPS), first_s=72 / FPS, last_s=168 / FPS)
    found = measure(moving[:240], sound=sound).sound[0]
    for spans in (found.silence, found.digital_silence):
        assert spans.count == 1
        assert abs(spans.spans[0].first_frame - 72) <= 1
        assert abs(spans.spans[0].last_frame - 167) <= 1


def test_quiet_noise_is_silent_and_not_digitally_so(measure, moving):
    sound = tone(2.0) + array("h", (number * 7919 % 11 - 5 for number in range(6 * SAMPLES))) + tone(2.0)
    found = measure(moving[:168], sound=sound).sound[0]
    assert found.silence.count == 1
    assert found.digital_silence.count == 0


def test_silence_to_the_end_is_found(measure, moving):
    found = measure(moving[:120], sound=quiet(tone(120 / FPS), first_s=2.0, last_s=120 / FPS)).sound[0]
    assert found.silence.spans[0].last_frame >= 118


def test_a_silent_track_has_no_loudness_and_asks_for_a_person(measure, moving):
    report = measure(moving[:72], sound=array("h", bytes(4 * 3 * SAMPLES)))
    assert report.sound[0].integrated_lkfs is None
    assert report.sound[0].true_peak_dbtp is None
    assert verdicts(report)["loudness"] is Verdict.REVIEW


@pytest.mark.parametrize("container_ms", [0, 30, 45])
def test_a_late_start_of_the_sound_is_measured(measure, moving, container_ms):
    report = measure(moving[:96], sound=tone(4.004), before=("-itsoffset", f"{container_ms / 1000}"))
    assert report.sound[0].start_skew_ms == pytest.approx(container_ms, abs=1)
    assert report.sound[0].duration_skew_ms == pytest.approx(0, abs=2)
    assert verdicts(report)["av_start_skew"] is (Verdict.FAIL if container_ms == 45 else Verdict.PASS)


@pytest.mark.parametrize(("seconds", "skew_ms"), [(3.0, -1004), (5.0, 996)])
def test_a_track_of_another_length_is_measured(measure, moving, seconds, skew_ms):
    report = measure(moving[:96], sound=tone(seconds))
    assert report.sound[0].duration_skew_ms == pytest.approx(skew_ms, abs=2)
    assert verdicts(report)["av_duration_skew"] is Verdict.REVIEW


@pytest.mark.parametrize("late_ms", [-120, -45, -30, 0, 17, 30, 45, 200])
def test_the_offset_of_a_flash_and_beep_pattern_is_measured(measure, late_ms):
    film, sound = pattern(late_ms=late_ms)
    report = measure(film, sound=sound)
    found = report.sound[0].sync
    assert found.offset_ms == pytest.approx(late_ms, abs=2)
    assert found.pairs == len(FLASHES)
    assert [span.first_frame for span in found.spans.spans] == list(FLASHES)
    assert verdicts(report)["av_sync"] is (Verdict.FAIL if abs(late_ms) > 40 else Verdict.PASS)


def test_a_track_that_the_container_shifts_is_late_by_both_measures(measure):
    film, sound = pattern()
    report = measure(film, sound=sound, before=("-itsoffset", "0.045"))
    assert report.sound[0].start_skew_ms == pytest.approx(45, abs=1)
    assert report.sound[0].sync.offset_ms == pytest.approx(45, abs=2)


def test_a_pattern_over_a_film_is_found_as_well(measure, moving):
    _, sound = pattern(late_ms=60, burst_s=0.1)
    film = [WHITE if number in FLASHES else frame for number, frame in enumerate(moving[:120])]
    assert measure(film, sound=sound).sound[0].sync.offset_ms == pytest.approx(60, abs=2)


@pytest.mark.parametrize("flashes", [(), (25, 49)])
def test_fewer_than_three_pairs_are_no_pattern(measure, flashes):
    film, sound = pattern(flashes=flashes)
    assert measure(film, sound=sound).sound[0].sync is None


def test_flashes_over_a_steady_tone_are_no_pattern(measure):
    film, _ = pattern()
    assert measure(film, sound=tone(120 / FPS)).sound[0].sync is None


def test_beeps_without_flashes_are_no_pattern(measure, moving):
    _, sound = pattern()
    assert measure(moving[:120], sound=sound).sound[0].sync is None


CLOCK = Clock(rate=24)


def luma(*flashes, frames=240):
    return [1.0 if number in flashes else 0.0 for number in range(frames)]


def bangs(*times_s, decay_s=0.08, seconds=10):
    """What a drum leaves in an envelope: a blow that dies away at once."""
    envelope = [1e-7] * (seconds * 1000)
    for time_s in times_s:
        for step in range(500):
            envelope[round(time_s * 1000) + step] += math.exp(-step / 1000 / decay_s * 5)
    return envelope


def test_lightning_and_thunder_are_no_pattern():
    found = sync_test(
        luma(24, 60, 130, 190), bangs(1.4, 2.9, 6.3, 8.2), envelope_hz=1000, picture_start_s=0, clock=CLOCK
    )
    assert found is None


def test_shots_and_their_muzzle_flashes_are_no_pattern():
    # They come together; but a shot is no tone that holds its level.
    flashes = (24, 60, 130, 190)
    times = [flash / 24 + 0.1 for flash in flashes]
    assert sync_test(luma(*flashes), bangs(*times), envelope_hz=1000, picture_start_s=0, clock=CLOCK) is None


def test_a_scene_that_stays_bright_is_no_flash():
    steps = [0.0 if number // 48 % 2 else 1.0 for number in range(240)]
    assert sync_test(steps, bangs(2, 4, 6, 8), envelope_hz=1000, picture_start_s=0, clock=CLOCK) is None


def test_each_track_is_measured_for_itself(measure, moving, tmp_path):
    second = write(tmp_path / "second.mov", moving[:24], sound=tone(72 / FPS, level_db=-40.0))
    report = measure(
        moving[:72],
        sound=tone(72 / FPS, level_db=-30.0),
        before=("-i", second),
        after=("-map", "2:a", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra"),
    )
    assert [(found.stream, found.language) for found in report.sound] == [(0, "eng"), (1, "fra")]
    assert {round(found.integrated_lkfs) for found in report.sound} == {-27, -37}
