"""The command of the Batch jobs: ``python -m encoder TASK …``.

Exit codes, which the job definition's retry strategy reads, and `lambdas.encoding.retries`: 0 done, 65 the input is at
fault and another try would end the same, 75 another try may succeed, 69 another worker is at the job, 70 the encoder
itself is at fault.
"""

# ruff: noqa: PLC0415 - a job does one task, and what the others import would be a fifth of a second of every start

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from encoder.claims import Claims
from encoder.errors import InterruptedTaskError
from encoder.log import LOGGER, say, start_logging
from encoder.storage import ObjectStore
from lambdas.common.errors import MarqueeError, TransientError
from lambdas.encoding.claims import LeaseHeldError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one task and return its exit code."""
    options = _parser().parse_args(arguments)
    start_logging(task=options.task)
    begun = time.monotonic()
    try:
        _run(options, store=ObjectStore.connect())
    except LeaseHeldError as error:
        return _failed(error, exit_code=os.EX_UNAVAILABLE)
    except TransientError as error:
        return _failed(error, exit_code=os.EX_TEMPFAIL)
    except MarqueeError as error:
        return _failed(error, exit_code=os.EX_DATAERR)
    except Exception:  # noqa: BLE001 - the last resort: whatever it is, the log says it in one line
        LOGGER.exception("the encoder is at fault")
        return os.EX_SOFTWARE
    say("done", seconds=round(time.monotonic() - begun, 3))
    return os.EX_OK


def _run(options: argparse.Namespace, *, store: ObjectStore) -> None:  # noqa: C901 - a branch a task
    match options.task:
        case "inspect":
            from encoder.inspect import inspect

            inspect(
                manifest=options.manifest,
                manifest_version=options.manifest_version,
                report=options.report,
                store=store,
            )
        case "analyse":
            from encoder.analyse import analyse

            analyse(
                source=options.source,
                source_version=options.source_version,
                version_id=options.version_id,
                work_bucket=options.work_bucket,
                store=store,
            )
        case "checksum":
            from encoder.checksum import checksum

            checksum(target=options.object, version=options.object_version, report=options.report, store=store)
        case "search":
            from encoder.search import search

            search(plan=options.plan, store=store, claims=Claims.connect(store=store))
        case "encode-chunk":
            from encoder.chunk import encode_chunk

            encode_chunk(
                plan=options.plan,
                rung=options.rung,
                chunk=options.chunk,
                store=store,
                claims=Claims.connect(store=store),
            )
        case "encode-audio":
            from encoder.audio import encode_audio

            encode_audio(plan=options.plan, track=options.track, store=store, claims=Claims.connect(store=store))
        case "join":
            from encoder.join import join

            join(plan=options.plan, rung=options.rung, store=store, claims=Claims.connect(store=store))
        case "score":
            from encoder.score import score

            score(plan=options.plan, rung=options.rung, store=store, claims=Claims.connect(store=store))
        case "package":
            from encoder.keys import KeyOpener
            from encoder.package import package

            package(plan=options.plan, store=store, claims=Claims.connect(store=store), opener=KeyOpener.connect())
        case "repackage":
            from encoder.keys import KeyOpener
            from encoder.repackage import repackage

            repackage(plan=options.plan, store=store, claims=Claims.connect(store=store), opener=KeyOpener.connect())
        case "verify":
            from encoder.keys import KeyOpener
            from encoder.verify import verify

            verify(plan=options.plan, store=store, claims=Claims.connect(store=store), opener=KeyOpener.connect())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="encoder", description="Run one task of the encoding farm.")
    tasks = parser.add_subparsers(dest="task", required=True)
    inspection = tasks.add_parser("inspect", help="measure every file of a delivery")
    inspection.add_argument("--manifest", required=True, help="s3:// address of the delivery's manifest")
    inspection.add_argument("--manifest-version", help="the S3 version of the manifest; the newest by default")
    inspection.add_argument("--report", required=True, help="s3:// address to write the report to")
    analysis = tasks.add_parser("analyse", help="measure the quality of a delivery's feature")
    analysis.add_argument("--source", required=True, help="s3:// address of the feature")
    analysis.add_argument("--source-version", help="the S3 version that was inspected; the newest by default")
    analysis.add_argument("--version-id", required=True, help="the version that the analysis is of")
    analysis.add_argument("--work-bucket", required=True, help="the bucket that the analysis is written to")
    reading = tasks.add_parser("checksum", help="read every byte of an object")
    reading.add_argument("--object", required=True, help="s3:// address of the object")
    reading.add_argument("--object-version", help="its S3 version; the newest by default")
    reading.add_argument("--report", required=True, help="s3:// address to write the report to")
    for task, purpose in (
        ("search", "find the ladder of a title"),
        ("encode-chunk", "encode a run of segments of one rung"),
        ("encode-audio", "encode a track of sound"),
        ("join", "join the chunks of a rung"),
        ("score", "measure the VMAF of a rung"),
        ("package", "encrypt, package and publish every rung"),
        ("repackage", "package the tracks of a published version anew"),
        ("verify", "check what was packaged, as a player would find it"),
    ):
        planned = tasks.add_parser(task, help=purpose)
        planned.add_argument("--plan", required=True, help="s3:// address of the encoding plan")
        if task in {"encode-chunk", "join", "score"}:
            planned.add_argument("--rung", required=True, help="for example 1080p")
        if task == "encode-audio":
            planned.add_argument("--track", required=True, help="for example en_stereo_128k")
        if task == "encode-chunk":
            planned.add_argument("--chunk", required=True, type=int, help="the chunk's index, from 0")
    return parser


def _failed(error: Exception, *, exit_code: int) -> int:
    LOGGER.error("%s", error, extra={"facts": {"error": type(error).__name__, "exit_code": exit_code}})
    return exit_code


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    error = InterruptedTaskError(f"told to stop by signal {number}")
    # An exit and not the error itself: libraries turn what is raised under them into errors of their own.
    raise SystemExit(_failed(error, exit_code=os.EX_TEMPFAIL))


if __name__ == "__main__":
    # As the first process of a container, Python would not be stopped by SIGTERM at all, and a reclaimed
    # spot machine would be lost without a word in the log.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
