import random
from datetime import timedelta

import pytest

from lambdas.common.aws import client
from lambdas.storage.inventory import Inventory, InventoryFormatError, in_order
from tests.lambdas.storage.lists import NOW, SCHEMA, row, write_inventory

BUCKET, REPORTS = "raw", "reports"


@pytest.fixture
def reports(aws):
    client("s3").create_bucket(Bucket=REPORTS)
    return REPORTS


def newest():
    return Inventory.newest(bucket=BUCKET, reports=REPORTS)


def test_there_is_none_before_s3_has_written_one(reports):
    assert newest() is None


def test_every_row_of_every_file_is_read(reports):
    rows = [
        row("blender/a film.mov", "v1", size_bytes=2 * 2**40),
        row("blender/b.mov", "v2", latest=False, etag="", replication_status="PENDING"),
        row("blender/c.mov", "v3", delete_marker=True, size_bytes=0),
    ]
    write_inventory(bucket=BUCKET, reports=REPORTS, files=[rows[:2], [], rows[2:]])
    inventory = newest()
    assert list(inventory.rows()) == rows
    assert inventory.created_at == NOW


def test_the_newest_one_counts_and_only_this_buckets(reports):
    write_inventory(bucket=BUCKET, reports=REPORTS, files=[[row("new")]], at=NOW)
    write_inventory(bucket=BUCKET, reports=REPORTS, files=[[row("old")]], at=NOW - timedelta(days=30))
    write_inventory(bucket="raw-too", reports=REPORTS, files=[[row("other")]], at=NOW + timedelta(days=1))
    assert [found.key for found in newest().rows()] == ["new"]


def test_what_the_checks_cannot_read_is_refused(reports):
    write_inventory(bucket=BUCKET, reports=REPORTS, files=[[]], schema=[name for name in SCHEMA if name != "ETag"])
    with pytest.raises(InventoryFormatError, match="ETag"):
        newest()
    write_inventory(bucket=BUCKET, reports=REPORTS, files=[[]], file_format="Parquet")
    with pytest.raises(InventoryFormatError, match="configure it as CSV"):
        newest()


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_rows_come_in_order_however_few_fit_into_memory(at_once):
    rows = [row(f'{n % 13}/é {n},"', f"v{n}", delete_marker=n % 5 == 0, latest=n % 2 == 0) for n in range(100)]
    mixed = random.Random(at_once).sample(rows, len(rows))  # noqa: S311
    with in_order(mixed, at_once=at_once) as ordered:
        assert list(ordered) == sorted(rows)


def test_nothing_is_an_order_too():
    with in_order([]) as ordered:
        assert list(ordered) == []
