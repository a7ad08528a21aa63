"""Progress in two Regions: the later write wins by itself, and the later report by the function on the stream."""

from types import SimpleNamespace

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from lambdas.common.attributes import to_dynamodb, values_of
from lambdas.playback import replication_handlers, store, table
from lambdas.playback.models import Progress

EAST, WEST = "us-east-1", "us-west-2"
KEY = to_dynamodb({"viewer_id": "v", "title_id": "t"})
TABLE = "replicated"
ENOUGH = 200
"""More rounds than any history here could need until nobody has anything to say."""


def reported(recorded_at_ms, position_s=10.0):
    return Progress(viewer_id="v", title_id="t", position_s=position_s, completed=False, recorded_at_ms=recorded_at_ms)


def image(report, region=EAST):
    return to_dynamodb({**values_of(report), "written_in": region})


def replaced(old, new, *, sequence="1"):
    return {
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": KEY, "OldImage": old, "NewImage": new, "SequenceNumber": sequence},
    }


class Region:
    """One replica on moto, as its functions see it: `world` says when something was written, and tells the others."""

    def __init__(self, name, world):
        self.meta = SimpleNamespace(region_name=name)
        self.world, self.inbox, self.stream, self.written_at = world, [], [], 0
        self.dynamodb = boto3.client("dynamodb", region_name=name)
        self.dynamodb.delete_item(TableName=TABLE, Key=KEY)

    @property
    def item(self):
        return self.dynamodb.get_item(TableName=TABLE, Key=KEY).get("Item")

    def put_item(self, **request):
        before = self.item
        self.dynamodb.put_item(**request)
        self.world.clock += 1
        self._written(before, request["Item"], self.world.clock)
        for other in self.world.regions:
            if other is not self:
                other.inbox.append((self.world.clock, request["Item"]))

    def hear(self, which):
        """Take what another has written, unless what is here was written later."""
        at, item = self.inbox.pop(which % len(self.inbox))
        if at > self.written_at:
            before = self.item
            self.dynamodb.put_item(TableName=TABLE, Item=item)
            self._written(before, item, at)

    def _written(self, before, item, at):
        self.written_at = at
        # The filter of the deployed mapping: `tests/stacks/test_playback.py` has it.
        if before and item["written_in"]["S"] != self.meta.region_name:
            self.stream.append(replaced(before, item, sequence=str(at)))


class World:
    """Two Regions that hear of each other when somebody says so."""

    def __init__(self, patch, context):
        self.clock, self._patch, self._context = 0, patch, context
        self.regions = [Region(name, self) for name in (EAST, WEST)]

    def report(self, side, report):
        self._as(side)
        store.ProgressTable(TABLE).put_if_newer(report)

    def handle(self, side, order):
        """Have the stream's records handled, shuffled, and the first of them twice."""
        records, self.regions[side].stream = self.regions[side].stream, []
        if records:
            order.shuffle(records)
            self._as(side)
            answer = replication_handlers.merge_progress({"Records": [*records, records[0]]}, self._context)
            assert answer == {"batchItemFailures": []}

    def settle(self, order):
        for _ in range(ENOUGH):
            busy = [side for side, region in enumerate(self.regions) if region.inbox or region.stream]
            if not busy:
                return
            side = order.choice(busy)
            region = self.regions[side]
            if region.inbox and (not region.stream or order.random() < 0.5):
                region.hear(order.randrange(len(region.inbox)))
            else:
                self.handle(side, order)
        pytest.fail("they never come to an end")

    def found(self):
        return [
            item and (int(item["recorded_at_ms"]["N"]), float(item["position_s"]["N"]))
            for item in (region.item for region in self.regions)
        ]

    def _as(self, side):
        for module in (store, table):
            self._patch.setattr(module, "client", lambda _: self.regions[side])


@pytest.fixture(scope="module")
def tables():
    with mock_aws():
        for region in (EAST, WEST):
            boto3.client("dynamodb", region_name=region).create_table(
                TableName=TABLE,
                KeySchema=[
                    {"AttributeName": "viewer_id", "KeyType": "HASH"},
                    {"AttributeName": "title_id", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": name, "AttributeType": "S"} for name in ("viewer_id", "title_id")
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        yield


@pytest.fixture
def world(tables, monkeypatch, lambda_context):
    def world():
        return World(monkeypatch, lambda_context)

    monkeypatch.setenv("PROGRESS_TABLE", TABLE)
    return world


SIDES = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("report"), SIDES, st.builds(reported, st.integers(0, 5), st.sampled_from([0.0, 1.5, 99.0]))),
    st.tuples(st.just("hear"), SIDES, st.integers(0, 5)),
    st.tuples(st.just("handle"), SIDES, st.none()),
)


@given(steps=st.lists(STEPS, min_size=1, max_size=10), order=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_regions_end_with_the_newest_report_whatever_was_written_last(world, steps, order):
    here, taken = world(), []
    for kind, side, what in steps:
        if kind == "report":
            here.report(side, what)
            taken.append((what.recorded_at_ms, what.position_s))
        elif kind == "hear" and here.regions[side].inbox:
            here.regions[side].hear(what)
        elif kind == "handle":
            here.handle(side, order)

    here.settle(order)

    assert here.found() == [max(taken, default=None)] * 2


def test_without_the_function_the_older_report_stays_because_it_was_written_later(world):
    here = world()
    here.report(0, reported(5))
    here.report(1, reported(4))

    here.regions[0].hear(0)
    here.regions[1].hear(0)

    assert here.found() == [(4, 10.0), (4, 10.0)]
    assert [len(region.stream) for region in here.regions] == [1, 0]


@pytest.fixture
def handle(aws, lambda_context):
    """Have the function handle records over what is `known` here; return what it says, and what is known then."""

    def handle(*records, known):
        kept = store.ProgressTable("progress")
        kept.put_if_newer(known)
        answer = replication_handlers.merge_progress({"Records": list(records)}, lambda_context)
        return answer["batchItemFailures"], kept.get(viewer_id="v", title_id="t").recorded_at_ms

    return handle


@pytest.mark.parametrize(("old", "new", "known", "then"), [(5, 4, 4, 5), (4, 5, 5, 5), (5, 5, 5, 5), (5, 4, 6, 6)])
def test_what_was_replaced_is_written_back_only_if_it_is_newer_than_what_is_there(handle, old, new, known, then):
    record = replaced(image(reported(old)), image(reported(new), WEST))

    assert handle(record, known=reported(known)) == ([], then)


def test_a_record_that_cannot_be_read_keeps_no_other_from_being_handled_and_is_told(handle):
    broken = replaced({"viewer_id": {"S": "v"}}, image(reported(4), WEST), sequence="7")
    good = replaced(image(reported(5)), image(reported(4), WEST), sequence="8")

    assert handle(broken, good, known=reported(4)) == ([{"itemIdentifier": "7"}], 5)
