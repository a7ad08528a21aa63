"""Task ``encode-audio``: encode one track of sound, whole, as loud as all the others."""

from __future__ import annotations

from pathlib import Path

from encoder.chunk import NO_METADATA
from encoder.claims import Claims
from encoder.errors import LoudnessError
from encoder.log import say
from encoder.loudness import gain_db, measure
from encoder.plan import Work
from encoder.storage import ObjectStore
from encoder.tools import Media, Tool, ffmpeg, run, untrusted
from encoder.window import Window
from lambdas.encoding.models import AudioTrack, LoudnessReport, SoundCodec

SAMPLE_RATE_HZ = 48_000
BLOCK = {SoundCodec.AAC: 1024, SoundCodec.HE_AAC: 2048, SoundCodec.AC3: 1536, SoundCodec.EAC3: 1536}
"""Samples that a codec codes together: sound may be cut no finer."""
TOLERANCE_LU = 1.0
"""How far encoding may change the loudness: codecs leave out what is not heard, and of noise that is something."""
_MOST_LOWERED = 3
_LOWERED_FURTHER_DB = 0.1
# By fdkaac's numbers.
_HE_AAC_PROFILE, _EDIT_LIST = 5, 1
# ffmpeg's names, by the number of channels.
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
# The loudness of dialogue that a decoder of AC-3 and E-AC-3 goes by, in dB (ATSC A/52, 5.4.2.8).
_QUIETEST_DIALNORM, _LOUDEST_DIALNORM = -31, -1


def encode_audio(*, plan: str, track: str, store: ObjectStore, claims: Claims) -> None:
    """Encode a track of the plan, once, and write a `LoudnessReport` beside it.

    It is decoded and mixed once, measured, and encoded with one gain for the whole of it; then what was encoded is
    measured. If its peaks are too high then, it is encoded again with less gain. Dolby Atmos is neither mixed nor
    encoded: its frames are taken as they are, and measured.

    Raises
    ------
    NotInPlanError
        If the plan has no such track.
    ToolMissingError
        If the track is HE-AAC and its encoder is not installed.
    LoudnessError
        If what was encoded is not as loud as it should be, or its peaks stay too high.
    ToolFailedError
        If ffmpeg cannot read the source, or the source lacks the track's streams.
    """
    work = Work.read(plan, store=store)
    recipe = work.track(track)
    if recipe.codec is SoundCodec.HE_AAC:
        # Before the work that would be lost without it.
        Tool.FDKAAC.locate()

    def make(folder: Path) -> Path:
        mixed, encoded = folder / "mixed.wav", folder / "audio.mp4"
        with Window(store, work.plan.source) as source:
            if recipe.atmos is None:
                _mix(source.url, mixed, track=recipe, work=work)
            else:
                _take(source.url, encoded, track=recipe)
        if recipe.atmos is None:
            report = _encode_as_loud(mixed, encoded, track=recipe, folder=folder)
        else:
            heard = measure(encoded, folder=folder)
            report = LoudnessReport(track=track, before=heard, gain_db=0.0, after=heard)
        say("encoded", **report.model_dump(mode="json"))
        store.write(report, work.loudness_file(track))
        return encoded

    work.once(work.jobs.audio(track), target=work.audio_file(track), claims=claims, make=make)


def _mix(source: Media, mixed: Path, *, track: AudioTrack, work: Work) -> None:
    """Write the track's sound in the clear, as floating-point samples: a mix may be louder than full scale."""
    # Sound that begins after the picture, or ends before it, is filled with silence; what is more than the picture is
    # cut: the tracks of a presentation begin together, and are equally long.
    since = f"atrim=start={work.plan.picture_start_s:.6f},asetpts=PTS-STARTPTS"
    aligned = f"aresample={SAMPLE_RATE_HZ}:async=1:first_pts=0,{since},apad"
    sides = [f"[0:a:{stream}]{aligned}[s{side}]" for side, stream in enumerate(track.streams)]
    joined = "[s0]" if len(sides) == 1 else "[s0][s1]join=inputs=2:channel_layout=stereo:map=0.0-FL|1.0-FR,"
    layout = f"aformat=sample_fmts=flt:channel_layouts={_LAYOUTS[track.channels]}"
    graph = ";".join((*sides, f"{joined}{layout},atrim=duration={work.duration_s:.6f}[mixed]"))
    ffmpeg(
        *(*untrusted(source), "-i", source, "-filter_complex", graph, "-map", "[mixed]"),
        *("-c:a", "pcm_f32le", "-rf64", "auto", *NO_METADATA, mixed),
    )


def _take(source: Media, taken: Path, *, track: AudioTrack) -> None:
    """Write the frames of Atmos as they were delivered; the first is heard with the first picture."""
    ffmpeg(
        *(*untrusted(source), "-i", source, "-map", f"0:a:{track.streams[0]}", "-c", "copy"),
        *("-bsf:a", "setts=ts=PTS-STARTPTS", *NO_METADATA, "-movflags", "+faststart", taken),
    )


def _encode_as_loud(mixed: Path, encoded: Path, *, track: AudioTrack, folder: Path) -> LoudnessReport:
    before = measure(mixed, folder=folder)
    gain = gain_db(before, track.loudness)
    for lowerings_left in range(_MOST_LOWERED, -1, -1):
        expected = None if before.integrated_lkfs is None else before.integrated_lkfs + gain
        _encode(mixed, encoded, track=track, gain=gain, expected_lkfs=expected)
        after = measure(encoded, folder=folder)
        over = 0.0 if after.true_peak_dbtp is None else after.true_peak_dbtp - track.loudness.true_peak_dbtp
        if over <= 0 or not lowerings_left:
            break
        gain = round(gain - over - _LOWERED_FURTHER_DB, 2)
        say("lowered", track=track.name, true_peak_dbtp=after.true_peak_dbtp, gain_db=gain)
    if over > 0:
        raise LoudnessError(
            f"the peaks of {track.name} are {over:.1f} dB above {track.loudness.true_peak_dbtp:g} dBTP, whatever its "
            f"gain: give its recipe more bit rate"
        )
    if expected is not None and (after.integrated_lkfs is None or abs(after.integrated_lkfs - expected) > TOLERANCE_LU):
        raise LoudnessError(
            f"{track.name} has {after.integrated_lkfs} LKFS, encoded, and should have {expected:.1f}: its recipe's "
            f"bit rate is too low for it"
        )
    return LoudnessReport(track=track.name, before=before, gain_db=gain, after=after)


def _encode(mixed: Path, encoded: Path, *, track: AudioTrack, gain: float, expected_lkfs: float | None) -> None:
    amplified = ("-i", mixed, "-af", f"volume={gain:.2f}dB:precision=float")
    if track.codec is SoundCodec.HE_AAC:
        _encode_he_aac(amplified, encoded, track=track)
        return
    ffmpeg(
        *(*amplified, "-c:a", track.codec.value),
        *("-b:a", f"{track.bitrate_kbps}k"),
        *([] if track.codec is SoundCodec.AAC else ["-dialnorm", str(_dialnorm(expected_lkfs))]),
        *(*NO_METADATA, "-movflags", "+faststart", encoded),
    )


def _encode_he_aac(amplified: tuple[str | Path, ...], encoded: Path, *, track: AudioTrack) -> None:
    # The encoder takes samples of 16 bits, and says in the file that they are of HE-AAC, and at which rate.
    samples = encoded.with_name("amplified.wav")
    ffmpeg(*amplified, "-c:a", "pcm_s16le", "-rf64", "auto", *NO_METADATA, samples)
    run(
        Tool.FDKAAC,
        [
            *("--silent", "--profile", str(_HE_AAC_PROFILE), "--bitrate", f"{track.bitrate_kbps}k"),
            # The edit list leaves out what encoder and decoder are late by, as that of the other codecs does.
            *("--gapless-mode", str(_EDIT_LIST), "--include-sbr-delay", "--moov-before-mdat"),
            *("-o", encoded, samples),
        ],
    )
    samples.unlink()


def _dialnorm(expected_lkfs: float | None) -> int:
    if expected_lkfs is None:
        return _QUIETEST_DIALNORM
    return min(_LOUDEST_DIALNORM, max(_QUIETEST_DIALNORM, round(expected_lkfs)))
