"""Sending a file, whatever happens on the way: what is sent again, what is not, and when it is given up."""

# ruff: noqa: E402 - what is missing without requirements-sandbox.txt is imported behind the guard

from __future__ import annotations

import random
from collections import Counter
from threading import Event

import pytest

for needed in ("awscrt", "tenacity"):
    pytest.importorskip(needed, reason="needs requirements-sandbox.txt: make setup")

from lambdas.ingestion.parts import MIB
from tests.uploader.server import PART, running
from uploader import patience as patience_module
from uploader.api import File, UploadApi
from uploader.errors import LaterError, RefusedError, SignedOutError, UnavailableError
from uploader.http import new_pool
from uploader.patience import Patience
from uploader.sending import Means, send_file

FILE = File(delivery_id="d", name="film.mov")
EXPIRED = (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
BUSY = (503, b"<Error><Code>SlowDown</Code></Error>")
API_BUSY = (503, {"detail": "try again"})


class Session:
    """Somebody signed in; each token that is refused is followed by another."""

    def __init__(self, site):
        self.site, self.number = site, 1

    def token(self, *, refused=None):
        self.number += 1 if refused == f"t{self.number}" else 0
        return f"t{self.number}"


class Watcher:
    def __init__(self):
        self.bytes = self.held = 0

    def advanced(self, size_bytes):
        self.bytes += size_bytes

    def skipped(self, size_bytes):
        self.held += size_bytes


@pytest.fixture
def server():
    with running() as kept:
        yield kept


@pytest.fixture
def content():
    return random.Random(1).randbytes(7 * PART + 99)  # noqa: S311 - a test's bytes


@pytest.fixture
def film(tmp_path, content):
    path = tmp_path / "film.mov"
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Waits are as random as ever, and a thousand times shorter."""
    monkeypatch.setattr(patience_module, "FIRST_S", 0.0005)
    monkeypatch.setattr(patience_module, "LONGEST_S", 0.03)


@pytest.fixture
def sending(server, film):
    watcher = Watcher()

    def send(*, seconds=20.0, workers=2, path=film, **options):
        cancelled, pool = Event(), new_pool(connections=workers + 1)
        patience = Patience(seconds=seconds, cancelled=cancelled)
        api = UploadApi(Session(server.url), pool=pool, patience=patience)
        means = Means(api=api, pool=pool, workers=workers, patience=patience, cancelled=cancelled, watcher=watcher)
        try:
            return send_file(path, file=FILE, means=means, **options).tally
        finally:
            pool.clear()

    send.watcher = watcher
    return send


def test_a_file_arrives_as_it_is_each_part_once(server, sending, content):
    tally = sending()
    assert server.stored == content
    assert Counter(server.puts) == Counter(range(1, 9))
    assert (tally.parts, tally.sent, tally.held, tally.again) == (8, 8, 0, 0)
    assert tally.sent_bytes == tally.size_bytes == sending.watcher.bytes == len(content)


def test_a_file_that_is_there_is_not_sent_again_unless_that_is_wanted(server, sending, content):
    server.stored = content
    assert sending().was_there
    assert server.puts == []
    assert not sending(anew=True).was_there
    assert len(server.puts) == 8


def test_another_file_of_the_same_size_is_sent(server, sending, content):
    server.stored = bytes(len(content))
    sending()
    assert server.stored == content


def test_only_what_is_missing_or_wrong_is_sent(server, sending, content):
    right = {number: content[(number - 1) * PART : number * PART] for number in (1, 2, 5, 8)}
    server.uploads["u-1"] = {**right, 3: bytes(PART), 4: content[3 * PART : 4 * PART - 1]}
    tally = sending()
    assert server.stored == content
    assert sorted(server.puts) == [3, 4, 6, 7]
    assert (tally.held, tally.sent, tally.again) == (4, 4, 2)
    assert sending.watcher.held + sending.watcher.bytes == len(content)


@pytest.mark.parametrize("fault", [BUSY, (429, b""), (500, b""), (400, b"<Code>RequestTimeout</Code>"), "drop"])
def test_what_passes_is_tried_again(server, sending, content, fault):
    server.faults[3] = [fault, fault]
    tally = sending()
    assert server.stored == content
    assert tally.again == 1
    assert sending.watcher.bytes == len(content), "what did not arrive does not count"


def test_a_busy_api_is_asked_again(server, sending, content):
    path = "/api/ingest/uploads"
    server.faults = {
        f"GET {path}": [API_BUSY, "drop"],
        f"POST {path}": [API_BUSY],
        f"POST {path}/u-1/parts": [API_BUSY, "drop"],
        f"POST {path}/u-1/complete": ["drop", API_BUSY],
    }
    sending()
    assert server.stored == content
    assert len(server.puts) == 8


def test_a_url_that_has_expired_is_replaced_with_those_of_its_batch(server, sending, content):
    server.faults[2] = [EXPIRED]
    tally = sending(workers=1)
    assert server.stored == content
    assert tally.again == 0, "nothing of the part was taken"
    assert server.asked["presigned"] > 8


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((403, b"<Code>AccessDenied</Code>"), RefusedError),
        ((400, b"<Code>BadDigest</Code>"), LaterError),
        ((400, b"<Code>EntityTooLarge</Code>"), RefusedError),
    ],
)
def test_what_does_not_pass_is_not_tried_again(server, sending, fault, error):
    server.faults[3] = [fault]
    with pytest.raises(error):
        sending()
    assert Counter(server.puts)[3] == 1
    assert server.stored is None


GONE = (404, b"<Error><Code>NoSuchUpload</Code></Error>")


def test_an_upload_that_is_aborted_under_way_is_begun_again(server, sending, content):
    server.faults[3] = [GONE]
    sending()
    assert server.stored == content
    assert sending.watcher.bytes + sending.watcher.held == len(content), "what is sent again counts once"


def test_an_upload_that_is_aborted_each_time_may_succeed_later(server, sending):
    server.faults[3] = [GONE] * 99
    with pytest.raises(LaterError, match="completed or aborted"):
        sending()
    assert Counter(server.puts)[3] < 9


def test_a_file_whose_parts_had_all_arrived_is_new_all_the_same(server, sending, content):
    server.uploads["u-1"] = {number: content[(number - 1) * PART : number * PART] for number in range(1, 9)}
    tally = sending()
    assert (tally.sent, tally.was_there) == (0, False)
    assert server.stored == content


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        ("GET /api/ingest/uploads", (200, b"<!doctype html>")),
        ("GET /api/ingest/uploads", (200, b"[]")),
        ("GET /api/ingest/uploads", (200, b"")),
        ("GET /api/ingest/uploads", (404, b"<!doctype html>")),
        ("POST /api/ingest/uploads", (201, b'{"id": "u-1"}')),
        ("POST /api/ingest/uploads/u-1/parts", (200, b'{"parts": []}')),
        ("POST /api/ingest/uploads/u-1/complete", (200, b"")),
    ],
)
def test_somebody_else_who_answers_is_told_from_marquee(server, sending, request_line, answer):
    server.faults[request_line] = [answer] * 9
    with pytest.raises(RefusedError, match="does not answer as Marquee does"):
        sending()


@pytest.mark.parametrize("problem", [b"[1]", b'"no"', b"null", b"<no>"])
def test_a_refusal_is_told_whatever_its_document_is(server, sending, problem):
    server.faults["GET /api/ingest/uploads"] = [(400, problem)]
    with pytest.raises(RefusedError, match="refused"):
        sending()


def test_after_a_refusal_the_next_start_goes_on(server, sending, content):
    server.faults[6] = [(403, b"<Code>AccessDenied</Code>")]
    with pytest.raises(RefusedError):
        sending()
    there = set(server.uploads["u-1"])
    before = len(server.puts)
    sending()
    assert server.stored == content
    assert not there & set(server.puts[before:])


def test_patience_ends(server, sending):
    server.faults[1] = [BUSY] * 10_000
    with pytest.raises(UnavailableError):
        sending(seconds=0.2)


def test_a_token_that_ends_on_the_way_is_replaced_once(server, sending, content):
    server.faults["GET /api/ingest/uploads"] = [(401, {"message": "Unauthorized"})]
    sending()
    assert server.stored == content
    assert server.tokens[:2] == ["Bearer t1", "Bearer t2"]


def test_who_is_not_let_in_is_told_so(server, sending):
    server.faults["GET /api/ingest/uploads"] = [(401, {"message": "Unauthorized"})] * 2
    with pytest.raises(SignedOutError):
        sending()


def test_an_upload_that_was_completed_meanwhile_is_looked_for_again(server, sending, content):
    server.uploads["u-1"] = {1: content[:PART]}

    def completed(*_):
        server.uploads.clear()
        server.stored = content
        return (404, {"detail": "there is no such upload"})

    class Once(list):
        def pop(self, _):
            super().pop(0)
            return completed()

    server.faults["GET /api/ingest/uploads/u-1/parts"] = Once([None])
    assert sending().was_there
    assert server.puts == []


def test_a_file_that_changes_while_it_is_sent_is_refused(server, sending, film):
    class Changing(list):
        def pop(self, _):
            super().pop(0)
            film.write_bytes(bytes(film.stat().st_size))
            return (503, {"detail": "try again"})

    server.faults["POST /api/ingest/uploads/u-1/parts"] = Changing([None])
    with pytest.raises(LaterError, match="the file changes"):
        sending(workers=1)
    assert server.stored is None


def test_an_empty_file_is_refused_before_anybody_is_asked(server, sending, tmp_path):
    (tmp_path / "empty.mov").touch()
    with pytest.raises(RefusedError, match="is empty"):
        sending(path=tmp_path / "empty.mov")
    assert server.tokens == []


def test_a_part_is_never_in_memory_as_a_whole(server, sending, film, monkeypatch):
    from uploader import sending as module  # noqa: PLC0415

    largest = 0
    stock = module._PartOfFile.__iter__

    def blocks(self):
        nonlocal largest
        for block in stock(self):
            largest = max(largest, len(block))
            yield block

    monkeypatch.setattr(module._PartOfFile, "__iter__", blocks)
    sending()
    assert 0 < largest <= MIB < PART
