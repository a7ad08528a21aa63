"""Clips of several kinds of picture, each of two seconds: one of real footage, and four that ffmpeg draws.

What is drawn is pristine: nothing was ever lost of it. The footage was delivered in H.264 before, and an encoder that
works alike finds it easier than it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from encoder.tools import ffmpeg
from sandbox.film import FRAME_RATE, part, render_sample
from sandbox.toolchain import PROJECT_ROOT

HEIGHT, WIDTH = 720, 1280
FRAMES = 50
_SIZE = f"size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}"
_ZOOM = f"mandelbrot={_SIZE}:start_scale=1.6:end_scale=0.01:end_pts=90:maxiter=120:inner=black"
_GENERATED = {
    "animation": f"{_ZOOM},format=gbrp,lutrgb=r=floor(val/48)*48:g=floor(val/48)*48:b=floor(val/48)*48",
    "grain": f"{_ZOOM}:outer=normalized_iteration_count,noise=alls=14:allf=t:all_seed=3",
    "dark": f"{_ZOOM}:outer=normalized_iteration_count,format=gbrp,gblur=sigma=1.5,"
    "lutrgb=r=val*0.16+4:g=val*0.18+5:b=val*0.24+8,noise=alls=2:allf=t:all_seed=3",
    "screencast": f"color=white:{_SIZE},drawtext=fontfile=text.ttf:textfile=text.txt:fontsize=20:fontcolor=black"
    f":expansion=none:x=60:y=40-30*floor(n/{FRAME_RATE // 2})",
}


class Clip(NamedTuple):
    """`FRAMES` frames of a file, from `first_frame` on."""

    name: str
    source: Path
    first_frame: int
    pristine: bool


def clips(folder: Path) -> Iterator[Clip]:
    """Render each clip into `folder` when its turn comes."""
    film = render_sample(folder / "film", seconds=24, height=HEIGHT, cache=False)
    [footage] = [scene for scene in film.scenes if scene.name == "footage"]
    yield Clip("footage", film.feature, footage.first_frame, pristine=False)
    (folder / "text.ttf").symlink_to(part("font-manrope", "Manrope-Medium.ttf"))
    (folder / "text.txt").symlink_to(PROJECT_ROOT / "LICENSE")
    for name, graph in _GENERATED.items():
        source = folder / f"{name}.mkv"
        drawn = graph.replace("text.", f"{folder}/text.")
        ffmpeg(
            *("-f", "lavfi", "-i", f"{drawn},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
            *("-frames:v", str(FRAMES), "-c:v", "ffv1", source),
        )
        yield Clip(name, source, 0, pristine=True)
