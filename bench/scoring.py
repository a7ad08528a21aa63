"""What scoring takes beside ffmpeg that asks libvmaf for VMAF alone: the same clip, model and threads.

Two figures: a rung's score (VMAF, PSNR and SSIM of every frame), and the best rung's (the NEG model as well).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.clips import FRAMES, HEIGHT, WIDTH, clips
from bench.row import Figure
from encoder.codecs import pixel_format
from encoder.color import made
from encoder.tools import ffmpeg, threads
from encoder.vmaf import compare, model_of
from sandbox.film import FRAME_RATE
from stacks.settings import SANDBOX

_RUNS = 3
_ALONE, _RUNG, _BEST = "VMAF alone", "VMAF, PSNR, SSIM", "VMAF, PSNR, SSIM, VMAF NEG"


def figures() -> Iterator[Figure]:
    """Score the footage, and have ffmpeg compare it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip = next(clips(folder))
        source, coded, log = folder / "source.mkv", folder / "coded.mp4", folder / "vmaf.json"
        start = (clip.first_frame - 0.25) / FRAME_RATE
        ffmpeg("-ss", f"{start:.6f}", "-i", clip.source, "-frames:v", str(FRAMES), "-an", "-c:v", "ffv1", source)
        ffmpeg("-i", source, "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", coded)

        recipe = next(rung for rung in SANDBOX.encoding.ladder if rung.height == HEIGHT)
        clock = f"settb=1/{FRAME_RATE},setpts=N"

        def score(*, sharpened: bool) -> None:
            compare(
                coded,
                ("-i", source),
                width=WIDTH,
                height=HEIGHT,
                filters=f"{clock},{made(recipe.dynamic_range)},format={pixel_format(recipe)}",
                compared_as=f"format={pixel_format(recipe)}",
                recipe=recipe,
                frame_clock=clock,
                log=log,
                sharpened=sharpened,
                features=("psnr",),
                ssim=folder / "ssim.log",
            )

        def alone() -> None:
            model = f"version={model_of(HEIGHT)}"
            graph = f"[0:v][1:v]libvmaf=model={model}:n_threads={threads()}:log_fmt=json:log_path={log}"
            ffmpeg("-i", coded, "-i", source, "-filter_complex", graph, "-f", "null", "-")

        ways: dict[str, Callable[[], None]] = {
            _ALONE: alone,
            _RUNG: partial(score, sharpened=False),
            _BEST: partial(score, sharpened=True),
        }
        # In turns, so that what disturbs the machine disturbs all of them; the fastest was disturbed least.
        rounds = [{what: _seconds(way) for what, way in ways.items()} for _ in range(_RUNS)]
        rates = {what: FRAMES / min(seconds[what] for seconds in rounds) for what in ways}
        for what in (_RUNG, _BEST):
            yield Figure(f"scoring {HEIGHT} lines: {what}", rates[what], f"ffmpeg: {_ALONE}", rates[_ALONE], "frames/s")


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
