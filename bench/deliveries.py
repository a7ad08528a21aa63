"""Many deliveries at once: none lost, none twice, originals first. ``python -m bench.deliveries`` sends 200.

Each delivery is a file that is no film, so that it ends after its inspection and nothing is encoded.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import queueing
from bench.announcements import Announcements
from bench.queueing import QueuedJob
from bench.row import Row
from lambdas.common.keys import DeliveryLocation
from lambdas.common.media import Priority
from sandbox.demo import Demo
from sandbox.deployed import Deployed
from sandbox.toolchain import PROJECT_ROOT

DELIVERIES = 200
_STUDIO = "blender"
_FEATURE = "feature.mov"
_CONTENT = b"Dear Sirs, the film follows by post.\n"
_SLOTS = 2
_DEADLINE_S = 1200.0


@dataclass(frozen=True)
class Flood:
    """What became of many deliveries that came at once."""

    sent: int
    seconds: float
    executions: Mapping[str, int]
    """How many there were, by the version that they are of."""
    ends: Mapping[str, int]
    """How many terminal events there were, by version."""
    failed: int
    """Ends that were failures of ours."""
    inspections: tuple[QueuedJob, ...]
    order: tuple[Priority, ...]
    """The deliveries in the order in which they ended."""

    @property
    def licensed_first(self) -> int:
        """How many licensed titles ended before the last original did: those that began before originals came."""
        last = max((n for n, priority in enumerate(self.order) if priority is Priority.ORIGINAL), default=0)
        return self.order[:last].count(Priority.LICENSED)

    @property
    def lost(self) -> int:
        """Deliveries without an execution or, as long as was waited, without an end."""
        return self.sent - len(self.executions.keys() & self.ends.keys())

    @property
    def twice(self) -> int:
        """Ends and inspections beyond the one that each delivery has."""
        inspected = Counter(inspection.version_id for inspection in self.inspections)
        return sum(count - 1 for count in (*inspected.values(), *self.ends.values()))


def flood(platform: Deployed, *, deliveries: int, prefix: str) -> Flood:
    """Send `deliveries` at once, licensed titles first and then as many originals, and wait for their ends.

    Parameters
    ----------
    prefix
        How their folders' and titles' names begin: no two floods of one platform may share it.
    """
    names = {f"{prefix}-{number:03}": _priority(number, of=deliveries) for number in range(deliveries)}
    ends = Announcements(
        platform,
        name=f"ends-{prefix}",
        detail_types=("SourceAccepted", "DeliveryRejected", "PipelineFailed"),
        detail={"delivery_id": [{"prefix": f"{prefix}-"}]},
    )
    begun = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: _send(platform, name, names[name]), names))
    seen: Counter[str] = Counter()
    # In the order of their ends.
    versions: dict[str, str] = {}
    failed = 0
    while len(versions) < deliveries and time.monotonic() - begun < _DEADLINE_S:
        for event in ends.take():
            seen[event["version_id"]] += 1
            versions[event["delivery_id"]] = event["version_id"]
            failed += "error" in event
    seconds = time.monotonic() - begun
    # What comes twice comes late: until nothing comes any more.
    while late := list(ends.take()):
        seen.update(event["version_id"] for event in late)
    return Flood(
        sent=deliveries,
        seconds=seconds,
        executions=Counter(name for name in _executions(platform) if name in seen),
        ends=seen,
        failed=failed,
        order=tuple(names[name] for name in versions),
        inspections=tuple(
            inspection
            for name, priority in names.items()
            for inspection in (_inspections(platform, versions[name], priority) if name in versions else ())
        ),
    )


def _priority(number: int, *, of: int) -> Priority:
    return Priority.LICENSED if number < of // 2 else Priority.ORIGINAL


def _send(platform: Deployed, name: str, priority: Priority) -> None:
    where = DeliveryLocation(studio=_STUDIO, delivery_id=name)
    content = _CONTENT + name.encode()
    digest = hashlib.sha256(content).hexdigest()
    manifest = {
        "schema_version": 2,
        "studio": _STUDIO,
        "title": {"title_id": name, "name": name},
        "priority": priority.value,
        "rights": [{"territories": ["WORLD"], "starts_at": "2026-01-01T00:00:00Z"}],
        "files": [{"name": _FEATURE, "role": "feature", "size_bytes": len(content), "sha256": digest}],
    }
    s3, bucket = platform.client("s3"), platform.output("ingestion", "RawBucket")
    s3.put_object(Bucket=bucket, Key=where.file(_FEATURE), Body=content)
    s3.put_object(Bucket=bucket, Key=where.manifest, Body=json.dumps(manifest).encode())


def _executions(platform: Deployed) -> Iterator[str]:
    machine = platform.output("ingestion", "WorkflowArn")
    for page in platform.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine):
        yield from (execution["name"] for execution in page["executions"])


def _inspections(platform: Deployed, version_id: str, priority: Priority) -> Iterator[QueuedJob]:
    """Yield the inspection of a delivery; of one that failed before it, nothing."""
    batch, queue = platform.client("batch"), platform.output("encoding", "InspectionQueueArn")
    wanted = [{"name": "JOB_NAME", "values": [f"inspect-{version_id}"]}]
    for job in batch.list_jobs(jobQueue=queue, filters=wanted)["jobSummaryList"]:
        yield QueuedJob(
            version_id=version_id, priority=priority, queued=job["createdAt"] / 1000, started=job["startedAt"] / 1000
        )


class FloodError(Exception):
    """A delivery was lost, came twice, failed, or had to wait behind one that is less urgent."""


def rows() -> Iterator[Row]:
    """Measure a flood, beside the same inspections without a platform around them.

    Raises
    ------
    FloodError
        If not each delivery ended well, once, and in its turn.
    """
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(console=Console(quiet=True), work_dir=Path(folder))
        with demo.up() as up:
            result = flood(up.platform, deliveries=DELIVERIES, prefix="flood")
            out_of_turn = len(queueing.out_of_turn(result.inspections, tolerance_s=1.0))
            said = (
                f"{DELIVERIES} deliveries at once: {result.lost} lost, {result.twice} twice, {result.failed} failed, "
                f"{out_of_turn} out of turn, {result.licensed_first} licensed before the last original"
            )
            if result.lost or result.twice or result.failed or out_of_turn:
                raise FloodError(said)
            yield Row(
                what=said,
                ours_s=result.seconds,
                peer=f"their inspections alone, {_SLOTS} at a time",
                peer_s=_alone(up.platform, environment=up.cloud.child_environment()),
            )


def _alone(platform: Deployed, *, environment: Mapping[str, str]) -> float:
    bucket = platform.output("ingestion", "RawBucket")
    work = platform.output("encoding", "WorkBucket")

    def inspect(number: int) -> None:
        where = DeliveryLocation(studio=_STUDIO, delivery_id=f"flood-{number:03}")
        command: Sequence[str] = (
            *("inspect", "--manifest", f"s3://{bucket}/{where.manifest}"),
            *("--report", f"s3://{work}/work/alone/{number}.json"),
        )
        subprocess.run(
            [sys.executable, "-m", "encoder", *command],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    begun = time.monotonic()
    with ThreadPoolExecutor(_SLOTS) as slots:
        list(slots.map(inspect, range(DELIVERIES)))
    return time.monotonic() - begun


if __name__ == "__main__":
    for row in rows():
        Console(width=140).print(f"{row.what}: {row.ours_s:.1f} s; {row.peer}: {row.peer_s:.1f} s")
