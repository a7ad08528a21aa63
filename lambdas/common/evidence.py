"""What is known of a failed workflow, gathered so that a person can judge it without searching."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lambdas.common.batch import InputRange
from lambdas.common.events import PipelineFailed
from lambdas.common.keys import delivery_of
from lambdas.common.parsing import parse

UNKNOWN = "unknown"
ENDED_FROM_OUTSIDE = {
    "TIMED_OUT": "the execution took longer than the state machine allows",
    "ABORTED": "the execution was stopped",
}
"""How Step Functions ends an execution without asking a step of it, and what that means."""
FAILED = "FAILED"
_UNCAUGHT = {None, "States.Runtime", "States.DataLimitExceeded"}
"""With what it fails one where no step's Catch looks; at the limit of its history, with no error at all."""
_CAUSE_CHARS = 4_000
_STUDIO_REMEDY = (
    "Nothing is needed from you: what you sent is safe where you put it. "
    "Our operators have been told, and restart the work when the fault is removed."
)
_OPERATOR_REMEDIES = {
    "ingestion": "Read the cause and the log tail, and remove the fault. Then start the state machine again with its "
    "input, under the name {name}-again-1 (a used name is refused), and delete this message.",
    "encoding": "Read the cause, what was decided about it, and the log tail, and remove the fault. Then "
    "`marquee jobs retry {title} --version {version}`: what is done is not done again. Delete this message.",
}


class _Seen(BaseModel):
    """Something that AWS or the state machine wrote: read what is needed, ignore the rest."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Container(_Seen):
    log_stream: str | None = Field(default=None, alias="LogStreamName")
    exit_code: int | None = Field(default=None, alias="ExitCode")
    reason: str | None = Field(default=None, alias="Reason")
    command: tuple[str, ...] = Field(default=(), alias="Command")


class _Attempt(_Seen):
    container: _Container = Field(default_factory=_Container, alias="Container")


class BatchJob(_Seen):
    """A Batch job as it stands in the cause of a failed ``batch:submitJob.sync``."""

    job_name: str = Field(alias="JobName")
    job_id: str = Field(alias="JobId")
    status_reason: str | None = Field(default=None, alias="StatusReason")
    container: _Container = Field(default_factory=_Container, alias="Container")
    attempts: tuple[_Attempt, ...] = Field(default=(), alias="Attempts")

    @property
    def log_stream(self) -> str | None:
        """The log stream of the last attempt, if the job came so far as to have one."""
        streams = [self.container.log_stream]
        streams += [attempt.container.log_stream for attempt in reversed(self.attempts)]
        return next((stream for stream in streams if stream), None)


class _Error(_Seen):
    name: str = Field(default=UNKNOWN, alias="Error")
    cause: str = Field(default="", alias="Cause")


class _Title(_Seen):
    title_id: str = UNKNOWN


class _Input(_Seen):
    """The failed execution's input: encoding's names the delivery, ingestion's only its manifest."""

    version_id: str = UNKNOWN
    title: _Title = Field(default_factory=_Title)
    studio: str | None = None
    delivery_id: str | None = None
    manifest_key: str | None = None


class Failure(_Seen):
    """What the state machine passes on when a step failed for good."""

    execution: str
    input: _Input = Field(default_factory=_Input)
    error: _Error = Field(default_factory=_Error)
    decision: str | None = Field(default=None, description="why a failed job was not tried again")
    reads: InputRange | None = Field(default=None, description="what of the source a failed job worked on")

    @property
    def version_id(self) -> str:
        """The version that was worked on."""
        return self.input.version_id

    @property
    def delivery(self) -> tuple[str, str]:
        """The studio and the delivery, as far as they can be told."""
        if self.input.studio and self.input.delivery_id:
            return self.input.studio, self.input.delivery_id
        try:
            location = delivery_of(self.input.manifest_key or "")
        except ValueError:
            return UNKNOWN, UNKNOWN
        return location.studio, location.delivery_id

    @property
    def job(self) -> BatchJob | None:
        """The Batch job that failed; none, if it was a function, a timeout or anything else."""
        try:
            return BatchJob.model_validate_json(self.error.cause)
        except ValidationError:
            return None


class _Ended(_Seen):
    class Detail(_Seen):
        execution: str = Field(alias="executionArn")
        # Step Functions leaves it out where it is too large for an event.
        input: str | None = None
        status: str
        error: str | None = None
        cause: str | None = None

    detail: Detail


def failure_of_end(event: object) -> Failure | None:
    """Return the failure that a ``Step Functions Execution Status Change`` tells of; none: a step has recorded it.

    Raises
    ------
    InvalidInputError
        If the event is another.
    """
    ended = parse(_Ended, event).detail
    if ended.status == FAILED and ended.error not in _UNCAUGHT:
        return None
    return Failure(
        execution=ended.execution,
        input=_Input.model_validate_json(ended.input or "{}"),
        error=_Error(
            Error=ended.error or ended.status,
            Cause=ended.cause or ENDED_FROM_OUTSIDE.get(ended.status, ""),
        ),
    )


def failure_of(state: object) -> Failure:
    """Return the failure in a state machine's `state`.

    Raises
    ------
    InvalidInputError
        If the state does not even name the execution.
    """
    return parse(Failure, state)


def evidence(failure: Failure, *, pipeline: str, log_tail: tuple[str, ...]) -> dict[str, Any]:
    """Return what operators get: a JSON object with the execution, the error, the job and its last words."""
    studio, delivery_id = failure.delivery
    job = failure.job
    return {
        "pipeline": pipeline,
        "execution": failure.execution,
        "studio": studio,
        "delivery_id": delivery_id,
        "version_id": failure.version_id,
        "error": failure.error.name,
        "cause": failure.error.cause[:_CAUSE_CHARS],
        "decision": failure.decision,
        "job": job
        and {
            "name": job.job_name,
            "id": job.job_id,
            "status_reason": job.status_reason,
            "exit_code": job.container.exit_code,
            "reason": job.container.reason,
            "command": job.container.command,
            "attempts": len(job.attempts),
            "log_stream": job.log_stream,
            "reads": failure.reads and failure.reads.model_dump(mode="json"),
        },
        "log_tail": log_tail,
        "remedy": _OPERATOR_REMEDIES[pipeline].format(
            name=failure.execution.rpartition(":")[2], title=failure.input.title.title_id, version=failure.version_id
        ),
    }


def announcement(failure: Failure, *, pipeline: str) -> PipelineFailed:
    """Return the event that tells the studio and everybody else; the evidence stays with the operators."""
    studio, delivery_id = failure.delivery
    return parse(
        PipelineFailed,
        {
            "pipeline": pipeline,
            "studio": studio,
            "delivery_id": delivery_id,
            "version_id": failure.version_id,
            "error": failure.error.name,
            "remedy": _STUDIO_REMEDY,
        },
    )
