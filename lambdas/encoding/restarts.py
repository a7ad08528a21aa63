"""An encode that ended without a result, started again: under another name, with the same input. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.common.errors import ConflictError, NotFoundError


class NeverStartedError(NotFoundError):
    """No encode of a version is known."""


class StillRunningError(ConflictError):
    """A version is being encoded."""


class AlreadyEncodedError(ConflictError):
    """A version was encoded: there is nothing to try again."""


def execution_name(version_id: str, *, attempt: int) -> str:
    """Return the name of an execution: of the first one (`attempt` 1) that is the version's id.

    Step Functions never takes a name twice, so the second is ``{version_id}-2``, and so on. Which version an execution
    encodes is said by its input, and not by its name.
    """
    return version_id if attempt == 1 else f"{version_id}-{attempt}"


def next_attempt(statuses: Sequence[str], *, version_id: str) -> int:
    """Return the number of the next execution, by how those before it ended.

    Raises
    ------
    NeverStartedError
        If there were none.
    StillRunningError, AlreadyEncodedError
        If there is nothing to start again.
    """
    if not statuses:
        raise NeverStartedError(
            f"no encode of version {version_id} is known: none was started, or it ended more than 90 days ago"
        )
    if "RUNNING" in statuses:
        raise StillRunningError(f"version {version_id} is being encoded: `marquee jobs list` shows how far it is")
    if "SUCCEEDED" in statuses:
        raise AlreadyEncodedError(f"version {version_id} was encoded: there is nothing to try again")
    return len(statuses) + 1
