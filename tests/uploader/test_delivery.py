"""A delivery as a whole: when its manifest is sent, and what an earlier run that was killed leaves to do."""

# ruff: noqa: E402 - what is missing without requirements-sandbox.txt is imported behind the guard

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

for needed in ("awscrt", "tenacity"):
    pytest.importorskip(needed, reason="needs requirements-sandbox.txt: make setup")

from lambdas.common.keys import DeliveryLocation
from uploader import delivery as module
from uploader.delivery import Delivery, send
from uploader.sending import Arrived, Tally

FIRST = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
LATER = FIRST + timedelta(minutes=1)


@pytest.fixture
def server(monkeypatch):
    """What is there, by name and time; a file that is not is sent, and `sent` names it."""
    kept = SimpleNamespace(there={}, sent=[])

    def send_file(path, *, file, means, anew=False):
        if path.name in kept.there and not anew:
            return Arrived(Tally(parts=1, held=1, size_bytes=9), "o-before", kept.there[path.name])
        kept.sent.append(path.name)
        return Arrived(Tally(parts=1, completed=1, size_bytes=9), "o-now")

    monkeypatch.setattr(module, "send_file", send_file)
    return kept


@pytest.fixture
def sending(tmp_path):
    files = tuple(tmp_path / name for name in ("film.mov", "de.srt", "manifest.json"))
    delivery = Delivery(location=DeliveryLocation(studio="blender", delivery_id="d"), files=files)
    return lambda *, again=False: send(delivery, means=Mock(), again=again)


def test_the_manifest_goes_last(server, sending):
    assert sending().manifest_version == "o-now"
    assert server.sent == ["film.mov", "de.srt", "manifest.json"]


def test_what_is_all_there_is_announced_only_if_that_is_wanted(server, sending):
    server.there = {"film.mov": FIRST, "de.srt": LATER, "manifest.json": LATER}
    sent = sending()
    assert (sent.tally.was_there, sent.manifest_version, server.sent) == (True, "o-before", [])
    sent = sending(again=True)
    assert (sent.tally.was_there, sent.manifest_version, server.sent) == (False, "o-now", ["manifest.json"])


def test_after_any_file_the_manifest_is_sent_again(server, sending):
    server.there = {"film.mov": FIRST, "manifest.json": LATER}
    sending()
    assert server.sent == ["de.srt", "manifest.json"]


def test_a_run_killed_before_the_manifest_is_made_up_for(server, sending):
    server.there = {"film.mov": LATER, "de.srt": FIRST, "manifest.json": FIRST}
    sent = sending()
    assert (sent.manifest_version, server.sent) == ("o-now", ["manifest.json"])
    assert (sent.tally.parts, sent.tally.was_there) == (3, False)
