from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.errors import NotFoundError
from lambdas.common.media import ObjectRef
from lambdas.storage import restoring
from lambdas.storage.models import (
    ArchivedObject,
    FixityReport,
    RestoreRequest,
    SourceObject,
    SourceRecord,
    Tier,
)

ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
SHA, OTHER_SHA = "a" * 64, "b" * 64
REQUEST = RestoreRequest(restore_id="r1", title_id="bunny", by="arn:aws:iam::1:user/op")


def source(name="film.mov", *, sha256=SHA):
    ref = ObjectRef(bucket="raw", key=f"blender/d1/{name}", version_id="s3v")
    return SourceObject(ref=ref, size_bytes=100, sha256=sha256)


def archived(storage_class="GLACIER", *, readable=False, **changes):
    return ArchivedObject(source=source(**changes), storage_class=storage_class, readable=readable)


def record(version_id, *, days=0):
    return SourceRecord(
        title_id="bunny",
        version_id=version_id,
        studio="blender",
        delivery_id="d1",
        accepted_at=ACCEPTED + timedelta(days=days),
        objects=(source(),),
    )


def state(*objects):
    return restoring.begun(record("v1"), objects, request=REQUEST, reports_bucket="reports")


@pytest.mark.parametrize(
    ("storage_class", "header", "readable"),
    [
        ("STANDARD", None, True),
        ("INTELLIGENT_TIERING", None, True),
        ("GLACIER_IR", None, True),
        ("GLACIER", None, False),
        ("DEEP_ARCHIVE", 'ongoing-request="true"', False),
        ("GLACIER", 'ongoing-request="false", expiry-date="Sun, 29 Nov 2026 00:00:00 GMT"', True),
    ],
)
def test_what_can_be_read(storage_class, header, readable):
    assert restoring.availability(storage_class, header).readable is readable


def test_a_copy_says_when_it_lapses():
    header = 'ongoing-request="false", expiry-date="Sun, 29 Nov 2026 00:00:00 GMT"'
    assert restoring.availability("GLACIER", header).until == datetime(2026, 11, 29, tzinfo=UTC)


def test_the_newest_version_is_restored_unless_another_is_named():
    records = [record("v2", days=5), record("v1"), record("v3", days=3)]
    assert restoring.chosen(records, request=REQUEST).version_id == "v2"
    named = REQUEST.model_copy(update={"version_id": "v3"})
    assert restoring.chosen(records, request=named).version_id == "v3"


def test_a_version_that_was_never_accepted_is_refused_with_those_that_were():
    named = REQUEST.model_copy(update={"version_id": "v9"})
    with pytest.raises(NotFoundError, match="accepted versions are v1, v2"):
        restoring.chosen([record("v2", days=1), record("v1")], request=named)
    with pytest.raises(NotFoundError, match="are none"):
        restoring.chosen([], request=REQUEST)


def test_deep_archive_knows_no_expedited_retrieval():
    with pytest.raises(restoring.TierUnavailableError, match=r"film\.mov.*Standard .* or Bulk"):
        restoring.check_tier([archived("DEEP_ARCHIVE")], tier=Tier.EXPEDITED)
    for tier in (Tier.STANDARD, Tier.BULK):
        restoring.check_tier([archived("DEEP_ARCHIVE")], tier=tier)
    restoring.check_tier([archived("GLACIER")], tier=Tier.EXPEDITED)
    restoring.check_tier([archived("DEEP_ARCHIVE", readable=True)], tier=Tier.EXPEDITED)


def test_the_waits_grow_and_stay_bearable():
    waits = [state(archived())]
    for _ in range(400):
        waits.append(restoring.looked(waits[-1], [archived()]))
    seconds = [found.wait_s for found in waits]
    assert seconds[:4] == [2, 4, 8, 16]
    assert max(seconds) == 900
    assert sum(seconds) > 48 * 3600, "four days of looks fit into an execution's history"
    assert [found.looks for found in waits[:3]] == [0, 1, 2]


def test_each_object_is_read_by_a_job_of_its_own():
    begun = state(archived(), archived("STANDARD", readable=True, name="film.en.vtt"))
    assert begun.pending == 1
    first, second = begun.jobs
    assert first.name != second.name
    assert first.command == (
        "checksum",
        "--object",
        "s3://raw/blender/d1/film.mov",
        "--object-version",
        "s3v",
        "--report",
        "s3://reports/restores/r1/fixity/0000.json",
    )


@pytest.mark.parametrize(
    ("known", "size", "read", "proof"),
    [
        (SHA, 100, SHA, "sha256"),
        (None, 100, OTHER_SHA, "size"),
        (SHA, 100, OTHER_SHA, "damaged"),
        (SHA, 99, SHA, "damaged"),
        (None, 99, OTHER_SHA, "damaged"),
    ],
)
def test_what_was_read_is_held_against_what_was_accepted(known, size, read, proof):
    found = archived(sha256=known, readable=True)
    report = restoring.judged(state(found), [FixityReport(ref=found.source.ref, size_bytes=size, sha256=read)])
    assert report.objects[0].proof == proof
    if proof == "damaged":
        with pytest.raises(restoring.FixityError, match=r"film\.mov"):
            restoring.require_sound(report)
    else:
        restoring.require_sound(report)
