"""What a title's own ladder saves against the fixed one. Pure; the formulas are those of `lambdas.common.ladder`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from encoder.ladder.hull import rate_on
from lambdas.common.ladder import EqualQuality, FixedRung, Probe, Savings, SearchedRung


def savings_of(
    rungs: Sequence[SearchedRung], *, hull: Sequence[Probe], fixed: Sequence[FixedRung], target: float
) -> Savings:
    """Compare a ladder with the fixed one.

    Parameters
    ----------
    rungs
        The best first.
    target
        The VMAF that the best rung is held to.
    """
    equal = tuple(
        EqualQuality(
            rung=rung.rung,
            vmaf=rung.vmaf,
            fixed_kbps=rung.kbps,
            hull_kbps=round(kbps, 3),
            saving_pct=_saved(kbps, of=rung.kbps),
        )
        for rung in fixed
        if (kbps := rate_on(hull, vmaf=rung.vmaf)) is not None
    )
    best = max(fixed, key=lambda rung: (rung.width * rung.height, rung.kbps))
    return Savings(
        equal_vmaf_pct=round(fmean(each.saving_pct for each in equal), 2) if equal else None,
        equal_vmaf=equal,
        at_target_pct=_saved(rungs[0].kbps, of=best.kbps),
        fixed_misses_target=best.vmaf < target,
    )


def _saved(kbps: float, *, of: float) -> float:
    return round(100 * (1 - kbps / of), 2)
