"""Task ``score``: measure what encoding cost, as VMAF of a rendition against the source, on every frame."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, harmonic_mean, quantiles

from pydantic import BaseModel

from encoder.claims import Claims
from encoder.errors import FrameCountError
from encoder.log import say
from encoder.plan import BT709, Work
from encoder.probe import picture_track
from encoder.storage import ObjectStore
from encoder.tools import Media, ffmpeg, threads, untrusted
from encoder.window import Window
from lambdas.encoding.models import RungScore

# The model of a 1080p screen seen from three times its height.
MODEL = "vmaf_v0.6.1"


class _Metrics(BaseModel):
    vmaf: float


class _Frame(BaseModel):
    metrics: _Metrics


class _Log(BaseModel):
    frames: tuple[_Frame, ...]


def score(*, plan: str, rung: str, store: ObjectStore, claims: Claims) -> None:
    """Score the rendition of `rung` and write a `RungScore`, once.

    Raises
    ------
    NotInPlanError
        If the plan has no such rung.
    ObjectMissingError
        If the rung has not been joined.
    FrameCountError
        If rendition and source are not compared frame by frame to the end.
    """
    work = Work.read(plan, store=store)
    work.recipe(rung)

    def make(folder: Path) -> Path:
        rendition, result = folder / "rendition.mp4", folder / "score.json"
        store.fetch(work.rendition_file(rung), rendition)
        with Window(store, work.plan.source) as source:
            frames = _vmaf(rendition=rendition, source=source.url, folder=folder, work=work)
        scored = summarise(frames, rung=rung)
        say("scored", **scored.model_dump())
        result.write_text(scored.model_dump_json(indent=2), encoding="utf-8")
        return result

    work.once(work.jobs.score(rung), target=work.score_file(rung), claims=claims, make=make)


def summarise(frames: tuple[float, ...], *, rung: str) -> RungScore:
    """Return the score of a rung from the VMAF of each of its frames.

    The harmonic mean is that of ``vmaf + 1``, less 1, as libvmaf computes it: a frame may score 0.
    """
    return RungScore(
        rung=rung,
        frames=len(frames),
        vmaf_mean=round(fmean(frames), 3),
        vmaf_harmonic_mean=round(harmonic_mean([value + 1 for value in frames]) - 1, 3),
        vmaf_p5=round(quantiles(frames, n=20, method="inclusive")[0], 3),
        vmaf_min=round(min(frames), 3),
    )


def _vmaf(*, rendition: Path, source: Media, folder: Path, work: Work) -> tuple[float, ...]:
    plan = work.plan
    coded = len(picture_track(rendition).packets)
    if coded != plan.frames:
        raise FrameCountError(f"the rendition has {coded} frames, and the plan says {plan.frames}")
    log = folder / "vmaf.json"
    # Both sides get the frame's number as their clock: timestamps that a container rounded pair frame n with
    # frame n+1 (53.5 was read where 98.9 is true). 10-bit sources come down to what the rendition has.
    same = f"{work.frame_clock},{BT709}"
    graph = (
        f"[0:v:0]{same},scale={plan.width}:{plan.height}:flags=bicubic,setsar=1,format=yuv420p[seen];"
        f"[1:v:0]{same},setsar=1,format=yuv420p[meant];"
        f"[seen][meant]libvmaf=model=version={MODEL}:n_threads={threads()}:log_fmt=json:log_path={log}"
        ":eof_action=endall:shortest=1:repeatlast=0"
    )
    ffmpeg(
        "-i",
        rendition,
        *untrusted(source),
        "-i",
        source,
        "-filter_complex",
        graph,
        "-fps_mode",
        "passthrough",
        "-f",
        "null",
        "-",
    )
    frames = tuple(frame.metrics.vmaf for frame in _Log.model_validate_json(log.read_bytes()).frames)
    if len(frames) != plan.frames:
        raise FrameCountError(f"{len(frames)} frames were compared, and the plan says {plan.frames}")
    return frames
