"""The ladder that a search has found, as a plan has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.common.errors import PermanentError
from lambdas.common.ladder import Codec, DynamicRange, LadderReport, SearchedRung
from lambdas.common.media import Tier
from lambdas.encoding.gate import floors_of
from lambdas.encoding.models import EncodingPlan, Floor, VideoRecipe

_PEAK = 2.5
"""By how much more than its average a rung may take for a while: what is hard in a film, its mean says nothing of. With
twice the average, films of many short shots came out 5 VMAF below their prediction on lower rungs."""
_BUFFER_S = 1


class ForeignLadderError(PermanentError):
    """What was found is of a codec or a size that the plan has no recipe for."""


def chosen(plan: EncodingPlan, report: LadderReport, *, floors: Mapping[Tier, Floor]) -> EncodingPlan:
    """Return `plan` with the ladder that its search has found. Chosen again, it is the same.

    Parameters
    ----------
    floors
        What a best rung must reach, by tier.

    Raises
    ------
    ForeignLadderError
        If the report is not of this plan.
    """
    if plan.search is None:
        raise ForeignLadderError(f"the plan of {plan.version_id} searches nothing: retry the version")
    return plan.model_copy(
        update={
            "video": tuple(
                _recipe(plan, like=(ladder.codec, dynamic_range), rung=rung, least_peak_kbps=plan.search.floor_kbps)
                for dynamic_range in DynamicRange
                for ladder in report.ladders
                for rung in (ladder.rungs if dynamic_range is DynamicRange.SDR else ladder.hdr10)
            ),
            "ladder": report,
            "floors": floors_of(report, tiers=floors, tolerance=plan.search.tolerance),
        }
    )


def _recipe(
    plan: EncodingPlan, *, like: tuple[Codec, DynamicRange], rung: SearchedRung, least_peak_kbps: int
) -> VideoRecipe:
    """Return how a rung is encoded: at its quality, with `_PEAK` times its rate, and a second of that as buffer.

    What the slowest line carries is never too much of a peak: a film that is mostly black may have one picture.
    """
    size = (rung.width, rung.height)
    of_kind = (fixed for fixed in plan.fixed if (fixed.codec, fixed.dynamic_range) == like)
    of_size = next((fixed for fixed in of_kind if (fixed.width, fixed.height) == size), None)
    if of_size is None:
        raise ForeignLadderError(
            f"the ladder of {plan.version_id} has a rung {rung.rung} in {' '.join(like)} of {rung.width} x "
            f"{rung.height}, and its plan no recipe of that size: the report is of another plan; remove it, "
            "and retry the version"
        )
    kbps = max(1, round(rung.kbps))
    peak_kbps = max(round(_PEAK * kbps), least_peak_kbps)
    return of_size.model_copy(
        update={
            "rung": rung.rung,
            "crf": rung.crf,
            "bitrate_kbps": kbps,
            "maxrate_kbps": peak_kbps,
            "buffer_kbits": peak_kbps * _BUFFER_S,
        }
    )
