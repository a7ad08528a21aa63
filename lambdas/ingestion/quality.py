"""Quality control: how what the analysis measured is judged. Pure: thresholds in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from pydantic import Field

from lambdas.common.media import Record
from lambdas.common.qc import Complexity, QcCheck, TimeSpan, Verdict, worst
from lambdas.ingestion.analysis import SPANS_KEPT, AnalysisReport, Sound, Spans


class QcThresholds(Record):
    """From where on a measurement asks for a person (review) or rejects a delivery (fail).

    A measurement that is equal to its threshold still passes it. What a person can only find right or wrong by
    looking (a long black, a held picture) is reviewed; what no viewer may get, or what cannot be meant, fails.
    """

    black_review_s: float = Field(default=4.0, description="longest black; fades and title cards stay under it")
    black_fail_s: float = Field(default=60.0, description="a black minute is an export that lost its picture")
    freeze_review_s: float = Field(default=4.0, description="longest still picture; cards and logos stay under it")
    freeze_fail_s: float = Field(default=60.0, description="a minute of one picture is no film")
    silence_review_s: float = Field(default=10.0, description="longest silence; room tone is louder than -60 dBFS")
    silence_fail_s: float = Field(default=120.0, description="the track ends before the film does, or has a hole")
    digital_silence_review_s: float = Field(
        default=5.0, description="longest run of zero samples: a mix is never quite silent, a hole in it is"
    )
    # Netflix publishes -27 LKFS ± 2 LU, dialogue-gated, and a true peak of at most -2 dBTP. EBU R 128 is measured
    # over the whole programme (its own target is -23 LUFS): without a dialogue gate the tolerance is for both.
    loudness_target_lkfs: float = Field(default=-27.0, description="of the programme, EBU R 128's integrated loudness")
    loudness_tolerance_lu: float = Field(default=2.0, description="beyond it: review")
    loudness_fail_lu: float = Field(default=6.0, description="beyond it: the mix is for another outlet")
    true_peak_review_dbtp: float = Field(default=-2.0, description="highest that passes, between the samples too")
    true_peak_fail_dbtp: float = Field(default=1.0, description="over full scale by so much, it distorts")
    # ITU-R BT.1359 finds lips out of step from 45 ms of early and 125 ms of late sound on; the source document asks
    # for 40 ms either way, which keeps a share for what players add.
    sync_tolerance_ms: float = Field(default=40.0, description="either way; beyond it: fail")
    duration_skew_review_ms: float = Field(default=100.0, description="some frames: a codec's block, a mixer's tail")
    duration_skew_fail_ms: float = Field(default=2000.0, description="sound or picture is of another cut")
    interlaced_review_percent: float = Field(default=1.0, description="an archive shot, perhaps")
    interlaced_fail_percent: float = Field(default=10.0, description="combed on every screen; telecine shows 40")
    repeated_review_frames: int = Field(default=2, description="repeated and dead frames; animation on twos is meant")
    bars_review_percent: float = Field(default=2.0, description="of the picture's height or width")
    sample_aspect_tolerance_percent: float = Field(default=0.5, description="from square samples; beyond it: fail")
    # EBU R 103 lets equipment signal a gamut error from 1 % of the picture on.
    levels_review_percent: float = Field(default=1.0, description="of the film's samples outside the legal range")
    levels_fail_percent: float = Field(default=10.0, description="full-range samples in a file that means video range")
    levels_review_s: float = Field(default=2.0, description="longest run of frames of which 1 % is outside")


class QualityReport(Record):
    """Every check of one delivery, and the verdict of the worst; and its complexity, which nobody judges."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    checks: tuple[QcCheck, ...]
    complexity: Complexity | None = Field(default=None, description="none: not measured")


def judge(report: AnalysisReport, thresholds: QcThresholds) -> QualityReport:
    """Return the verdict of every check; the delivery's is the worst of them.

    Parameters
    ----------
    report
        What the analysis measured.
    thresholds
        The settings' (``IngestionSettings.quality``).
    """
    checks = tuple(check(report, thresholds) for check in _CHECKS)
    return QualityReport(verdict=worst(checks), checks=checks, complexity=report.complexity)


def _graded(value: float, *, review: float | None = None, fail: float | None = None) -> Verdict:
    if fail is not None and value > fail:
        return Verdict.FAIL
    if review is not None and value > review:
        return Verdict.REVIEW
    return Verdict.PASS


def _black(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    return QcCheck(
        check="black",
        verdict=_graded(report.black.longest_s, review=limits.black_review_s, fail=limits.black_fail_s),
        measured=report.black.longest_s,
        unit="s",
        threshold=f"at most {limits.black_review_s:g} s at a time; over {limits.black_fail_s:g} s fails",
        message=_longest("black picture", report.black),
        at=report.black.spans,
    )


def _freeze(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    return QcCheck(
        check="freeze",
        verdict=_graded(report.freeze.longest_s, review=limits.freeze_review_s, fail=limits.freeze_fail_s),
        measured=report.freeze.longest_s,
        unit="s",
        threshold=f"at most {limits.freeze_review_s:g} s at a time; over {limits.freeze_fail_s:g} s fails",
        message=_longest("picture that stands still", report.freeze),
        at=report.freeze.spans,
    )


def _silence(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    threshold = (
        f"at most {limits.silence_review_s:g} s under -60 dBFS, or {limits.digital_silence_review_s:g} s of zeros, "
        f"at a time; over {limits.silence_fail_s:g} s fails"
    )
    if not report.sound:
        return _unmeasured("silence", unit="s", threshold=threshold, message="the film has no sound")

    def verdict(sound: Sound) -> Verdict:
        digital = _graded(sound.digital_silence.longest_s, review=limits.digital_silence_review_s)
        level = _graded(sound.silence.longest_s, review=limits.silence_review_s, fail=limits.silence_fail_s)
        return max(digital, level, key=_SEVERITY.index)

    sound = max(report.sound, key=lambda sound: (_SEVERITY.index(verdict(sound)), sound.silence.longest_s))
    zeros = f"; {sound.digital_silence.longest_s:.2f} s of zeros at a time" if sound.digital_silence.count else ""
    return QcCheck(
        check="silence",
        verdict=verdict(sound),
        measured=sound.silence.longest_s,
        unit="s",
        threshold=threshold,
        message=f"{_longest('silence', sound.silence)}{zeros}{_of_stream(sound, report)}",
        at=sound.silence.spans,
    )


def _loudness(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    target, unit = limits.loudness_target_lkfs, "LKFS"
    threshold = (
        f"{target:g} LKFS ± {limits.loudness_tolerance_lu:g}; more than {limits.loudness_fail_lu:g} LU off fails"
    )
    measured = [(sound, sound.integrated_lkfs) for sound in report.sound if sound.integrated_lkfs is not None]
    if len(measured) < len(report.sound) or not measured:
        what = "a track is silent throughout" if report.sound else "the film has no sound"
        return _unmeasured(
            "loudness", unit=unit, threshold=threshold, message=f"{what}: is that meant?", verdict=Verdict.REVIEW
        )
    sound, loudness = max(measured, key=lambda found: abs(found[1] - target))
    off = round(loudness - target, 2)
    return QcCheck(
        check="loudness",
        verdict=_graded(abs(off), review=limits.loudness_tolerance_lu, fail=limits.loudness_fail_lu),
        measured=loudness,
        unit=unit,
        threshold=threshold,
        message=f"the programme has {loudness:.1f} LKFS, {abs(off):.1f} LU {'over' if off > 0 else 'under'} the "
        f"target, and a range of {sound.loudness_range_lu:.1f} LU{_of_stream(sound, report)}",
    )


def _true_peak(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    unit = "dBTP"
    threshold = f"at most {limits.true_peak_review_dbtp:g} dBTP; over {limits.true_peak_fail_dbtp:g} dBTP fails"
    measured = [(sound, sound.true_peak_dbtp) for sound in report.sound if sound.true_peak_dbtp is not None]
    if not measured:
        return _unmeasured("true_peak", unit=unit, threshold=threshold, message="there is no sound that has a peak")
    sound, peak = max(measured, key=lambda found: found[1])
    return QcCheck(
        check="true_peak",
        verdict=_graded(peak, review=limits.true_peak_review_dbtp, fail=limits.true_peak_fail_dbtp),
        measured=peak,
        unit=unit,
        threshold=threshold,
        message=f"the highest peak, between the samples too, is {peak:.1f} dBTP{_of_stream(sound, report)}",
    )


def _start_skew(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    threshold = f"± {limits.sync_tolerance_ms:g} ms"
    if not report.sound:
        return _unmeasured("av_start_skew", unit="ms", threshold=threshold, message="the film has no sound")
    sound = max(report.sound, key=lambda sound: abs(sound.start_skew_ms))
    skew = sound.start_skew_ms
    return QcCheck(
        check="av_start_skew",
        verdict=_graded(abs(skew), fail=limits.sync_tolerance_ms),
        measured=skew,
        unit="ms",
        threshold=threshold,
        message=f"the sound begins {_than(skew, 'after', 'before')} the picture{_of_stream(sound, report)}",
    )


def _duration_skew(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    threshold = f"± {limits.duration_skew_review_ms:g} ms; more than {limits.duration_skew_fail_ms:g} ms fails"
    if not report.sound:
        return _unmeasured("av_duration_skew", unit="ms", threshold=threshold, message="the film has no sound")
    sound = max(report.sound, key=lambda sound: abs(sound.duration_skew_ms))
    skew = sound.duration_skew_ms
    return QcCheck(
        check="av_duration_skew",
        verdict=_graded(abs(skew), review=limits.duration_skew_review_ms, fail=limits.duration_skew_fail_ms),
        measured=skew,
        unit="ms",
        threshold=threshold,
        message=f"the sound is {_than(skew, 'longer', 'shorter')} than the picture{_of_stream(sound, report)}",
    )


def _sync(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    threshold = f"± {limits.sync_tolerance_ms:g} ms"
    measured = [(sound, sound.sync) for sound in report.sound if sound.sync is not None]
    if not measured:
        message = "the film has no pattern of flashes and beeps to measure"
        return _unmeasured("av_sync", unit="ms", threshold=threshold, message=message)
    sound, sync = max(measured, key=lambda found: abs(found[1].offset_ms))
    return QcCheck(
        check="av_sync",
        verdict=_graded(abs(sync.offset_ms), fail=limits.sync_tolerance_ms),
        measured=sync.offset_ms,
        unit="ms",
        threshold=threshold,
        message=f"the beeps come {_than(sync.offset_ms, 'after', 'before')} their flashes, by {sync.pairs} pairs"
        f"{_of_stream(sound, report)}",
        at=sync.spans.spans,
    )


def _interlacing(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    unit = "%"
    found, review, fail = report.interlacing, limits.interlaced_review_percent, limits.interlaced_fail_percent
    threshold = f"at most {review:g} % of the frames; over {fail:g} % fails"
    if found.percent is None:
        message = "nothing moves enough to tell interlaced from progressive"
        return _unmeasured("interlacing", unit=unit, threshold=threshold, message=message)
    return QcCheck(
        check="interlacing",
        verdict=_graded(found.percent, review=review, fail=fail),
        measured=round(found.percent, 3),
        unit=unit,
        threshold=threshold,
        message=f"{found.interlaced_frames} of {found.determined_frames} moving frames are interlaced",
        at=found.spans.spans,
    )


def _duplicates(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    found = report.repetition
    frames = found.repeated_frames + found.dead.total_frames
    cadence = f", in the longest run one frame in {found.every:g}" if found.every else ""
    spans = sorted((*found.spans.spans, *found.dead.spans), key=lambda span: span.start_s - span.end_s)
    return QcCheck(
        check="duplicate_frames",
        verdict=_graded(frames, review=limits.repeated_review_frames),
        measured=float(frames),
        unit="frames",
        threshold=f"at most {limits.repeated_review_frames} frames",
        message=f"{found.repeated_frames} frames repeat the one before them while the picture moves{cadence}; "
        f"{found.dead.total_frames} black frames interrupt a shot",
        at=_in_time(spans[:SPANS_KEPT]),
    )


def _aspect(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    shape = report.aspect
    skew = abs(float(Fraction(shape.sample_aspect)) - 1) * 100
    square = _graded(skew, fail=limits.sample_aspect_tolerance_percent)
    bars = _graded(shape.bars_percent, review=limits.bars_review_percent)
    across, down = shape.bar_left + shape.bar_right, shape.bar_top + shape.bar_bottom
    if square is not Verdict.PASS:
        message = f"the samples are {shape.sample_aspect} and not square: the picture would be shown distorted"
    elif bars is not Verdict.PASS:
        used = f"{shape.width - across}x{shape.height - down} of {shape.width}x{shape.height}"
        message = f"black bars are burnt in: the picture uses {used}"
    else:
        message = f"the picture fills its {shape.width}x{shape.height} square samples"
    return QcCheck(
        check="aspect",
        verdict=max(square, bars, key=_SEVERITY.index),
        measured=round(shape.bars_percent, 3),
        unit="%",
        threshold=f"bars at most {limits.bars_review_percent:g} % of the picture; samples that are not square fail",
        message=message,
    )


def _levels(report: AnalysisReport, limits: QcThresholds) -> QcCheck:
    found, review, fail = report.levels, limits.levels_review_percent, limits.levels_fail_percent
    share = _graded(found.outside_percent, review=review, fail=fail)
    run = _graded(found.spans.longest_s, review=limits.levels_review_s)
    return QcCheck(
        check="levels",
        verdict=max(share, run, key=_SEVERITY.index),
        measured=found.outside_percent,
        unit="%",
        threshold=f"at most {review:g} % of the samples outside, and no {limits.levels_review_s:g} s of frames with "
        f"more than 1 %; over {fail:g} % fails",
        message=f"{found.outside_percent:.2f} % of the film's samples, and {found.worst_frame_percent:.2f} % of the "
        "worst frame's, are outside the legal range",
        at=found.spans.spans,
    )


def _unmeasured(check: str, *, unit: str, threshold: str, message: str, verdict: Verdict = Verdict.PASS) -> QcCheck:
    return QcCheck(check=check, verdict=verdict, measured=None, unit=unit, threshold=threshold, message=message)


def _longest(what: str, found: Spans) -> str:
    if not found.count:
        return f"no {what}"
    times = "once" if found.count == 1 else f"{found.count} times"
    return f"{what} {times}, at most {found.longest_s:.2f} s long"


def _of_stream(sound: Sound, report: AnalysisReport) -> str:
    if len(report.sound) == 1:
        return ""
    language = f" ({sound.language})" if sound.language else ""
    return f", in track {sound.stream + 1} of {len(report.sound)}{language}"


def _than(skew: float, more: str, less: str) -> str:
    return f"{abs(skew):.1f} ms {more if skew >= 0 else less}"


def _in_time(spans: list[TimeSpan]) -> tuple[TimeSpan, ...]:
    return tuple(sorted(spans, key=lambda span: span.first_frame))


_SEVERITY = list(Verdict)
_CHECKS: tuple[Callable[[AnalysisReport, QcThresholds], QcCheck], ...] = (
    _black,
    _freeze,
    _silence,
    _loudness,
    _true_peak,
    _start_skew,
    _duration_skew,
    _sync,
    _interlacing,
    _duplicates,
    _aspect,
    _levels,
)
