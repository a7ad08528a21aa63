"""The pure parts of the client: checksums, batches, what to send, how long to wait."""

# ruff: noqa: E402 - what is missing without requirements-sandbox.txt is imported behind the guard

from __future__ import annotations

from pathlib import Path
from threading import Event
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

for needed in ("awscrt", "tenacity"):
    pytest.importorskip(needed, reason="needs requirements-sandbox.txt: make setup")

from awscrt import checksums

from lambdas.ingestion.parts import PartPlan, Span
from lambdas.ingestion.uploads import MAX_BATCH
from uploader.api import Held
from uploader.checksums import Checksum, checksum_of, whole
from uploader.credentials import Credentials
from uploader.errors import CancelledError, RefusedError, UnavailableError
from uploader.patience import FIRST_S, LONGEST_S, Patience
from uploader.sending import batches, to_send

parts = st.dictionaries(
    st.integers(1, 50), st.builds(Checksum, value=st.integers(0, 2**64 - 1), size_bytes=st.integers(1, 9))
)


@given(content=st.binary(min_size=1, max_size=400), part_bytes=st.integers(1, 90))
def test_the_checksum_of_the_parts_is_that_of_the_whole(tmp_path_factory, content, part_bytes):
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    plan = PartPlan(size_bytes=len(content), part_bytes=part_bytes)
    joined = whole(checksum_of(path, plan.span(number)) for number in range(1, plan.parts + 1))
    assert joined == Checksum(value=checksums.crc64nvme(content), size_bytes=len(content))


def test_a_checksum_is_written_as_s3_writes_it(tmp_path):
    (tmp_path / "check").write_bytes(b"123456789")
    # The algorithm's published check value, 0xAE8B14860A799888.
    assert checksum_of(tmp_path / "check", Span(offset=0, size_bytes=9)).text == "rosUhgp5mIg="


def test_a_file_that_became_shorter_has_no_checksum(tmp_path):
    (tmp_path / "short").write_bytes(b"123")
    with pytest.raises(OSError, match="became shorter"):
        checksum_of(tmp_path / "short", Span(offset=0, size_bytes=9))


@given(count=st.integers(1, 10_000), workers=st.integers(1, 64))
def test_every_part_is_in_one_batch_that_can_be_presigned_at_once(count, workers):
    found = batches(count, workers=workers)
    assert [number for batch in found for number in batch] == list(range(1, count + 1))
    assert all(1 <= len(batch) <= MAX_BATCH for batch in found)
    if count >= workers:
        assert len(found) >= workers, "somebody has nothing to do"


@given(local=parts, remote=parts)
def test_a_part_is_trusted_only_if_its_size_and_checksum_are_the_files(local, remote):
    held = {number: Held(size_bytes=part.size_bytes, checksum=part.text) for number, part in remote.items()}
    sent = to_send(local, held=held)
    assert set(sent) == {number for number in local if remote.get(number) != local[number]}


@given(local=parts)
def test_nothing_is_sent_that_is_there(local):
    held = {number: Held(size_bytes=part.size_bytes, checksum=part.text) for number, part in local.items()}
    assert to_send(local, held=held) == {}
    unchecked = {number: Held(size_bytes=part.size_bytes, checksum=None) for number, part in local.items()}
    assert to_send(local, held=unchecked) == local


class Clock:
    """Time that passes only where something is said to take it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class Waits(Event):
    """Notes how long it was waited, and does not wait."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return self.is_set()


def failing(times, error=UnavailableError):
    left = [error("not now")] * times

    def call():
        if left:
            raise left.pop()
        return "done"

    return call


@given(failures=st.integers(0, 40))
def test_each_wait_is_random_below_a_bound_that_doubles_to_a_limit(failures):
    waits = Waits()
    assert Patience(seconds=3600, cancelled=waits).call(failing(failures)) == "done"
    assert len(waits.seconds) == failures
    for attempt, seconds in enumerate(waits.seconds):
        assert 0 <= seconds <= min(LONGEST_S, FIRST_S * 2**attempt)


def test_those_who_failed_together_do_not_come_back_together():
    clients = [Waits() for _ in range(20)]
    for waits in clients:
        Patience(seconds=3600, cancelled=waits).call(failing(5))
    last = {waits.seconds[-1] for waits in clients}
    assert len(last) == len(clients)


def test_what_is_refused_is_not_tried_again():
    waits = Waits()
    with pytest.raises(RefusedError):
        Patience(seconds=3600, cancelled=waits).call(failing(1, RefusedError))
    assert waits.seconds == []


def test_a_wait_ends_when_it_is_cancelled():
    waits = Waits()
    waits.set()
    with pytest.raises(CancelledError):
        Patience(seconds=3600, cancelled=waits).call(failing(3))
    assert len(waits.seconds) == 1


def test_how_long_the_first_try_takes_does_not_matter(monkeypatch):
    clock, failing_once = Clock(monkeypatch), failing(1)

    def slow():
        clock.now += 2000
        return failing_once()

    assert Patience(seconds=900, cancelled=Waits()).call(slow) == "done"


def test_patience_ends_so_long_after_the_first_failure(monkeypatch):
    clock, tries = Clock(monkeypatch), []

    def slow():
        tries.append(clock.now)
        clock.now += 400
        raise UnavailableError("not now")

    with pytest.raises(UnavailableError):
        Patience(seconds=900, cancelled=Waits()).call(slow)
    assert tries == [0, 400, 800, 1200]


def test_credentials_are_whole_or_as_they_were(tmp_path, monkeypatch):
    path = tmp_path / "studios" / "blender.json"
    first = Credentials(studio="blender", site="https://a", client_id="c", username="u", password="one")
    first.save(path)
    second = first.model_copy(update={"password": "two"})
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", Mock(side_effect=OSError("no space left")))
        with pytest.raises(OSError, match="no space"):
            second.save(path)
    assert Credentials.load(path) == first
    second.save(path)
    assert Credentials.load(path) == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_without_patience_there_is_one_try():
    with pytest.raises(UnavailableError):
        Patience(seconds=0, cancelled=Waits()).call(failing(1))
