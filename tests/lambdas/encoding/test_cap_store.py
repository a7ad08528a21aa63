import pytest
from pydantic import ValidationError

from lambdas.common.aws import client
from lambdas.common.errors import ConflictError
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Cap
from tests.lambdas import samples
from tests.lambdas.encoding.test_claims import NOW, after

TABLE = "caps"


def create_caps_table():
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "version_id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("version_id", "at")],
    )


@pytest.fixture
def store(aws):
    create_caps_table()
    return CapStore(TABLE)


def cap(usd=5.0, at=NOW, version_id=samples.VERSION):
    return Cap(version_id=version_id, usd=usd, at=at, by="arn:aws:iam::123456789012:user/ana", reason="a premiere")


def test_nothing_that_was_said_is_lost_and_the_newest_comes_first(store):
    # A whole second has no fraction where ISO 8601 leaves it out, and must not sort behind one that has.
    said = [cap(1.0), cap(2.0, after(1 / 60_000)), cap(3.0, after(1)), cap(4.0, after(60))]
    for each in (said[2], said[0], said[3], said[1]):
        store.add(each)
    store.add(cap(9.0, version_id="v0000000000000000"))
    assert list(store.of_version(samples.VERSION)) == said[::-1]
    assert store.of_version("vfedcba9876543210") == ()


def test_of_two_at_the_same_moment_one_is_told(store):
    store.add(cap(1.0))
    with pytest.raises(ConflictError, match="look at it again"):
        store.add(cap(2.0))
    assert [each.usd for each in store.of_version(samples.VERSION)] == [1.0]


@pytest.mark.parametrize("usd", [0, -1, float("inf"), float("nan")])
def test_a_cap_is_a_sum(usd):
    with pytest.raises(ValidationError, match="usd"):
        cap(usd)
