"""What a submission says of arrays and dependencies, and the jobs that come of it."""

from collections.abc import Callable
from typing import Any, Final

from sandbox.extension.batch.control import BatchError
from sandbox.extension.batch.job import Job

_SMALLEST, _LARGEST = 2, 10_000
_MOST_DEPENDENCIES: Final = 20
_CHILD_FAILED: Final = "Array Child Job failed"

Payload = dict[str, Any]


def array_size(payload: Payload) -> int | None:
    """How many children a submission asks for; none is a job by itself.

    Raises
    ------
    BatchError
        If it is not from 2 to 10,000.
    """
    properties = payload.get("arrayProperties") or {}
    if "size" not in properties:
        return None
    size = int(properties["size"])
    if not _SMALLEST <= size <= _LARGEST:
        raise BatchError(f"arrayProperties.size is from {_SMALLEST} to {_LARGEST}, not {size}")
    return size


def check_dependencies(entries: list[Payload], *, size: int | None, find: Callable[[str], Job | None]) -> None:
    """Refuse dependencies that Batch does not take.

    Raises
    ------
    BatchError
        If there are too many, one does not exist, or a type does not fit the jobs.
    """
    if len(entries) > _MOST_DEPENDENCIES:
        raise BatchError(f"A job depends on at most {_MOST_DEPENDENCIES} jobs, not {len(entries)}")
    for entry in entries:
        kind, job_id = entry.get("type"), entry.get("jobId")
        if kind is not None and size is None:
            raise BatchError(f"A dependency of type {kind} is for array jobs")
        if job_id is None:
            if kind != "SEQUENTIAL":
                raise BatchError("dependsOn needs a jobId, or the type SEQUENTIAL")
            continue
        other = find(job_id)
        if other is None:
            raise BatchError(f"Job {job_id} of dependsOn does not exist")
        if kind == "N_TO_N" and other.array_size != size:
            raise BatchError(f"A dependency of type N_TO_N is on an array of the same size: {job_id} is none of {size}")


def with_children(job: Job, dependencies: list[Payload]) -> Job:
    """Give an array job its children, each with what it has to wait for."""
    matched = [entry["jobId"] for entry in dependencies if entry.get("type") == "N_TO_N"]
    plain = [entry["jobId"] for entry in dependencies if "jobId" in entry and entry.get("type") != "N_TO_N"]
    in_order = any(entry.get("type") == "SEQUENTIAL" for entry in dependencies)
    for index in range(job.array_size or 0):
        before = [f"{job.job_id}:{index - 1}"] if in_order and index else []
        job.children.append(job.child(index, depends_on=[*plain, *(f"{other}:{index}" for other in matched), *before]))
    return job


def state_of_parent(parent: Job) -> tuple[str, str | None]:
    """The status and its reason of an array job all of whose children have ended."""
    if all(child.status == "SUCCEEDED" for child in parent.children):
        return "SUCCEEDED", None
    return "FAILED", parent.stop_reason or _CHILD_FAILED
