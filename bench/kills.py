"""Workers killed at random while films are encoded: nothing lost, nothing twice, and every byte as in a calm run.

``python -m bench.kills`` kills a hundred.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from lambdas.common.keys import Workspace
from lambdas.encoding.job_store import JobStore
from sandbox.demo import Demo
from sandbox.deployed import Deployed
from sandbox.film import render_sample
from sandbox.workers import Workers

KILLS = 100
_SEED = 20261122
_PAUSE_S = (0.2, 3.0)
_MOST_A_FILM = 10
"""A film whose workers are killed faster than they work would take all the kills alone."""
_DEADLINE_S = 600.0


class StormError(Exception):
    """Something was lost, came twice or came out otherwise."""


@dataclass
class Storm:
    """What became of the films whose workers were killed."""

    kills: int = 0
    films: int = 0
    jobs: int = 0
    attempts: int = 0
    lost_s: float = 0.0
    """What the killed attempts had worked, by AWS Batch's clock."""
    stormy_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def again_per_kill(self) -> float:
        """Attempts beyond one a job, a kill."""
        return (self.attempts - self.jobs) / max(1, self.kills)

    @property
    def lost_s_per_kill(self) -> float:
        """Seconds of work that a kill cost."""
        return self.lost_s / max(1, self.kills)


def storm(platform: Deployed, *, work_dir: Path, accepted: Mapping[str, Any], kills: int, seed: int = _SEED) -> Storm:
    """Encode the source of `accepted`, a ``SourceAccepted``, again and again, until `kills` of its workers are killed.

    Its own encode was left alone, and is over; its artefacts are what the others' are held against.

    Raises
    ------
    StormError
        If its encode failed, or there are more films than kills: workers end faster than they are found.
    """
    dice = random.Random(seed)  # noqa: S311 - not a secret
    result, workers = Storm(), Workers(work_dir)
    calm, status = accepted["version_id"], ""
    for now in _until_ended(platform, calm):
        status = now
    if status != "SUCCEEDED":
        raise StormError(f"{calm} was left alone, and {status}: there is nothing to compare with")
    expected = _artefacts(platform, calm)
    announced = 0
    while result.kills < kills:
        if announced > kills:
            raise StormError(f"in {announced} films only {result.kills} workers were killed; faults: {result.faults}")
        announced += 1
        version_id = f"v{dice.getrandbits(64):016x}"
        begun, before = time.monotonic(), result.kills
        _announce(platform, {**accepted, "version_id": version_id})
        status = ""
        for now in _until_ended(platform, version_id):
            status = now
            if result.kills < min(kills, before + _MOST_A_FILM):
                time.sleep(dice.uniform(*_PAUSE_S))
                result.kills += _kill_one(workers.of(version_id), dice)
            else:
                time.sleep(0.2)
        seconds = time.monotonic() - begun
        if status != "SUCCEEDED":
            result.faults.append(f"{version_id} {status}")
            continue
        found = _artefacts(platform, version_id)
        result.films += 1
        result.stormy_s += seconds
        if found != expected:
            other = sorted({*found.items()} ^ {*expected.items()})
            result.faults.append(f"{version_id} has other artefacts: {other}")
        _count(platform, version_id, result)
    return result


def _announce(platform: Deployed, source: Mapping[str, Any]) -> None:
    entry = {
        "Source": "marquee.ingestion",
        "DetailType": "SourceAccepted",
        "Detail": json.dumps(source),
        "EventBusName": f"{platform.namespace}-{platform.profile}",
    }
    platform.client("events").put_events(Entries=[entry])


def _until_ended(platform: Deployed, version_id: str) -> Iterator[str]:
    """Yield the status of a version's execution until it has ended, its last one included."""
    states = platform.client("stepfunctions")
    arn = f"{platform.output('encoding', 'WorkflowArn').replace(':stateMachine:', ':execution:')}:{version_id}"
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        status = "PENDING"
        with contextlib.suppress(states.exceptions.ExecutionDoesNotExist):
            status = states.describe_execution(executionArn=arn)["status"]
        yield status
        if status not in {"PENDING", "RUNNING"}:
            return
    raise StormError(f"{version_id} did not end in {_DEADLINE_S:.0f} s")


def _kill_one(workers: list[int], dice: random.Random) -> int:
    """Kill one of `workers`; return how many were."""
    if not workers:
        return 0
    try:
        os.kill(dice.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _artefacts(platform: Deployed, version_id: str) -> dict[str, str]:
    """Return the checksum of every track and score of a version, by its path in the workspace."""
    s3, bucket = platform.client("s3"), platform.output("encoding", "WorkBucket")
    prefix = Workspace(version_id).prefix
    keys = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for entry in page["Contents"]
    ]
    wanted = tuple(f"{prefix}{kind}/" for kind in ("search", "chunk", "audio", "join", "score"))
    return {
        key.removeprefix(prefix): hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()
        for key in keys
        if key.startswith(wanted)
    }


def _count(platform: Deployed, version_id: str, result: Storm) -> None:
    batch, queue = platform.client("batch"), platform.output("encoding", "JobQueueArn")
    listed = batch.list_jobs(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [f"{version_id}-*"]}])
    ids = [job["jobId"] for job in listed["jobSummaryList"]]
    attempts = [attempt for job in batch.describe_jobs(jobs=ids)["jobs"] for attempt in job["attempts"]]
    records = JobStore(platform.output("encoding", "JobsTable"), dynamodb=platform.client("dynamodb"))
    jobs = records.of_version(version_id)
    result.jobs += len(jobs)
    result.attempts += len(attempts)
    killed = [attempt for attempt in attempts if attempt["container"].get("exitCode") != 0]
    result.lost_s += sum((attempt["stoppedAt"] - attempt["startedAt"]) / 1000 for attempt in killed)
    result.faults += [f"{version_id}: {job.job} is {job.state}" for job in jobs if job.state != "done"]


def main() -> None:
    """Kill a hundred, print what it cost, and fail if it cost more than time."""
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as name:
        demo = Demo(console=console, work_dir=Path(name))
        with demo.up() as up:
            film = render_sample(Path(name) / "film", seconds=12, height=360, cache=False)
            version = demo.publish(up, film).outcome.version_id
            machine = up.platform.output("encoding", "WorkflowArn")
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{version}"
            calm = up.platform.client("stepfunctions").describe_execution(executionArn=arn)
            calm_s = (calm["stopDate"] - calm["startDate"]).total_seconds()
            result = storm(up.platform, work_dir=Path(name) / "cloud", accepted=json.loads(calm["input"]), kills=KILLS)
    console.print(
        f"{result.kills} workers killed, {result.films} films of {result.jobs} jobs: {len(result.faults)} faults; "
        f"{result.again_per_kill:.2f} attempts and {result.lost_s_per_kill:.2f} s of work more per kill; "
        f"a film took {result.stormy_s / max(1, result.films):.1f} s, and {calm_s:.1f} s undisturbed"
    )
    if result.faults:
        raise StormError("; ".join(result.faults))


if __name__ == "__main__":
    main()
