"""Why a job is where it is, and what happens next: in one paragraph, with where to look. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from lambdas.common.errors import ConflictError, NotFoundError
from lambdas.common.media import Record
from lambdas.encoding.claims import Attempt, JobRecord, JobState
from lambdas.encoding.retries import Action, Decision, FailureKind, RetryRules, Tried, cause_of, decide
from lambdas.encoding.watch import Patience, QueueReport, Status, StuckJob

_MOST_NAMED = 5
"""Jobs, in a message."""
_LONGEST_DRAW = math.nextafter(1.0, 0.0)
"""Draws the longest pause that may come."""
_MINUTE_S, _HOUR_S = 60, 3600


class Try(Record):
    """One Batch job that did, or is to do, a job: a retry of the workflow is another one."""

    job_id: str
    queue: str = Field(description="its ARN or name")
    status: str
    priority: int = 0
    memory_mib: int
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    stopped_at: AwareDatetime | None = None
    reason: str | None = Field(default=None, description="Batch's, for the status")
    kind: FailureKind | None = Field(default=None, description="why it failed, if it did")
    log_stream: str | None = None

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.status in set(Status)

    @property
    def waits(self) -> bool:
        """Whether it has no machine yet."""
        return self.active and Status(self.status).waits


class Place(Record):
    """Where a job stands in its queue."""

    before: int = Field(description="jobs that are served before it: more urgent, or as urgent and older")
    waiting: int = Field(description="jobs that wait, itself included")


class Explanation(Record):
    """What an operator is told of a job."""

    job: str
    text: str
    evidence: tuple[str, ...] = Field(description="where to look")


def find_record(records: Sequence[JobRecord], beginning: str) -> JobRecord | None:
    """Return the record of the one job whose id begins so; none, if nobody has begun such a job.

    Raises
    ------
    ConflictError
        If there are several.
    """
    found = [record for record in records if record.job.startswith(beginning)]
    exact = [record for record in found if record.job == beginning]
    if len(exact or found) > 1:
        named = ", ".join(record.job for record in found[:_MOST_NAMED]) + (", …" if len(found) > _MOST_NAMED else "")
        raise ConflictError(f"{len(found)} jobs begin with {beginning}: {named}; say more of it")
    return next(iter(exact or found), None)


def try_of(described: Mapping[str, Any]) -> Try:
    """Return a job of AWS Batch's DescribeJobs."""
    container = described.get("container", {})
    attempts = described.get("attempts", [])
    streams = [container.get("logStreamName")]
    streams += [attempt.get("container", {}).get("logStreamName") for attempt in reversed(attempts)]
    failed = described["status"] == "FAILED"
    return Try.model_validate(
        {
            "job_id": described["jobId"],
            "queue": described["jobQueue"],
            "status": described["status"],
            "priority": described.get("schedulingPriority", 0),
            "memory_mib": _memory(container),
            # Batch has 0 for what has not happened.
            **{
                name: described.get(key) or None
                for name, key in (
                    ("created_at", "createdAt"),
                    ("started_at", "startedAt"),
                    ("stopped_at", "stoppedAt"),
                    ("reason", "statusReason"),
                )
            },
            "kind": cause_of("States.TaskFailed", json.dumps(_pascal(described))) if failed else None,
            "log_stream": next((stream for stream in streams if stream), None),
        }
    )


def place_of(mine: Try, others: Iterable[Try]) -> Place:
    """Return where a job that waits stands among the `others` of its queue that do.

    Of one share, Batch serves the job of the highest priority first, and of equal ones the oldest.
    """
    turn = (-mine.priority, mine.created_at)
    rivals = [other for other in others if other.waits and other.job_id != mine.job_id]
    return Place(before=sum((-other.priority, other.created_at) < turn for other in rivals), waiting=len(rivals) + 1)


def retried(tries: Sequence[Try], rules: RetryRules) -> tuple[Tried, Decision | None]:
    """Return what retries a job has had, and what was decided upon its last failure; none, if it has not failed last.

    The workflow carries this along in its state, where nobody can read it; decided anew on the same failures, it is
    the same, but for the pauses, which are the longest that may have come. A job that goes on after it was given up
    belongs to another execution, which begins to count anew.
    """
    tried, decision = Tried(), None
    for one in tries:
        if decision is not None and decision.action is Action.FAIL:
            tried = Tried()
        decision = None
        if one.kind is not None:
            first = tries[0].memory_mib
            decision = decide(one.kind, tried, rules, memory_mib=first, draw=lambda: _LONGEST_DRAW)
            tried = decision.tried
    return tried, decision


def explain(
    job: str,
    *,
    version_id: str,
    record: JobRecord | None,
    tries: Sequence[Try],
    place: Place | None,
    queue: QueueReport | None,
    patience: Patience,
    rules: RetryRules,
    now: datetime,
) -> Explanation:
    """Say why a job is where it is, and what happens next.

    Parameters
    ----------
    job
        Its id, or what of it is known.
    record
        What is recorded of it; nothing, before anybody has begun it.
    tries
        The Batch jobs of its name that Batch still knows, the oldest first.
    place, queue
        Where it stands, if it waits; and how the queue is in which it is.

    Raises
    ------
    NotFoundError
        If neither is known: it is no job of the version, or was not submitted yet.
    """
    if record is None and not tries:
        raise NotFoundError(
            f"no job {job!r} of version {version_id} has been submitted: an encode searches the title's ladder first, "
            f"submits its chunks and its sound then, so many at a time, joins and scores each rung, packages and "
            f"verifies; "
            f"`marquee jobs list TITLE` lists what has begun"
        )
    tried, decision = retried(tries, rules)
    last = tries[-1] if tries else None
    attempt = record.attempts[-1] if record and record.attempts else None
    evidence = _evidence(version_id, record, last, tries)
    name = record.job if record else job
    if record and record.finished:
        said = _finished(record, attempt)
    elif last is None:
        said = ["AWS Batch has forgotten its jobs, as it does some days after their end.", _last_word(attempt)]
    elif last.waits:
        said = [_waiting(last, place, queue, now=now), *_stuck(last, queue), _before(tries, attempt)]
        said += [_waiting_rule(patience), _left(tried, rules)]
    elif last.active:
        said = [_working(last, attempt, now=now), *_stuck(last, queue), _before(tries[:-1], None)]
        said += [_working_rule(last, patience), _left(tried, rules)]
    elif decision is not None:
        said = [_failed(last, attempt, now=now), _decided(decision, tried, rules)]
    else:
        said = [
            f"AWS Batch has it as {last.status} since {_when(last.stopped_at, now=now)}, and its record is not done."
        ]
    return Explanation(job=name, text=" ".join(filter(None, said)), evidence=evidence)


def _finished(record: JobRecord, attempt: Attempt | None) -> list[str]:
    said = "done" if record.state is JobState.DONE else "committed: its result counts, and is being moved to its place"
    by = f" at attempt {attempt.token}, in {_span(attempt.seconds)} on {attempt.worker.capacity}" if attempt else ""
    return [f"It is {said}{by}. Nothing follows: whoever asks for it again is told that it is done."]


def _waiting(mine: Try, place: Place | None, queue: QueueReport | None, *, now: datetime) -> str:
    said = (
        f"It waits for a machine ({mine.status}) since {_when(mine.created_at, now=now)}, with priority {mine.priority}"
    )
    if place and queue:
        said += f": {place.before} of the {place.waiting} jobs that wait in the queue {queue.queue} go before it"
        if queue.running and queue.job_s:
            seconds = (place.before + 1) * queue.job_s / queue.running
            said += (
                f", and at the present pace ({queue.running} at work, {_span(queue.job_s)} each) its turn comes in "
                f"about {_span(seconds)}"
            )
        else:
            said += ", and none is at work: nobody can say when its turn comes"
    return f"{said}." + (f" AWS Batch says: {mine.reason}." if mine.reason else "")


def _working(mine: Try, attempt: Attempt | None, *, now: datetime) -> str:
    if mine.status == Status.STARTING:
        return f"Its container is being started; it was submitted {_when(mine.created_at, now=now)}."
    said = f"It is at work since {_when(mine.started_at or mine.created_at, now=now)}"
    if attempt is None or attempt.worker.batch_job != mine.job_id:
        return f"{said}, and has claimed nothing yet."
    return (
        f"{said}, on {attempt.worker.capacity}, with fencing token {attempt.token}; it was last heard of "
        f"{_span((now - attempt.seen_at).total_seconds())} ago (it says a word every 15 s)."
    )


def _failed(last: Try, attempt: Attempt | None, *, now: datetime) -> str:
    said = f"Its last job failed {_when(last.stopped_at, now=now)}: {last.reason or 'AWS Batch says no reason'}."
    if attempt and attempt.worker.batch_job == last.job_id and attempt.error:
        said += f" Its worker said: {attempt.error}."
    return said


def _decided(decision: Decision, tried: Tried, rules: RetryRules) -> str:
    """Say what was decided on a failure; its reason begins with what happened."""
    if decision.action is Action.FAIL:
        return (
            f"That means: {decision.reason}. If its execution has ended, the evidence is in the queue FailedJobs of "
            f"the stack; remove the fault, and `marquee jobs retry TITLE` goes on from what is done."
        )
    what = decision.reason.partition(":")[0]
    return f"That means: {what}. It is submitted again within {_span(decision.pause_s)}. {_left(tried, rules)}"


def _before(tries: Sequence[Try], attempt: Attempt | None) -> str:
    """Say what the tries before the present one ended with."""
    failed = [one for one in tries if one.kind is not None]
    if failed:
        return f"It has failed {_times(len(failed))} before, at last with: {failed[-1].reason or failed[-1].kind}."
    return _last_word(attempt)


def _last_word(attempt: Attempt | None) -> str:
    if attempt is None:
        return ""
    said = f": {attempt.error}" if attempt.error else ""
    return f"Its last attempt, {attempt.token}, is {attempt.outcome.value}{said}."


def _stuck(mine: Try, queue: QueueReport | None) -> list[str]:
    found: StuckJob | None = next((job for job in queue.stuck if job.job_id == mine.job_id), None) if queue else None
    if found is None:
        return []
    then = "the watch ends it in one of its next rounds" if found.ended else "the watch cannot help that"
    return [f"It is stuck ({found.kind.value}): {found.why}; {then}."]


def _waiting_rule(patience: Patience) -> str:
    return (
        f"It counts as stuck if it waits for more than {patience.runnable_minutes} minutes and not for its turn; then "
        f"an alarm is raised, and after 12 hours AWS Batch cancels what it names a reason for."
    )


def _working_rule(mine: Try, patience: Patience) -> str:
    if mine.status == Status.STARTING:
        return f"If its task does not start in {patience.starting_minutes} minutes, the watch ends it."
    return f"If nothing is heard of it for {patience.heartbeat_minutes} minutes, the watch ends it."


def _left(tried: Tried, rules: RetryRules) -> str:
    transient = rules.most_transient - tried.transient
    pause = f", the next after up to {_span(rules.first_pause_s * 2**tried.transient)}" if transient else ""
    return (
        f"It has left {transient} of {rules.most_transient} retries for what may pass{pause}, "
        f"{rules.most_stuck - tried.stuck} of {rules.most_stuck} for being stuck, and "
        f"{rules.most_reclaimed - tried.reclaimed} of {rules.most_reclaimed} for machines taken away."
    )


def _evidence(version_id: str, record: JobRecord | None, last: Try | None, tries: Sequence[Try]) -> tuple[str, ...]:
    found = []
    if record:
        found.append(f"record: version_id {version_id}, job {record.job}, in the table JobsTable")
        if record.output:
            found.append(f"result: {record.output.uri}")
    if last:
        found.append(f"AWS Batch: job {last.job_id} ({last.status}), the last of {len(tries)} of its name")
        if last.log_stream:
            found.append(f"log: stream {last.log_stream}, in the log group of the farm's jobs")
    return tuple(found)


def _memory(container: Mapping[str, Any]) -> int:
    asked = {entry["type"]: entry["value"] for entry in container.get("resourceRequirements", [])}
    return int(asked.get("MEMORY") or container.get("memory") or 0)


def _pascal(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a description with the keys that Step Functions gives it."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": _pascal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_pascal(inner) for inner in value]
    return value


def _when(moment: datetime | None, *, now: datetime) -> str:
    if moment is None:
        return "at an unknown time"
    return f"{moment:%Y-%m-%d %H:%M:%S}Z, {_span((now - moment).total_seconds())} ago"


def _span(seconds: float) -> str:
    """Return a length of time, as precisely as anybody wants to know it."""
    seconds = max(0.0, seconds)
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
