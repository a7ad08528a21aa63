"""Starting, describing and stopping the embedded cloud."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from sandbox.cloud import EmbeddedCloud, EmbeddedCloudError, NotLoopbackError, PortInUseError, StartError
from sandbox.extension import pinned
from sandbox.extension.process_groups import group_runs

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com"])  # noqa: S104
def test_refuses_to_listen_beyond_the_loopback_interface(tmp_path, host):
    with pytest.raises(NotLoopbackError, match=r"127\.0\.0\.1"):
        EmbeddedCloud(work_dir=tmp_path, host=host)


def test_says_so_when_the_port_is_taken(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            EmbeddedCloud(work_dir=tmp_path, port=port).start()


def test_an_early_death_of_the_server_shows_its_log(tmp_path):
    broken = EmbeddedCloud(work_dir=tmp_path, variables={"PYTHONPATH": "", "MARQUEE_WORK_DIR": "/dev/null/no"})
    with pytest.raises(StartError, match="NotADirectoryError"):
        broken.start()


def test_another_emulator_version_is_refused(monkeypatch):
    monkeypatch.setattr(pinned, "version", lambda _: "1.5.34")
    with pytest.raises(pinned.UnsupportedEmulatorError, match=r"ministack==1\.5\.33, found 1\.5\.34"):
        pinned.require_pinned_version()


def test_a_renamed_attribute_is_refused():
    with pytest.raises(pinned.UnsupportedEmulatorError, match="no_such_name"):
        pinned.patch(pinned, "no_such_name", None, why="test")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc")
def test_listens_on_the_loopback_interface_only(cloud):
    assert cloud.endpoint == f"http://127.0.0.1:{cloud.port}"
    listening = subprocess.run(
        [sys.executable, "-c", _OWN_SOCKETS, str(cloud._group)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(listening) <= {"0100007F"}


# The local addresses (hexadecimal, little endian) on which a process listens, from /proc.
_OWN_SOCKETS = """
import os, re, sys
pid = sys.argv[1]
inodes = set()
for fd in os.listdir(f"/proc/{pid}/fd"):
    try:
        inodes |= set(re.findall(r"socket:\\[(\\d+)\\]", os.readlink(f"/proc/{pid}/fd/{fd}")))
    except OSError:
        pass
for table in ("tcp", "tcp6"):
    for line in open(f"/proc/{pid}/net/{table}").readlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            print(fields[1].split(":")[0])
"""


def test_its_environment_hides_the_users_own_account(cloud, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    environment = cloud.child_environment()
    assert environment["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment


def test_nothing_is_left_after_the_stop(tmp_path):
    import boto3  # noqa: PLC0415

    cloud = EmbeddedCloud(
        work_dir=tmp_path, variables={"MARQUEE_BATCH_ENTRYPOINT": json.dumps(["/bin/sh", "-c"])}
    ).start()
    batch = boto3.client(
        "batch",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    batch.create_compute_environment(
        computeEnvironmentName="c", type="MANAGED", computeResources={"type": "FARGATE", "maxvCpus": 2, "subnets": []}
    )
    batch.create_job_queue(
        jobQueueName="q", priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "c"}]
    )
    batch.register_job_definition(
        jobDefinitionName="d",
        type="container",
        # A job that ignores SIGTERM, with a child that does too.
        containerProperties={"image": "x", "command": ["trap '' TERM; (trap '' TERM; sleep 600)& sleep 600"]},
    )
    batch.submit_job(jobName="j", jobQueue="q", jobDefinition="d")
    batch.close()
    groups = _wait_for(lambda: list((tmp_path / "process-groups").iterdir()))
    group = int(groups[0].name)
    server = cloud._group
    assert group_runs(group)
    cloud.stop()
    assert not group_runs(group)
    assert not group_runs(server)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"cloud.log", "declared-only.json"}
    with pytest.raises(EmbeddedCloudError, match="marquee up"):
        EmbeddedCloud.attach(work_dir=tmp_path)


def test_a_detached_cloud_can_be_found_again_and_stopped(tmp_path):
    started = EmbeddedCloud(work_dir=tmp_path).start(detached=True)
    found = EmbeddedCloud.attach(work_dir=tmp_path)
    assert found.endpoint == started.endpoint
    assert "ministack" in found.status()["emulator"]
    started._process.terminate()
    started._process.wait(timeout=10)
    found.stop()
    assert not (tmp_path / "cloud.json").exists()


def test_it_ends_with_the_process_that_started_it(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from sandbox.cloud import EmbeddedCloud\n"
        "cloud = EmbeddedCloud(work_dir=Path(sys.argv[1])).start(); print(cloud._group, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        server = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    _wait_for(lambda: not group_runs(server))


def _wait_for(probe):
    import time  # noqa: PLC0415

    deadline = time.monotonic() + 20
    while not (found := probe()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
