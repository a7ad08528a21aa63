"""Task ``score``: measure what encoding cost, by comparing a rendition with the source on every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, harmonic_mean, quantiles
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from encoder.claims import Claims
from encoder.color import JPEG
from encoder.errors import FrameCountError
from encoder.log import say
from encoder.plan import Work
from encoder.probe import picture_track
from encoder.quality.clock import Clock
from encoder.storage import ObjectStore
from encoder.tools import Media, ffmpeg, untrusted
from encoder.vmaf import compare
from encoder.window import Window
from lambdas.common.media import ObjectRef
from lambdas.encoding.models import MOST_WORST, Chunk, ChunkScore, QualityFloor, RungScore, WorstFrame


class FrameMetrics(BaseModel):
    """What libvmaf says of one frame."""

    vmaf: float
    vmaf_neg: float | None = None
    psnr_y: float
    ssim: float


def score(*, plan: str, rung: str, store: ObjectStore, claims: Claims) -> None:
    """Score the rendition of `rung` and write a `RungScore`, once; of one below its floor, its worst frames as well.

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
    floor = next((floor for floor in work.plan.floors if floor.rung == rung), None)

    def make(folder: Path) -> Path:
        rendition, result = folder / "rendition.mp4", folder / "score.json"
        store.fetch(work.rendition_file(rung), rendition)
        with Window(store, work.plan.source) as source:
            sharpened = floor is not None and floor.vmaf_p5 > 0
            frames = _compared(rendition, source.url, rung=rung, folder=folder, work=work, sharpened=sharpened)
            chunks, clock = work.plan.chunks, Clock(rate=work.frame_rate)
            scored = summarise(frames, rung=rung, chunks=chunks, clock=clock)
            if floor and not floor.reached(mean=scored.vmaf_mean, p5=scored.vmaf_p5):
                seen: dict[str, Media] = {"source": source.url, "rendition": rendition}

                def pictured(found: WorstFrame, place: int) -> WorstFrame:
                    pictures = tuple(
                        _picture(media, of=of, frame=found.frame, place=place, rung=rung, work=work, store=store)
                        for of, media in seen.items()
                    )
                    return found.model_copy(update={"pictures": pictures})

                poor = (scored.worst, *poor_frames(frames, scored, floor=floor, chunks=chunks, clock=clock))
                worst, *others = (pictured(found, place) for place, found in enumerate(poor))
                scored = scored.model_copy(update={"worst": worst, "others": tuple(others)})
        say("scored", **scored.model_dump(mode="json", exclude={"chunks"}))
        result.write_text(scored.model_dump_json(indent=2), encoding="utf-8")
        return result

    work.once(work.jobs.score(rung), target=work.score_file(rung), claims=claims, make=make)


def summarise(frames: Sequence[FrameMetrics], *, rung: str, chunks: Sequence[Chunk], clock: Clock) -> RungScore:
    """Return the score of a rung from what was measured of each of its frames.

    The harmonic mean is that of ``vmaf + 1``, less 1, as libvmaf computes it: a frame may score 0.
    """
    vmaf = [frame.vmaf for frame in frames]
    sharpened = [frame.vmaf_neg for frame in frames if frame.vmaf_neg is not None]
    pieces = ((chunk.index, vmaf[chunk.first_frame : chunk.first_frame + chunk.frames]) for chunk in chunks)
    worst = vmaf.index(min(vmaf))
    return RungScore(
        rung=rung,
        frames=len(frames),
        vmaf_mean=_rounded(fmean(vmaf)),
        vmaf_harmonic_mean=_rounded(harmonic_mean([value + 1 for value in vmaf]) - 1),
        vmaf_p5=_fifth_percentile(vmaf),
        vmaf_min=_rounded(vmaf[worst]),
        vmaf_neg_mean=_rounded(fmean(sharpened)) if sharpened else None,
        psnr_y_mean=_rounded(fmean(frame.psnr_y for frame in frames)),
        ssim_mean=round(fmean(frame.ssim for frame in frames), 5),
        chunks=tuple(
            ChunkScore(chunk=index, vmaf_mean=_rounded(fmean(piece)), vmaf_p5=_fifth_percentile(piece))
            for index, piece in pieces
        ),
        worst=WorstFrame(frame=worst, timecode=clock.timecode(worst), vmaf=_rounded(vmaf[worst])),
    )


def poor_frames(
    frames: Sequence[FrameMetrics], scored: RungScore, *, floor: QualityFloor, chunks: Sequence[Chunk], clock: Clock
) -> tuple[WorstFrame, ...]:
    """Return the worst frame of each chunk that is below its rung's floor by itself, the worst first.

    The rung's worst is known; so its chunk is left out, and as many others as are beyond `MOST_WORST`.
    """
    short = {found.chunk for found in scored.chunks if not floor.reached(mean=found.vmaf_mean, p5=found.vmaf_p5)}
    spans = (range(chunk.first_frame, chunk.first_frame + chunk.frames) for chunk in chunks if chunk.index in short)
    worst = (min(span, key=lambda frame: frames[frame].vmaf) for span in spans if scored.worst.frame not in span)
    found = sorted(worst, key=lambda frame: (frames[frame].vmaf, frame))[: MOST_WORST - 1]
    return tuple(
        WorstFrame(frame=frame, timecode=clock.timecode(frame), vmaf=_rounded(frames[frame].vmaf)) for frame in found
    )


def _fifth_percentile(vmaf: Sequence[float]) -> float:
    return _rounded(quantiles(vmaf, n=20, method="inclusive")[0] if len(vmaf) > 1 else vmaf[0])


def _rounded(value: float) -> float:
    return round(value, 3)


def _compared(
    rendition: Path, source: Media, *, rung: str, folder: Path, work: Work, sharpened: bool
) -> tuple[FrameMetrics, ...]:
    """Return what libvmaf says of every frame; by the second model only where that is asked for."""
    plan = work.plan
    coded = len(picture_track(rendition).packets)
    if coded != plan.frames:
        raise FrameCountError(f"the rendition has {coded} frames, and the plan says {plan.frames}")
    recipe = work.recipe(rung)
    width, height = plan.display_of(recipe.codec)
    frames = compare(
        rendition,
        (*untrusted(source), "-i", source),
        filters=f"{work.source_frames},{work.shown_by(recipe)}",
        compared_as=work.compared_as(recipe),
        width=width,
        height=height,
        recipe=recipe,
        frame_clock=work.frame_clock,
        log=folder / "vmaf.json",
        sharpened=sharpened,
        features=("psnr",),
        ssim=folder / "ssim.log",
    )
    if len(frames) != plan.frames:
        raise FrameCountError(f"{len(frames)} frames were compared, and the plan says {plan.frames}")
    return tuple(FrameMetrics.model_validate(frame.metrics) for frame in frames)


def _picture(media: Media, *, of: str, frame: int, place: int, rung: str, work: Work, store: ObjectStore) -> ObjectRef:
    """Keep one frame of `media` as a JPEG, in the colours of the rung, and return where."""
    target = work.object(work.keys.picture(work.jobs.score(rung), of=of, place=place))
    start = work.seek_s(frame, coded=of == "rendition")
    shown = work.picture(work.recipe(rung), width=work.plan.width, height=work.plan.height)
    filters = JPEG if of == "rendition" else f"{work.source_frames},{shown},{JPEG}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{of}.jpg"
        ffmpeg(
            *(*untrusted(media), "-ss", f"{start:.6f}", "-i", media, "-map", "0:v:0", "-frames:v", "1"),
            *("-vf", filters, "-q:v", "2", "-update", "1", path),
        )
        store.put(path, target, content_type="image/jpeg")
    return target
