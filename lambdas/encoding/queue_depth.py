"""How many jobs are in the farm's queues of encodes, on AWS Batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from lambdas.common.aws import transient_errors
from lambdas.common.events import QueueDepth
from lambdas.encoding.farm_queues import listed

MOST_COUNTED = 1000
"""Of each kind. A request lists a hundred jobs, and who asks only wants to know how busy the farm is."""
_WAITING = ("SUBMITTED", "RUNNABLE")
"""A job is PENDING only for another one that it depends on, and none does."""
_RUNNING = ("STARTING", "RUNNING")


@transient_errors()
def depth_of(queues: Sequence[str]) -> QueueDepth:
    """Return how many jobs wait and run in all of `queues`, given by their ARNs; of each kind `MOST_COUNTED` at most.

    Raises
    ------
    TransientError
        If AWS Batch is throttling or away.
    """
    return QueueDepth(waiting=_count(queues, _WAITING), running=_count(queues, _RUNNING))


def _count(queues: Sequence[str], statuses: Iterable[str]) -> int:
    jobs = (job for status in statuses for queue in queues for job in listed(queue, status))
    return sum(1 for _ in islice(jobs, MOST_COUNTED))
