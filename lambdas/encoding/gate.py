"""The quality gate: what stands between an encode and its packaging. Pure.

The best rung of a title is held to the floor of its tier: its mean VMAF, and the 5th percentile of its frames; so is
the best in HDR10, by its tone-mapped picture. Every other is held to what was predicted of it, within a tolerance.
Where a rung falls short, the chunks that are at fault are encoded again with more bits, twice at most; then the version
is rejected. Chunks that are good enough are left alone, and so are their results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lambdas.common.errors import PermanentError
from lambdas.common.events import PoorFrame, RenditionRejected
from lambdas.common.ladder import LadderReport
from lambdas.common.media import Record, Tier
from lambdas.encoding.models import MOST_RAISES, EncodingPlan, Floor, QualityFloor, Raise, RungScore


class RenditionRejectedError(PermanentError):
    """A rung is not good enough, and more bits did not help enough."""


class Judgement(Record):
    """What is to be done about a version, by its scores."""

    short: tuple[RungScore, ...]
    """The rungs that are below their floors; without one, the version can be packaged."""
    raised: tuple[Raise, ...]
    """What its next plan raises, what was raised before included; as the plan has it, if nothing more can be."""


def floors_of(report: LadderReport, *, tiers: Mapping[Tier, Floor], tolerance: float) -> tuple[QualityFloor, ...]:
    """Return what the rungs of a searched ladder have to reach.

    The best rung of each codec, and its best in HDR10, has to reach the floor of its tier, if that has one; and no more
    than the ladder was searched for, which is less in degraded mode. Any other is as good as its size and rate allow,
    and that was predicted: viewers get it because their line is slow, and see it enlarged.

    Parameters
    ----------
    tiers
        What a best rung has to reach, by tier.
    tolerance
        By how much VMAF a rung may come out below its prediction: excerpts are not the film.
    """
    return tuple(
        QualityFloor(rung=rung.rung, vmaf_mean=min(held.vmaf_mean, report.vmaf_target), vmaf_p5=held.vmaf_p5)
        if rung in {*ladder.rungs[:1], *ladder.hdr10[:1]} and (held := tiers.get(rung.tier))
        else QualityFloor(rung=rung.rung, vmaf_mean=max(0.0, round(rung.vmaf - tolerance, 2)), vmaf_p5=0.0)
        for ladder in report.ladders
        for rung in ladder.made
    )


def judge(plan: EncodingPlan, scores: Iterable[RungScore]) -> Judgement:
    """Return what becomes of a version whose rungs have `scores`.

    A chunk is at fault if it alone is below the floor of its rung; where none is and the rung still is, the worst is.
    """
    by_rung = {score.rung: score for score in scores}
    short: list[RungScore] = []
    raised = {(found.rung, found.chunk): found for found in plan.raised}
    for floor in plan.floors:
        score = by_rung[floor.rung]
        if floor.reached(mean=score.vmaf_mean, p5=score.vmaf_p5):
            continue
        short.append(score)
        for chunk in _at_fault(score, floor):
            before = raised.get((floor.rung, chunk))
            times = before.times + 1 if before else 1
            if times <= MOST_RAISES:
                raised[floor.rung, chunk] = Raise(rung=floor.rung, chunk=chunk, times=times)
    return Judgement(short=tuple(short), raised=tuple(raised[place] for place in sorted(raised)))


def rejected(plan: EncodingPlan, score: RungScore) -> RenditionRejected:
    """Return the event of a rung that stays below its floor, with the evidence."""
    [floor] = [floor for floor in plan.floors if floor.rung == score.rung]
    return RenditionRejected(
        studio=plan.studio,
        delivery_id=plan.delivery_id,
        title_id=plan.title_id,
        version_id=plan.version_id,
        rung=score.rung,
        vmaf_mean=score.vmaf_mean,
        vmaf_p5=score.vmaf_p5,
        floor_mean=floor.vmaf_mean,
        floor_p5=floor.vmaf_p5,
        raised=sum(found.times for found in plan.raised if found.rung == score.rung),
        worst_timecode=score.worst.timecode,
        worst_vmaf=score.worst.vmaf,
        pictures=score.worst.pictures,
        others=tuple(PoorFrame(**found.model_dump(exclude={"frame"})) for found in score.others),
    )


def reason(event: RenditionRejected) -> str:
    """Return why a version is rejected, and what can be done, for an operator."""
    return (
        f"{event.rung} has VMAF {event.vmaf_mean:.2f} (5th percentile {event.vmaf_p5:.2f}) and needs "
        f"{event.floor_mean:.2f} ({event.floor_p5:g}), although its chunks were given more bits {event.raised} times. "
        f"Its worst frame, at {event.worst_timecode}, has {event.worst_vmaf:.2f}. Look at its pictures: if the source "
        "is at fault, ask for another; if not, let the search look at more excerpts, or aim it higher (`search` in the "
        "settings: excerpts, margin); if no ladder brings such a film there, lower its tier's floor (`floors`, there); "
        "and deploy"
    )


def _at_fault(score: RungScore, floor: QualityFloor) -> list[int]:
    found = [chunk.chunk for chunk in score.chunks if not floor.reached(mean=chunk.vmaf_mean, p5=chunk.vmaf_p5)]
    return found or [min(score.chunks, key=lambda chunk: (chunk.vmaf_p5, chunk.chunk)).chunk]
