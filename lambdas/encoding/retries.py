"""What becomes of a Batch job that failed: again, again with more memory, or never. Pure.

Batch's own retries are for what it sees within one job; here is decided whether there is another job after it. A kind
of failure is told by the fields that Batch fills in for it (status reason, container reason, exit code) and never by
words somewhere in the cause: a command or a log stream's name may hold any words.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum

from pydantic import Field, NonNegativeInt, PositiveInt

from lambdas.common.evidence import BatchJob
from lambdas.common.media import Record

STUCK_REASON = "marquee: stuck"
"""How the reason begins with which a stuck job is terminated (``aws batch terminate-job``); the rest is for people.

The watch gives it (`watch_handlers.watch_farm`), and an operator may.
"""
LATE_REASON = "marquee: too late to wait for spot"
"""How the reason begins with which a waiting job is cancelled that has to go on demand."""
RECLAIM_REASONS = ("Host EC2", "Your Spot Task was interrupted")
"""How Batch's status reason begins when a spot machine was taken away: on EC2, on Fargate."""
HELD_S = 600
"""The longest pause, in seconds, before it is looked again whether another worker has done the job, or Batch takes it.
"""
AT_ONCE_S = 5
"""The longest pause, in seconds, of a retry that need not wait: jobs of one lost machine do not all come together."""
MOST_TIMED_OUT = 1
"""How often a job that took too long is tried again: once is a slow machine, twice is a job of that length."""

_OUT_OF_MEMORY = "OutOfMemoryError"
_WRONG_ARGUMENTS = 2


class FailureKind(StrEnum):
    """Why a job failed."""

    RECLAIMED = "reclaimed"
    OUT_OF_MEMORY = "out_of_memory"
    TRANSIENT = "transient"
    HELD = "held"
    """Another worker is at it."""
    NOT_SUBMITTED = "not_submitted"
    """AWS Batch did not take it: nothing is known against the job itself."""
    STUCK = "stuck"
    LATE = "late"
    """It waited for spot capacity, and its title cannot wait any longer."""
    TIMED_OUT = "timed_out"
    BAD_INPUT = "bad_input"
    DEFECT = "defect"
    CANCELLED = "cancelled"
    """By anybody but our watch."""
    NEVER_STARTED = "never_started"
    """Batch found no machine for it within the queue's time limit."""
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What to do after a failure."""

    RETRY = "retry"
    RETRY_LARGER = "retry_larger"
    FAIL = "fail"


class Tried(Record):
    """The retries that a job has had, by their reason: the state machine carries it from one to the next."""

    transient: NonNegativeInt = 0
    reclaimed: NonNegativeInt = 0
    held: NonNegativeInt = 0
    not_submitted: NonNegativeInt = 0
    stuck: NonNegativeInt = 0
    late: NonNegativeInt = 0
    enlarged: NonNegativeInt = 0
    timed_out: NonNegativeInt = Field(default=0, description="how many of the transient ones were time-outs")
    memory_mib: PositiveInt | None = Field(default=None, description="what it has now; none is the job's own")


class RetryRules(Record):
    """How often a job is tried again, and after how long a pause."""

    first_pause_s: NonNegativeInt = Field(default=60, description="the longest first pause; it doubles every time")
    most_transient: NonNegativeInt = 3
    most_held: NonNegativeInt = Field(default=110, description="with its pauses, longer than any job may take")
    most_not_submitted: NonNegativeInt = Field(
        default=100,
        description="with its pauses, eight hours: AWS Batch takes 50 jobs a second of an account, and a backlog more",
    )
    most_stuck: NonNegativeInt = 3
    most_late: NonNegativeInt = 3
    most_reclaimed: NonNegativeInt = 20
    most_memory_mib: PositiveInt = Field(description="no job gets more")


class Decision(Record):
    """What to do about a failed job."""

    action: Action
    pause_s: NonNegativeInt = Field(default=0, description="seconds to wait first")
    memory_mib: PositiveInt = Field(description="what the next job gets; the last one's, if there is none")
    tried: Tried = Field(description="the history, with the retry that was decided upon")
    reason: str = Field(description="a sentence for people")


class _EndedJob(BatchJob):
    is_cancelled: bool = Field(default=False, alias="IsCancelled")
    is_terminated: bool = Field(default=False, alias="IsTerminated")

    @property
    def exit_code(self) -> int | None:
        """Of the last attempt."""
        last = self.attempts[-1].container if self.attempts else self.container
        return self.container.exit_code if last.exit_code is None else last.exit_code

    @property
    def container_reason(self) -> str:
        """Of the last attempt; mostly empty."""
        last = self.attempts[-1].container if self.attempts else self.container
        return last.reason or self.container.reason or ""


_ERRORS = {
    "States.Timeout": FailureKind.TIMED_OUT,
    "States.HeartbeatTimeout": FailureKind.TIMED_OUT,
    # Throttling and the like, or a request that Batch refuses.
    **dict.fromkeys(
        (
            "Batch.AWSBatchException",
            "Batch.BatchException",
            "Batch.SdkClientException",
            "Batch.ServerException",
            "Batch.TooManyRequestsException",
        ),
        FailureKind.NOT_SUBMITTED,
    ),
    "Batch.ClientException": FailureKind.DEFECT,
}
_STATUS_REASONS = {
    STUCK_REASON: FailureKind.STUCK,
    LATE_REASON: FailureKind.LATE,
    "Canceled by JobStateTimeLimit action": FailureKind.NEVER_STARTED,
    "Job attempt duration exceeded timeout": FailureKind.TIMED_OUT,
    "Task failed to start": FailureKind.TRANSIENT,
    **dict.fromkeys(RECLAIM_REASONS, FailureKind.RECLAIMED),
}
_EXIT_CODES = {
    os.EX_DATAERR: FailureKind.BAD_INPUT,
    os.EX_SOFTWARE: FailureKind.DEFECT,
    os.EX_TEMPFAIL: FailureKind.TRANSIENT,
    os.EX_UNAVAILABLE: FailureKind.HELD,
    _WRONG_ARGUMENTS: FailureKind.DEFECT,
}
_AT_ONCE = {FailureKind.RECLAIMED, FailureKind.LATE}
_OFF_SPOT = {FailureKind.RECLAIMED, FailureKind.LATE, FailureKind.NEVER_STARTED}
_HOPELESS = {FailureKind.BAD_INPUT, FailureKind.DEFECT, FailureKind.CANCELLED}
_WHAT_HAPPENED = {
    FailureKind.RECLAIMED: "the job's spot machine was taken away",
    FailureKind.OUT_OF_MEMORY: "the job ran out of memory",
    FailureKind.TRANSIENT: "something failed that may work the next time",
    FailureKind.HELD: "another worker is at the job",
    FailureKind.NOT_SUBMITTED: "AWS Batch did not take the job",
    FailureKind.STUCK: "the job was stuck, and was ended to be tried again",
    FailureKind.LATE: "the job could not wait for spot capacity any longer",
    FailureKind.TIMED_OUT: "the job took longer than it may",
    FailureKind.BAD_INPUT: "the input is at fault",
    FailureKind.DEFECT: "the encoder, or how it was called, is at fault",
    FailureKind.CANCELLED: "the job was cancelled or terminated by somebody",
    FailureKind.NEVER_STARTED: "no machine was found for the job in time",
    FailureKind.UNKNOWN: "the job failed in an unknown way",
}


def cause_of(error_name: str, cause_json: str) -> FailureKind:
    """Return why a ``batch:submitJob.sync`` failed, by the ``Error`` and the ``Cause`` that Step Functions caught.

    `cause_json` is the job, as DescribeJobs has it, with PascalCase keys; of an error that is not a job's own it is
    not looked at. Never raises: what cannot be read is `FailureKind.UNKNOWN`.
    """
    if error_name in _ERRORS:
        return _ERRORS[error_name]
    try:
        job = _EndedJob.model_validate_json(cause_json)
    except ValueError:
        return FailureKind.UNKNOWN
    # First what came from outside: a process that is stopped ends with whatever exit code it comes to.
    return _stopped(job) or _ended(job)


def decide(
    kind: FailureKind, tried: Tried, rules: RetryRules, *, memory_mib: int, draw: Callable[[], float]
) -> Decision:
    """Return what to do about a job that failed in the way of `kind`, after the retries in `tried`.

    A job that ran out of memory gets twice what it had, and never more than `most_memory_mib`: for a small job that is
    still a small one, and it finds a machine beside others.

    A reclaimed or late job, and one that gets more memory, go again almost at once. The n-th retry (from 0) after
    another failure waits for 0 to ``first_pause_s * 2**n`` seconds, evenly distributed ("full jitter", Brooker,
    *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015). A job that another worker is at waits for up to
    `HELD_S`, as nothing is wrong with it; so little is with one that Batch did not take, whose pauses grow no longer.
    Reclaims, held, stuck and late jobs, and those not taken, are each counted for themselves; everything else is
    counted as transient, time-outs moreover by themselves.

    Parameters
    ----------
    memory_mib
        What the job has by itself.
    draw
        Draws a number that is evenly distributed in [0, 1).
    """
    had = tried.memory_mib or memory_mib
    if kind in _HOPELESS:
        return _failed(kind, tried, had, why="another try would end the same")
    if kind is FailureKind.OUT_OF_MEMORY:
        return _enlarged(tried, rules, had, draw=draw)
    name, done, most = _count(kind, tried, rules)
    if done >= most:
        return _failed(kind, tried, had, why=f"it has had its {most} retries")
    change = {name: done + 1}
    if kind is FailureKind.TIMED_OUT:
        if tried.timed_out >= MOST_TIMED_OUT:
            return _failed(kind, tried, had, why="it did so before")
        change["timed_out"] = tried.timed_out + 1
    pause_s = _jitter(_longest_pause_s(kind, done=done, rules=rules), draw=draw)
    return Decision(
        action=Action.RETRY,
        pause_s=pause_s,
        memory_mib=had,
        tried=tried.model_copy(update=change),
        reason=f"{_WHAT_HAPPENED[kind]}: retry {done + 1} of {most} in {pause_s} s",
    )


def _longest_pause_s(kind: FailureKind, *, done: int, rules: RetryRules) -> int:
    if kind in _AT_ONCE:
        return AT_ONCE_S
    if kind is FailureKind.HELD:
        return HELD_S
    growing_s = rules.first_pause_s << done
    return min(growing_s, HELD_S) if kind is FailureKind.NOT_SUBMITTED else growing_s


def _count(kind: FailureKind, tried: Tried, rules: RetryRules) -> tuple[str, int, int]:
    """Return the count that a retry goes into: its name in `Tried`, how far it is, how far it may go."""
    match kind:
        case FailureKind.RECLAIMED:
            return "reclaimed", tried.reclaimed, rules.most_reclaimed
        case FailureKind.HELD:
            return "held", tried.held, rules.most_held
        case FailureKind.NOT_SUBMITTED:
            return "not_submitted", tried.not_submitted, rules.most_not_submitted
        case FailureKind.STUCK:
            return "stuck", tried.stuck, rules.most_stuck
        case FailureKind.LATE:
            return "late", tried.late, rules.most_late
        case _:
            return "transient", tried.transient, rules.most_transient


def _stopped(job: _EndedJob) -> FailureKind | None:
    """Return what stopped a job from outside, if anything did."""
    reason = job.status_reason or ""
    for beginning, kind in _STATUS_REASONS.items():
        if reason.startswith(beginning):
            return kind
    # Only now, because the watch and the time limits may set these as well.
    return FailureKind.CANCELLED if job.is_cancelled or job.is_terminated else None


def _ended(job: _EndedJob) -> FailureKind:
    """Return why a job ended by itself."""
    # Before the exit code: where ffmpeg was the one killed, the encoder lives on and exits with a code of its own.
    if job.container_reason.startswith(_OUT_OF_MEMORY):
        return FailureKind.OUT_OF_MEMORY
    return FailureKind.UNKNOWN if job.exit_code is None else _EXIT_CODES.get(job.exit_code, FailureKind.UNKNOWN)


def leaves_spot(kind: FailureKind) -> bool:
    """Say whether a job that failed in the way of `kind` is better off on demand.

    AWS Batch itself makes ten attempts before it gives back a job that was reclaimed, and one that never started has
    waited for hours: there is no spot capacity to be had for it.
    """
    return kind in _OFF_SPOT


def refused(decision: Decision, *, why: str) -> Decision:
    """Return the decision not to try again after all, for a reason that is not the job's."""
    return decision.model_copy(
        update={
            "action": Action.FAIL,
            "pause_s": 0,
            "reason": f"{decision.reason.partition(':')[0]}, and is not tried again: {why}",
        }
    )


def _enlarged(tried: Tried, rules: RetryRules, had: int, *, draw: Callable[[], float]) -> Decision:
    kind = FailureKind.OUT_OF_MEMORY
    larger = min(2 * had, rules.most_memory_mib)
    if larger <= had:
        return _failed(kind, tried, had, why=f"there is no larger size than {had} MiB")
    pause_s = _jitter(AT_ONCE_S, draw=draw)
    return Decision(
        action=Action.RETRY_LARGER,
        pause_s=pause_s,
        memory_mib=larger,
        tried=tried.model_copy(update={"enlarged": tried.enlarged + 1, "memory_mib": larger}),
        reason=f"{_WHAT_HAPPENED[kind]}: again with {larger} MiB instead of {had} in {pause_s} s",
    )


def _failed(kind: FailureKind, tried: Tried, had: int, *, why: str) -> Decision:
    return Decision(
        action=Action.FAIL,
        memory_mib=had,
        tried=tried,
        reason=f"{_WHAT_HAPPENED[kind]}, and is not tried again: {why}",
    )


def _jitter(longest_s: int, *, draw: Callable[[], float]) -> int:
    """Return a whole number of seconds from 0 to `longest_s`, each as likely as the others."""
    return int(draw() * (longest_s + 1))
