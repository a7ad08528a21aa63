"""The sandbox's ladder by the farm's own jobs, two at a time, beside one ffmpeg that writes every rung at once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from bench.row import Row
from encoder.tools import Tool
from lambdas.common.content_keys import ContentKey
from lambdas.common.events import SourceAccepted
from lambdas.common.keys import Workspace
from lambdas.common.media import MediaFacts, ObjectRef, Tier, VideoFacts
from lambdas.encoding.jobs import jobs_of
from lambdas.encoding.models import EncodingPlan
from lambdas.encoding.planning import plan_of
from sandbox.cloud import EmbeddedCloud
from sandbox.demo import deployed_in
from sandbox.film import FRAME_RATE, SampleDelivery, render_sample
from sandbox.toolchain import PROJECT_ROOT
from stacks.settings import SANDBOX

_SECONDS = 12
_HEIGHT = 1080
_SLOTS = 2
_BUCKET, _JOBS = "bench", "bench"
# As the job definition and AWS Batch set them.
_WORKER = {
    "AWS_BATCH_JOB_ATTEMPT": "1",
    "ENCODER_THREADS": "1",
    "ENCODER_JOBS_TABLE": _JOBS,
    "ENCODER_VCPUS": "1",
    "ENCODER_MEMORY_MIB": "4096",
    "ENCODER_CAPACITY": "fargate-arm",
    "ENCODER_SPOT_ENVIRONMENT": "none",
}


def rows() -> Iterator[Row]:
    """Encode a clip both ways; the farm's figure includes starting each job and its S3 transfers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = render_sample(folder / "film", seconds=_SECONDS, height=_HEIGHT, cache=False)
        plan = _plan(film)
        yield Row(
            what=f"encode {_SECONDS} s in {len(plan.video)} rungs, {len(plan.chunks)} chunks, {_SLOTS} slots",
            ours_s=_by_jobs(plan, film=film, folder=folder),
            peer="one ffmpeg, every rung at once",
            peer_s=_by_one_ffmpeg(plan, film=film, folder=folder),
        )


def _plan(film: SampleDelivery) -> EncodingPlan:
    frames = _SECONDS * FRAME_RATE
    video = VideoFacts(
        codec="prores",
        width=_HEIGHT * 16 // 9,
        height=_HEIGHT,
        pixel_format="yuv422p10le",
        frame_rate=f"{FRAME_RATE}/1",
        frames=frames,
    )
    source = SourceAccepted(
        studio=film.manifest.studio,
        delivery_id="bench",
        version_id="bench",
        title=film.manifest.title,
        priority=film.manifest.priority,
        media=ObjectRef(bucket=_BUCKET, key=film.feature.name),
        delivered_at=datetime.now(UTC),
        facts=MediaFacts(container="mov", duration_s=float(_SECONDS), video=video),
        # Neither is read by a job that this row runs.
        analysis=ObjectRef(bucket=_BUCKET, key="none"),
        thumbnails=ObjectRef(bucket=_BUCKET, key="none"),
        rights=film.manifest.rights,
    )
    encoding = SANDBOX.encoding
    return plan_of(
        source,
        keys=[ContentKey(tier=tier, key_id="0" * 32, wrapped="") for tier in Tier],
        ladder=encoding.ladder,
        chunk_segments=encoding.chunk_segments,
        segment_s=encoding.segment_s,
        search=encoding.search,
        sound=encoding.sound,
        work_bucket=_BUCKET,
        media_bucket=_BUCKET,
    )


def _by_jobs(plan: EncodingPlan, *, film: SampleDelivery, folder: Path) -> float:
    with EmbeddedCloud(work_dir=folder / "cloud") as cloud:
        s3 = deployed_in(cloud).client("s3")
        s3.create_bucket(Bucket=_BUCKET)
        s3.upload_file(str(film.feature), _BUCKET, film.feature.name)
        key = Workspace(plan.version_id).plan
        s3.put_object(Bucket=_BUCKET, Key=key, Body=plan.model_dump_json().encode())
        deployed_in(cloud).client("dynamodb").create_table(
            TableName=_JOBS,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("version_id", "job")],
            KeySchema=[
                {"AttributeName": "version_id", "KeyType": "HASH"},
                {"AttributeName": "job", "KeyType": "RANGE"},
            ],
        )
        environment = {**cloud.child_environment(), **_WORKER}

        def run(command: Sequence[str]) -> None:
            subprocess.run(
                [sys.executable, "-m", "encoder", *command],
                cwd=PROJECT_ROOT,
                env={**environment, "AWS_BATCH_JOB_ID": "-".join(command)},
                check=True,
                stdout=subprocess.DEVNULL,
            )

        jobs = jobs_of(plan, uri=f"s3://{_BUCKET}/{key}", sizes=SANDBOX.encoding.sizes).chunk_jobs
        started = time.monotonic()
        with ThreadPoolExecutor(_SLOTS) as slots:
            list(slots.map(run, (job.command for job in jobs)))
        return time.monotonic() - started


def _by_one_ffmpeg(plan: EncodingPlan, *, film: SampleDelivery, folder: Path) -> float:
    split = "".join(f"[in{index}]" for index in range(len(plan.video)))
    graph = [f"[0:v:0]split={len(plan.video)}{split}"]
    outputs: list[str] = []
    gop = str(round(Fraction(plan.segment_s) * FRAME_RATE))
    for index, recipe in enumerate(plan.video):
        graph.append(
            f"[in{index}]scale={recipe.width}:{recipe.height}:flags=lanczos+accurate_rnd,format=yuv420p[out{index}]"
        )
        outputs += ["-map", f"[out{index}]", "-c:v", "libx264", "-preset", recipe.preset]
        outputs += ["-b:v", f"{recipe.bitrate_kbps}k", "-maxrate", f"{recipe.maxrate_kbps}k"]
        outputs += ["-bufsize", f"{recipe.buffer_kbits}k", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0"]
        outputs += ["-profile:v", recipe.profile, str(folder / f"{recipe.rung}.mp4")]
    command = [
        Tool.FFMPEG.locate(),
        "-v",
        "error",
        "-nostdin",
        "-y",
        "-threads",
        str(os.cpu_count()),
        "-i",
        str(film.feature),
    ]
    started = time.monotonic()
    subprocess.run([*command, "-filter_complex", ";".join(graph), *outputs], check=True)
    return time.monotonic() - started
