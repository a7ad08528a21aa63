"""How many processors a queue may use on this machine."""

import logging
import os
from dataclasses import dataclass, field

logger = logging.getLogger("marquee.batch")


def host_vcpus() -> float:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return float(len(os.sched_getaffinity(0)))
    return float(os.cpu_count() or 1)


@dataclass(frozen=True)
class QueueLimits:
    """What the scheduler has to know of a job queue."""

    priority: int
    max_vcpus: float
    compute_environment: str
    weights: dict[str, float] | None = None
    """By share identifier, what counts its use of processors for; none, where the queue is first in, first out."""

    def weight(self, share: str | None) -> float:
        """The weight of a share; a rule for ``team*`` is for every share that begins so. Without a rule it is 1."""
        rules = self.weights or {}
        fitting = [
            name for name in rules if share == name or (name.endswith("*") and (share or "").startswith(name[:-1]))
        ]
        return rules[max(fitting, key=len)] if fitting else 1.0


@dataclass
class Capacity:
    """The machine's processors, shared by all queues; each queue is bounded by its compute environments too."""

    host: float = field(default_factory=host_vcpus)
    used: dict[str, float] = field(default_factory=dict)
    shares: dict[tuple[str, str | None], float] = field(default_factory=dict)

    def request(self, *, job_name: str, vcpus: float) -> float:
        """What a job is charged: what it asked for, at most the whole machine.

        A production job may ask for more processors than a laptop has. It would wait forever if it were
        charged in full, and refusing it would make the same state machine unusable here.
        """
        if vcpus <= self.host:
            return vcpus
        logger.info("Batch: job %s asks for %g vCPU; this machine has %g, so it gets those", job_name, vcpus, self.host)
        return self.host

    def fits(self, *, queue: str, queue_limit: float, vcpus: float) -> bool:
        """Whether a charge fits the machine and the queue now."""
        queue_used = self.used.get(queue, 0.0)
        # A queue smaller than one job still runs it, alone: the limit counts machines' processors on AWS.
        alone_in_queue = queue_limit > 0 and queue_used == 0
        return self.free >= vcpus and (queue_used + vcpus <= queue_limit or alone_in_queue)

    @property
    def free(self) -> float:
        """Processors nobody was charged for."""
        return self.host - sum(self.used.values())

    def take(self, *, queue: str, share: str | None, vcpus: float) -> None:
        """Charge a queue, and a share of it."""
        self.used[queue] = self.used.get(queue, 0.0) + vcpus
        self.shares[queue, share] = self.shares.get((queue, share), 0.0) + vcpus

    def give_back(self, *, queue: str, share: str | None, vcpus: float) -> None:
        """Return a charge."""
        self.used[queue] -= vcpus
        self.shares[queue, share] -= vcpus

    def share_use(self, *, queue: str, share: str | None) -> float:
        """Processors that a share of a queue uses now."""
        return self.shares.get((queue, share), 0.0)
