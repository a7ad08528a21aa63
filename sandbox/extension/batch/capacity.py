"""What jobs may use: this machine, which all share, and the compute environments of their queues."""

import logging
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

logger = logging.getLogger("marquee.batch")

# The reasons of the user guide, "Jobs stuck in a RUNNABLE status"; what stands before the dash is their name.
TOO_LARGE: Final = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - "
    "CE(s) associated with the job queue cannot meet the CPU requirement of the job."
)
NO_CAPACITY: Final = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type {kind}"
)
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Resources:
    """Processors and memory: what a job asks for, or what there is."""

    vcpus: float
    memory_mib: float


def host() -> Resources:
    """What this process may use of the machine."""
    vcpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total
    if _CGROUP_LIMIT.exists() and (limit := _CGROUP_LIMIT.read_text().strip()).isdigit():
        memory = min(memory, int(limit))
    return Resources(vcpus=float(vcpus), memory_mib=memory / _MIB)


@dataclass(frozen=True)
class Environment:
    """A compute environment, as the scheduler has to know it."""

    arn: str
    kind: str = "EC2"
    """``EC2``, ``SPOT``, ``FARGATE`` or ``FARGATE_SPOT``."""
    max_vcpus: float = math.inf
    is_dry: bool = False
    """Whether AWS has no machine for it now."""

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def is_spot(self) -> bool:
        """Whether its machines can be taken away."""
        return self.kind.endswith("SPOT")

    @property
    def on_fargate(self) -> bool:
        """Whether its jobs have no machine of their own."""
        return self.kind.startswith("FARGATE")


@dataclass(frozen=True)
class QueueLimits:
    """What the scheduler has to know of a job queue."""

    priority: int
    environments: tuple[Environment, ...]
    """The enabled ones, in their order."""
    weights: dict[str, float] | None = None
    """By share identifier, what counts its use of processors for; none, where the queue is first in, first out."""
    time_limits: Mapping[str, float] = field(default_factory=dict)
    """By the name of a reason, the seconds after which a job at the head that is blocked by it is cancelled."""

    def weight(self, share: str | None) -> float:
        """The weight of a share; a rule for ``team*`` is for every share that begins so. Without a rule it is 1."""
        rules = self.weights or {}
        fitting = [
            name for name in rules if share == name or (name.endswith("*") and (share or "").startswith(name[:-1]))
        ]
        return rules[max(fitting, key=len)] if fitting else 1.0

    def blocked_reason(self, asked: Resources) -> str | None:
        """Why a job at the head cannot start, however long it waits for others to end; none, if it only waits."""
        if not self.environments:
            return None
        if all(environment.max_vcpus < asked.vcpus for environment in self.environments):
            return TOO_LARGE
        if all(environment.is_dry for environment in self.environments):
            return NO_CAPACITY.format(kind=self.environments[0].kind)
        return None


@dataclass(frozen=True)
class Placement:
    """Where a job was put, and what it is charged there."""

    environment: Environment
    asked: Resources
    on_host: Resources
    share: tuple[str, str | None]


@dataclass
class Capacity:
    """The machine, shared by all queues, and how much of each compute environment is in use."""

    host: Resources = field(default_factory=host)
    free: Resources = field(init=False)
    _environments: dict[str, float] = field(default_factory=dict)
    _shares: dict[tuple[str, str | None], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = self.host

    def on_host(self, asked: Resources, *, job_name: str) -> Resources:
        """What a job is given of this machine: what it asked for, at most all of it.

        A production job may ask for more than a laptop has. It would wait forever if it were charged in full, and
        refusing it would make the same state machine unusable here.
        """
        given = Resources(
            vcpus=min(asked.vcpus, self.host.vcpus), memory_mib=min(asked.memory_mib, self.host.memory_mib)
        )
        if given != asked:
            logger.info(
                "Batch: job %s asks for %g vCPU and %g MiB; this machine has %g and %.0f, so it gets no more",
                job_name,
                asked.vcpus,
                asked.memory_mib,
                self.host.vcpus,
                self.host.memory_mib,
            )
        return given

    def has_room(self, wanted: Resources) -> bool:
        """Whether the machine has so much free."""
        return self.free.vcpus >= wanted.vcpus and self.free.memory_mib >= wanted.memory_mib

    def environment_for(self, asked: Resources, limits: QueueLimits) -> Environment | None:
        """The first environment whose maximum is not reached; none, if all are, or if it has no machine.

        Batch turns to the next environment when the one before it is full, and not because it is dry.
        """
        for environment in limits.environments:
            if self._environments.get(environment.arn, 0.0) + asked.vcpus <= environment.max_vcpus:
                return None if environment.is_dry else environment
        return None

    def take(self, placement: Placement) -> None:
        """Charge the machine, a compute environment and a share of a queue."""
        self._change(placement, sign=1)

    def give_back(self, placement: Placement) -> None:
        """Return a charge."""
        self._change(placement, sign=-1)

    def share_use(self, *, queue: str, share: str | None) -> float:
        """Processors that a share of a queue uses now."""
        return self._shares.get((queue, share), 0.0)

    def _change(self, placement: Placement, *, sign: int) -> None:
        given, arn, share = placement.on_host, placement.environment.arn, placement.share
        self.free = Resources(
            vcpus=self.free.vcpus - sign * given.vcpus, memory_mib=self.free.memory_mib - sign * given.memory_mib
        )
        self._environments[arn] = self._environments.get(arn, 0.0) + sign * placement.asked.vcpus
        self._shares[share] = self._shares.get(share, 0.0) + sign * placement.asked.vcpus
