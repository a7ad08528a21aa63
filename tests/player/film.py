"""A real film of a few seconds: encrypted CMAF (cbcs, one key a tier), packaged as the platform packages."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from encoder.keys import OpenKey
from encoder.plan import Work
from lambdas.common.keys import PublishedVersion
from lambdas.common.media import ObjectRef, SubtitleKind, SubtitleSource, Tier
from lambdas.encoding.models import AudioTrack, Chunk, EncodingPlan, LoudnessTarget, SoundCodec, VideoRecipe

PUBLISHED = PublishedVersion(title_id="the-gradient", version_id="v1")
DURATION_S = 8
SEGMENT_S = 2
FRAME_RATE = 25
WIDTH, HEIGHT = 320, 180
THUMBNAIL = 160
KEYS = (
    OpenKey(tier=Tier.SD, key_id="a1" * 16, secret=bytes.fromhex("0123456789abcdef0123456789abcdef")),
    OpenKey(tier=Tier.AUDIO, key_id="b2" * 16, secret=bytes.fromhex("fedcba9876543210fedcba9876543210")),
)


_RUNG = VideoRecipe(
    rung="180p",
    width=WIDTH,
    height=HEIGHT,
    bitrate_kbps=100,
    maxrate_kbps=200,
    buffer_kbits=200,
    profile="main",
    preset="ultrafast",
    tier=Tier.SD,
)
# Chromium plays no E-AC-3: whoever chooses it plays nothing.
_SOUNDS = tuple(
    AudioTrack(
        name=name,
        streams=(0,),
        language=name[:2],
        recipe=f"{codec}-64",
        codec=codec,
        channels=1,
        bitrate_kbps=64,
        loudness=LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1),
    )
    for name, codec in (
        ("en_mono_64k", SoundCodec.AAC),
        ("en_eac3_mono_64k", SoundCodec.EAC3),
        ("de_mono_64k", SoundCodec.AAC),
    )
)
_WORDS = ObjectRef(bucket="raw", key="example/d1/the-gradient.en.vtt")
_TEXTS = tuple(
    SubtitleSource(source=_WORDS, language=language, kind=kind)
    for language, kind in (
        ("en", SubtitleKind.SUBTITLES),
        ("en", SubtitleKind.SDH),
        ("en", SubtitleKind.FORCED),
        ("ja", SubtitleKind.SUBTITLES),
    )
)
# Across the border of two segments.
WORDS = "<i>From amber</i> 夜\nto night"
_FRAMES = DURATION_S * FRAME_RATE
_PLAN = EncodingPlan(
    studio="example",
    delivery_id="d1",
    title_id=PUBLISHED.title_id,
    version_id=PUBLISHED.version_id,
    source=ObjectRef(bucket="raw", key="example/d1/the-gradient.mp4"),
    work_bucket="work",
    media_bucket="media",
    frame_rate=f"{FRAME_RATE}/1",
    frames=_FRAMES,
    width=WIDTH,
    height=HEIGHT,
    segment_frames=SEGMENT_S * FRAME_RATE,
    segment_s=SEGMENT_S,
    chunks=(Chunk(index=0, first_frame=0, frames=_FRAMES),),
    video=(_RUNG,),
    audio=_SOUNDS,
    subtitles=_TEXTS,
    keys=(),
)


@dataclass(frozen=True, kw_only=True)
class Film:
    """A packaged film, laid out as a published version, a poster, and seek thumbnails."""

    folder: Path
    keys: dict[str, str]  # key id -> key, hexadecimal


def package(folder: Path) -> Film:
    """Render, encode, encrypt and package the film into a folder."""
    import imageio_ffmpeg  # noqa: PLC0415 - of requirements-sandbox.txt, which a plain run does without

    from encoder.packager import package_streams  # noqa: PLC0415 - it needs the same

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    source, poster = folder / "source.mp4", folder / "poster.jpg"
    _run(
        *(ffmpeg, "-v", "error", "-y"),
        *("-f", "lavfi", "-i", f"gradients=s={WIDTH}x{HEIGHT}:r={FRAME_RATE}:d={DURATION_S}:c0=0x20103a:c1=0xffb547"),
        *("-f", "lavfi", "-i", f"sine=frequency=220:sample_rate=48000:duration={DURATION_S}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-g", str(SEGMENT_S * FRAME_RATE), "-sc_threshold", "0", "-c:a", "aac", "-b:a", "64k", str(source)),
    )
    _run(ffmpeg, "-v", "error", "-y", "-ss", "2", "-i", str(source), "-frames:v", "1", str(poster))
    audio = {sound.name: folder / f"{sound.name}.mp4" for sound in _SOUNDS}
    for sound in _SOUNDS:
        coded = ("-map", "0:a", "-c:a", sound.codec.value, "-b:a", "64k", str(audio[sound.name]))
        _run(ffmpeg, "-v", "error", "-y", "-i", str(source), *coded)
    _thumbnails(ffmpeg, source=source, folder=folder / "thumbnails")
    subtitles = {text.track: folder / f"{text.track}.vtt" for text in _TEXTS}
    for path in subtitles.values():
        cue = f"00:00:00.500 --> {_time(DURATION_S - 1)}\n{WORDS}\n"
        path.write_text(f"WEBVTT\n\n{cue}", encoding="utf-8")
    package_streams(
        work=Work(_PLAN), keys=KEYS, video={_RUNG.rung: source}, audio=audio, subtitles=subtitles, out=folder
    )
    return Film(folder=folder, keys={key.key_id: key.secret_hex for key in KEYS})


def _thumbnails(ffmpeg: str, *, source: Path, folder: Path) -> None:
    """A picture every second, four in a row, on one sheet; and the WebVTT track that names them."""
    folder.mkdir()
    sheet = folder / "sprite-0000.jpg"
    tiles = f"fps=1,scale={THUMBNAIL}:90,tile=4x2"
    _run(ffmpeg, "-v", "error", "-y", "-i", str(source), "-vf", tiles, "-frames:v", "1", str(sheet))
    cues = (
        f"{_time(second)} --> {_time(second + 1)}\n"
        f"{sheet.name}#xywh={second % 4 * THUMBNAIL},{second // 4 * 90},{THUMBNAIL},90\n"
        for second in range(DURATION_S)
    )
    (folder / "thumbnails.vtt").write_text("\n".join(("WEBVTT\n", *cues)), encoding="utf-8")


def _time(second: int) -> str:
    return f"00:00:{second:02}.000"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
