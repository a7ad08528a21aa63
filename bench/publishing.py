"""The sample film from its acceptance to its package, beside shaka-streamer on the same rungs.

shaka-streamer decodes once, encodes every rung in one ffmpeg and packages as it goes; what comes out is DASH and HLS,
in the clear, and nobody has looked at it. Ours is encoded in chunks, joined, encrypted and packaged; and it is scored
and checked as well, which the peer does not do.

**Ours** is the execution of the encoding workflow, less the time in which nothing but scores and checks was at work.
**Orchestration** is the time in which no job was at work, by the records of the jobs: an attempt works from its claim
to its commit. So starting a container's Python and moving a result count as orchestration, unless another job works
meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from bench.row import Row
from bench.streamer import Ladder
from lambdas.common.keys import Workspace
from lambdas.encoding.claims import JobRecord
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.models import EncodingPlan
from sandbox.demo import Demo
from sandbox.deployed import Deployed
from sandbox.film import SampleDelivery, render_sample
from sandbox.toolchain import PROJECT_ROOT

_SECONDS = 24
_HEIGHT = 1080
_SLOTS = os.cpu_count() or 1
_CHECKS = ("score/", "verify/")
"""The jobs that the peer has nothing like, by their ids."""


class Encoded(NamedTuple):
    """How long encoding a version took, in seconds."""

    jobs: int
    whole_s: float
    only_checks_s: float
    """In which nothing but scores and checks was at work."""
    idle_s: float
    """In which no job was at work."""


def rows() -> Iterator[Row]:
    """Publish the film in an embedded cloud that does nothing else, then let shaka-streamer have the machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = render_sample(folder / "film", seconds=_SECONDS, height=_HEIGHT, cache=False)
        demo = Demo(console=Console(quiet=True), work_dir=folder)
        with demo.up() as up:
            version_id = demo.publish(up, film).outcome.version_id
            plan = _plan(up.platform, version_id)
            ours = _encoded(up.platform, version_id)
        yield Row(
            what=f"encode and package {_SECONDS} s, {_HEIGHT} lines, in {len(plan.video)} rungs: {ours.jobs} jobs, "
            f"{_SLOTS} slots; {ours.only_checks_s:.0f} s more to score and check; of all {ours.whole_s:.0f} s "
            f"orchestration is {ours.idle_s / ours.whole_s:.0%}",
            ours_s=ours.whole_s - ours.only_checks_s,
            peer=f"shaka-streamer, the same rungs, preset {_preset(plan)}, in the clear",
            peer_s=_streamer(plan, film=film, folder=folder),
        )


def _plan(platform: Deployed, version_id: str) -> EncodingPlan:
    bucket = platform.output("encoding", "WorkBucket")
    body = platform.client("s3").get_object(Bucket=bucket, Key=Workspace(version_id).plan)["Body"]
    return EncodingPlan.model_validate_json(body.read())


def _encoded(platform: Deployed, version_id: str) -> Encoded:
    machine = platform.output("encoding", "WorkflowArn")
    execution = platform.client("stepfunctions").describe_execution(
        executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{version_id}"
    )
    whole_s = (execution["stopDate"] - execution["startDate"]).total_seconds()
    records = JobStore(platform.output("encoding", "JobsTable"), dynamodb=platform.client("dynamodb"))
    jobs = records.of_version(version_id)
    at_work = _at_work(jobs)
    return Encoded(
        jobs=len(jobs),
        whole_s=whole_s,
        only_checks_s=at_work - _at_work(job for job in jobs if not job.job.startswith(_CHECKS)),
        idle_s=whole_s - at_work,
    )


def _at_work(jobs: Iterable[JobRecord]) -> float:
    """Return for how many seconds at least one of `jobs` was at work."""
    spans = sorted(
        (attempt.started_at.timestamp(), attempt.seen_at.timestamp()) for job in jobs for attempt in job.attempts
    )
    seconds = until = 0.0
    for begin, end in spans:
        seconds += max(0.0, end - max(begin, until))
        until = max(until, end)
    return seconds


def _preset(plan: EncodingPlan) -> str:
    [preset] = {recipe.preset for recipe in plan.video}
    return preset


def _streamer(plan: EncodingPlan, *, film: SampleDelivery, folder: Path) -> float:
    ladder, output = folder / "ladder.json", folder / "streamed"
    ladder.write_text(_ladder(plan, film=film).model_dump_json())
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "bench.streamer", ladder, output],
        cwd=PROJECT_ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - started
    rungs = len(list(output.glob("video_*_init.mp4")))
    if rungs != len(plan.video) or not (output / "dash.mpd").exists() or not (output / "hls.m3u8").exists():
        raise AssertionError(f"shaka-streamer made {rungs} rungs of {len(plan.video)}, or lacks a manifest")
    return seconds


def _ladder(plan: EncodingPlan, *, film: SampleDelivery) -> Ladder:
    [subtitles] = [file for file in film.manifest.files if file.language]
    if not plan.audio or subtitles.language is None:
        raise AssertionError("the sample film has sound and subtitles")
    source = str(film.feature)
    return Ladder(
        input={
            "inputs": [
                {"name": source, "media_type": "video"},
                {"name": source, "media_type": "audio"},
                {"name": str(film.folder / subtitles.name), "media_type": "text", "language": subtitles.language},
            ]
        },
        pipeline={
            "streaming_mode": "vod",
            "quiet": True,
            "resolutions": [recipe.rung for recipe in plan.video],
            "channel_layouts": ["sound"],
            "manifest_format": ["dash", "hls"],
            "segment_size": plan.segment_s,
        },
        bitrates={
            "video_resolutions": {
                recipe.rung: {
                    "max_width": recipe.width,
                    "max_height": recipe.height,
                    "bitrates": {"h264": f"{recipe.bitrate_kbps}k"},
                }
                for recipe in plan.video
            },
            "audio_channel_layouts": {
                "sound": {
                    "max_channels": plan.audio[0].channels,
                    "bitrates": {"aac": f"{plan.audio[0].bitrate_kbps}k"},
                }
            },
        },
        preset=_preset(plan),
    )
