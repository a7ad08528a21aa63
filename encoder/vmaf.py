"""libvmaf: what coding has cost a picture, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from encoder.color import made
from encoder.tools import ffmpeg, threads
from lambdas.encoding.models import VideoRecipe

# One sees a screen of 1080 lines from three times its height, the other one of 2160 lines from one and a half.
_HD_MODEL, _UHD_MODEL = "vmaf_v0.6.1", "vmaf_4k_v0.6.1"
_MOST_HD_LINES = 1440
_TO_THE_END = "eof_action=endall:shortest=1:repeatlast=0"
"""Of the shorter input: no frame is compared twice."""
_SSIM_LUMA = re.compile(r"^n:\d+ Y:(\S+) ", re.MULTILINE)


class Compared(NamedTuple):
    """What libvmaf says of one frame."""

    frame: int
    metrics: Mapping[str, float]
    """By libvmaf's names: ``vmaf``, ``vmaf_neg``, and those of the features; ``ssim`` is of luma."""


class _Frame(BaseModel):
    number: int = Field(alias="frameNum")
    metrics: dict[str, float]


class _Log(BaseModel):
    frames: tuple[_Frame, ...]


def model_of(height: int) -> str:
    """Return the VMAF model for a picture of `height` lines: of a screen that has as many."""
    return _HD_MODEL if height <= _MOST_HD_LINES else _UHD_MODEL


def compare(
    seen: Path,
    meant: Sequence[str | Path],
    *,
    filters: str,
    compared_as: str,
    width: int,
    height: int,
    recipe: VideoRecipe,
    frame_clock: str,
    log: Path,
    sharpened: bool = False,
    features: Sequence[str] = (),
    ssim: Path | None = None,
    every: int = 1,
) -> tuple[Compared, ...]:
    """Compare what was coded with what was meant, frame n with frame n, on a screen of `width` x `height` pixels.

    Parameters
    ----------
    seen
        The coded picture; it is enlarged as players do.
    meant
        ffmpeg's options and the input of the source.
    filters
        What makes of the source's frames the picture that was to be coded, on this screen, and counts them
        (`Work.shown_by`).
    compared_as
        What makes the same of the coded picture, when it has the screen's size (`Work.compared_as`).
    recipe
        How it was coded.
    frame_clock
        The filters of `Work.frame_clock`.
    log
        Where libvmaf writes to.
    sharpened
        Also by the model that gives nothing for sharpening: ``vmaf_neg``.
    features
        What else is measured, for example ``psnr``.
    ssim
        Where ffmpeg's own filter writes the structural similarity of every frame; none: it is not measured. (libvmaf's
        makes the comparison take twice as long; the two agree to 0.002.)
    every
        Frames 0, `every`, 2 x `every` … alone are measured.
    """
    model = model_of(height)
    models = [f"version={model}\\:name=vmaf", *([f"version={model}neg\\:name=vmaf_neg"] if sharpened else [])]
    besides = f":feature='{'|'.join(f'name={name}' for name in features)}'" if features else ""
    # Both sides get the frame's number as their clock: timestamps that a container rounded pair frame n with
    # frame n+1 (53.5 was read where 98.9 is true). 10-bit sources come down to what the rendition has, and colours
    # are converted as they were for it: only what coding has cost is a loss.
    enlarged = f"scale={width}:{height}:flags=bicubic,{compared_as}"
    graph = (
        f"[0:v:0]{frame_clock},{made(recipe.dynamic_range)},{enlarged}[seen];"
        f"[1:v:0]{filters}[meant];"
        f"{_similarity(ssim)}[seen][meant]libvmaf=model='{'|'.join(models)}'{besides}"
        f":n_threads={threads()}:n_subsample={every}:log_fmt=json:log_path={log}"
        f":{_TO_THE_END}"
    )
    ffmpeg("-i", seen, *meant, "-filter_complex", graph, "-fps_mode", "passthrough", "-f", "null", "-")
    frames = _Log.model_validate_json(log.read_bytes()).frames
    similar = [{"ssim": float(found)} for found in _SSIM_LUMA.findall(ssim.read_text("ascii"))] if ssim else None
    return tuple(
        Compared(frame=frame.number, metrics={**frame.metrics, **(similar[frame.number] if similar else {})})
        for frame in frames
    )


def _similarity(log: Path | None) -> str:
    """Return the part of the graph that writes SSIM beside what comes after it, which has the same inputs."""
    if log is None:
        return ""
    return (
        "[seen]split[seen][seen besides];[meant]split[meant][meant besides];"
        f"[seen besides][meant besides]ssim=stats_file={log}:{_TO_THE_END},nullsink;"
    )
