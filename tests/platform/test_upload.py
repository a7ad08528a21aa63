"""Uploads through the deployed API, by the `marquee` command: interrupted without warning, and by whom."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from tests.platform.conftest import NEEDS
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

MIB = 1024**2
SIZE = 256 * MIB + 4711
WORKERS = 4
PATIENCE_S = 300  # of a machine that is busy with something else as well
KILLED_AT = (4, 12, 22)  # parts that the server has received by then
_COMMAND = """
import sys
from pathlib import Path
from cli import common, main
work_dir = Path(sys.argv.pop(1))
common.CLOUD_DIR, common.EDGE_DIR, common.STUDIOS_DIR = (work_dir / name for name in ("cloud", "edge", "studios"))
main.app()
"""
_RECEIVED = re.compile(r"received part (\d+) of upload (\S+), \d+ bytes of (\S+)")


@dataclass
class Command:
    """The `marquee` command in a process of its own."""

    work_dir: Path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND, str(self.work_dir), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(sys.path)},
        )


@pytest.fixture
def marquee(platform):
    for module in ("awscrt", "typer", "playwright"):
        pytest.importorskip(module, reason=NEEDS)
    return Command(platform.work_dir)


@pytest.fixture
def received(platform):
    """The parts of a file that the server says it has received, each time that it has, in that order."""
    parts, begun = [], ""
    with platform.up.cloud.log_path.open() as log:

        def look(key):
            nonlocal begun
            *lines, begun = f"{begun}{log.read()}".split("\n")
            parts.extend(match for match in map(_RECEIVED.search, lines) if match)
            return [int(match[1]) for match in parts if match[3] == key]

        yield look


@pytest.fixture
def large_file(tmp_path):
    """A file of which little is on the disk, and no two parts are alike."""
    path = tmp_path / "large.mov"
    chance = random.Random(22)  # noqa: S311 - a test's bytes
    with path.open("wb") as file:
        for offset in range(0, SIZE, 8 * MIB):
            file.seek(offset + chance.randrange(4096))
            file.write(chance.randbytes(512))
        file.truncate(SIZE)
    return path


def checksum_of(blocks):
    """The CRC64NVME of blocks, one after the other."""
    from awscrt import checksums  # noqa: PLC0415 - skipped where it is missing

    value = 0
    for block in blocks:
        value = checksums.crc64nvme(block, value)
    return value


def blocks_of(path):
    with path.open("rb") as file:
        while block := file.read(MIB):
            yield block


def test_an_upload_killed_three_times_sends_no_part_twice_that_had_arrived(
    platform, marquee, received, large_file, capsys
):
    key, bucket = "blender/killed/large.mov", platform.output("ingestion", "RawBucket")
    arguments = ("upload", large_file, "--studio", "blender", "--delivery", "killed", "--workers", WORKERS)
    arrived = []
    for count in KILLED_AT:
        running = marquee.start(*arguments)
        eventually(
            lambda count=count, running=running: len(received(key)) >= count or running.poll() is not None,
            waiting_for=f"{count} parts",
            every=0.02,
        )
        running.send_signal(signal.SIGKILL)
        told = running.communicate()[0]
        assert running.returncode == -signal.SIGKILL, told
        arrived.append(received(key))
    last = marquee.start(*arguments)
    told = last.communicate(timeout=PATIENCE_S)[0]
    assert last.returncode == 0, told

    times = Counter(received(key))
    parts = -(-SIZE // (8 * MIB))
    twice = {number for number, count in times.items() if count > 1}
    with capsys.disabled():
        sys.stdout.write(f"\nkilled {len(KILLED_AT)} times: {parts} parts in all, {len(twice)} sent twice\n")
    assert set(times) == set(range(1, parts + 1))
    in_order = received(key)
    for before in arrived:
        assert len(before) < parts, "killed too late to show anything"
        assert not set(before) & set(in_order[len(before) :]), "a part that had arrived was sent again"
    assert len(twice) <= WORKERS * len(KILLED_AT)

    stored = platform.client("s3").get_object(Bucket=bucket, Key=key)
    assert stored["ContentLength"] == SIZE
    assert checksum_of(stored["Body"].iter_chunks(MIB)) == checksum_of(blocks_of(large_file))
    assert "Uploads" not in platform.client("s3").list_multipart_uploads(Bucket=bucket, Prefix=key)

    again = marquee.start(*arguments)
    told = again.communicate(timeout=PATIENCE_S)[0]
    assert again.returncode == 0, told
    assert f"{parts} there before, 0 sent" in told
    assert Counter(received(key)) == times


def test_a_manifest_that_is_uploaded_starts_the_ingestion_as_one_by_sftp_does(platform, marquee, tmp_path):
    from tests.platform.studio import FEATURE, manifest_of  # noqa: PLC0415

    folder = tmp_path / "by-parts"
    folder.mkdir()
    (folder / FEATURE).write_bytes(b"not a film")
    (folder / "manifest.json").write_text(json.dumps(manifest_of("by-parts", {FEATURE: b"not a film"})))
    sending = marquee.start("upload", folder, "--no-wait")
    told = sending.communicate(timeout=PATIENCE_S)[0]
    assert sending.returncode == 0, told
    assert "2 parts" in told
    platform.bus.event("DeliveryReceived", delivery_id="by-parts")
    rejected = platform.bus.event("DeliveryRejected", delivery_id="by-parts")
    assert [finding["code"] for finding in rejected["findings"]] == ["NOT_MEDIA"]
    once_more = marquee.start("upload", folder, "--no-wait")
    told = once_more.communicate(timeout=PATIENCE_S)[0]
    assert once_more.returncode == 0, told
    assert "0 sent" in told


def test_only_a_signed_in_studio_is_answered(stranger, thief):
    query = "?delivery_id=d&name=film.mov&size_bytes=1"
    for nobody in (stranger, thief):
        assert nobody.get(f"/api/ingest/uploads{query}").status == 401


def test_who_was_not_added_cannot_send(marquee, tmp_path):
    film = tmp_path / "film.mov"
    film.write_bytes(b"film")
    sending = marquee.start("upload", film, "--studio", "elsewhere")
    told = sending.communicate(timeout=PATIENCE_S)[0]
    assert sending.returncode == 1
    assert "marquee studio add elsewhere" in told


def test_a_studio_finds_nothing_of_anothers(platform, tmp_path):
    pytest.importorskip("awscrt", reason=NEEDS)
    from sandbox.studio_user import credentials_path, new_studio_user  # noqa: PLC0415 - needs the same
    from uploader.api import File, UploadApi  # noqa: PLC0415
    from uploader.credentials import Credentials  # noqa: PLC0415
    from uploader.errors import GoneError  # noqa: PLC0415
    from uploader.http import new_pool  # noqa: PLC0415
    from uploader.patience import Patience  # noqa: PLC0415
    from uploader.session import StudioSession  # noqa: PLC0415

    pool = new_pool(connections=1)

    def api_of(studio):
        new_studio_user(platform.up.platform, studio=studio, site=platform.up.edge.url, folder=tmp_path)
        path = credentials_path(studio, folder=tmp_path)
        assert path.stat().st_mode & 0o077 == 0, "others can read the password"
        session = StudioSession(Credentials.load(path), pool=pool, ask_code=lambda: "")
        return UploadApi(session, pool=pool, patience=Patience(seconds=10, cancelled=Event()))

    northlight, harbour = api_of("northlight"), api_of("harbour-lane")
    file = File(delivery_id="d-1", name="film.mov")
    upload_id = northlight.create(file, size_bytes=6 * MIB)
    assert northlight.find(file, size_bytes=6 * MIB).upload_ids == (upload_id,)
    assert harbour.find(file, size_bytes=6 * MIB).upload_ids == ()
    with pytest.raises(GoneError):
        harbour.held(file, upload_id=upload_id)
