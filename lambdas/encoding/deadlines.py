"""When a title has to be ready, and when its jobs must no longer wait for spot capacity. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.common.events import SourceAccepted
from lambdas.common.media import Priority
from lambdas.encoding.cost import JobSizes, Prediction, Stage

SAFETY = 2.0
"""A prediction is good to a factor of two."""

_STEPS: tuple[frozenset[Stage], ...] = (
    frozenset({Stage.SEARCH}),
    frozenset({Stage.ENCODE, Stage.AUDIO}),
    frozenset({Stage.JOIN}),
    frozenset({Stage.SCORE}),
    frozenset({Stage.PACKAGE}),
    frozenset({Stage.VERIFY}),
)
"""What the workflow does one after the other; the jobs of a step may all run at once."""


def deadline_of(source: SourceAccepted, *, now: datetime, sla: timedelta) -> datetime | None:
    """Return when a title has to be ready to be shown; none, if nobody waits for it.

    A title that may be shown already, or that no window says more of, is due `sla` after its delivery, and that may
    have passed: it is late then. One whose windows all begin later is due when the first of them does. One that may be
    shown somewhere, and soon elsewhere too, is due at the earlier of the two. What a campaign encodes anew is never
    due: there is a version to show.

    Parameters
    ----------
    sla
        How long processing may take.
    """
    if source.priority is Priority.CAMPAIGN:
        return None
    coming = [window.starts_at for window in source.rights if window.starts_at > now]
    is_open = any(
        window.starts_at <= now and (window.ends_at is None or now < window.ends_at) for window in source.rights
    )
    promised = [source.delivered_at + sla] if is_open or not coming else []
    return min([*coming, *promised])


def spot_until(
    deadline: datetime, *, prediction: Prediction | None, sizes: JobSizes, at_once: int, on_demand_vcpus: int
) -> dict[Stage, datetime]:
    """Return when it is too late to wait for spot capacity, for the jobs of each stage.

    That is the deadline, less `SAFETY` times what the stage and all after it take on demand. A step takes as long as
    its jobs one after the other, divided by how many of them can run at once, and no less than the longest of them.

    Parameters
    ----------
    prediction
        What the jobs should use; without it nothing is known of their length, and they may wait until the deadline.
    at_once
        How many jobs of the title may run at once.
    on_demand_vcpus
        How many vCPUs there are on demand, if no other title needs them.
    """
    rest_s = 0.0
    until: dict[Stage, datetime] = {}
    for step in reversed(_STEPS):
        rest_s += _duration_s(step, prediction, sizes, at_once, on_demand_vcpus) if prediction else 0.0
        until |= dict.fromkeys(step, deadline - timedelta(seconds=SAFETY * rest_s))
    return until


def is_late(until: datetime, *, now: datetime) -> bool:
    """Say whether jobs that may wait for spot capacity `until` then must not wait any more."""
    return now >= until


def _duration_s(
    step: frozenset[Stage], prediction: Prediction, sizes: JobSizes, at_once: int, on_demand_vcpus: int
) -> float:
    shared, longest = 0.0, 0.0
    for line in prediction.lines:
        if line.stage in step:
            vcpus = sizes.of(line.stage).vcpus
            seconds = line.vcpu_seconds / vcpus
            shared += seconds / max(1, min(at_once, on_demand_vcpus // vcpus))
            longest = max(longest, seconds / line.jobs)
    return max(shared, longest)
