from functools import partial
from itertools import count

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.common.aws import client
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.encoding.claims import (
    JobRecord,
    JobState,
    LeaseHeldError,
    Outcome,
    StaleClaimError,
    claim,
    commit,
    finish,
    give_up,
    renew,
)
from lambdas.encoding.job_store import JobStore
from tests.lambdas import samples
from tests.lambdas.encoding.test_claims import JOB, LEASE, NOW, OUTPUT, PLANNED, after, worker

TABLE = "jobs"


def create_table():
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "version_id", "KeyType": "HASH"}, {"AttributeName": "job", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("version_id", "job")],
    )


@pytest.fixture
def store(aws, monkeypatch):
    monkeypatch.setattr("lambdas.encoding.job_store._LONGEST_PAUSE_S", 0)
    create_table()
    return JobStore(TABLE)


@pytest.fixture
def planned(store):
    """Plan the job, and return what changes it."""
    store.plan(samples.VERSION, JOB)
    return partial(store.change, samples.VERSION, JOB)


@pytest.fixture
def others():
    """Change the job from elsewhere."""
    return partial(JobStore(TABLE).change, samples.VERSION, JOB)


def claimed(by, at=NOW):
    return lambda record: claim(record, worker=worker(by), now=at, until=at + LEASE)


def stored():
    key = {"version_id": {"S": samples.VERSION}, "job": {"S": JOB}}
    return client("dynamodb").get_item(TableName=TABLE, Key=key).get("Item")


def test_what_is_planned_is_known(store):
    assert store.get(samples.VERSION, JOB) is None
    store.plan(samples.VERSION, JOB)
    assert store.get(samples.VERSION, JOB) == PLANNED
    assert stored()["state"] == {"S": "planned"}


def test_what_is_known_stays_as_it_is_when_planned_again(store, planned):
    record = planned(claimed("ana"))
    before = stored()
    store.plan(samples.VERSION, JOB)
    assert store.get(samples.VERSION, JOB) == record
    assert stored() == before


def test_a_change_is_returned_and_kept(store, planned):
    for change in (
        claimed("ana"),
        lambda record: renew(record, token=1, now=after(4), until=after(9)),
        lambda record: give_up(record, token=1, now=after(5), outcome=Outcome.FAILED, error="no picture"),
        claimed("ben", after(6)),
        lambda record: commit(record, token=2, now=after(9), output=OUTPUT),
        lambda record: finish(record, output=OUTPUT),
    ):
        record = planned(change)
        assert store.get(samples.VERSION, JOB) == record
        assert stored()["state"] == {"S": record.state.value}
    assert (record.state, record.token, record.output) == (JobState.DONE, 2, OUTPUT)


def test_a_change_is_decided_again_when_another_writes_in_between(store, planned, others):
    seen = []

    def change(record):
        seen.append(record.token)
        if len(seen) == 1:
            others(claimed("ben"))
        return claimed("ana", after(5))(record)

    record = planned(change)
    assert seen == [0, 1]
    assert [attempt.worker.batch_job for attempt in record.attempts] == ["ben", "ana"]
    assert store.get(samples.VERSION, JOB) == record


def test_who_would_commit_while_another_claims_is_refused(store, planned, others):
    planned(claimed("ana"))
    newer = []

    def change(record):
        changed = commit(record, token=1, now=after(6), output=OUTPUT)
        newer.append(others(claimed("ben", after(6))))
        return changed

    with pytest.raises(StaleClaimError):
        planned(change)
    assert [store.get(samples.VERSION, JOB)] == newer


def test_a_change_that_others_always_forestall_is_worth_another_try(store, planned, others):
    planned(claimed("ana"))
    minutes = count(1)

    def change(record):
        others(lambda now: renew(now, token=1, now=after(next(minutes)), until=NOW + LEASE))
        return commit(record, token=1, now=after(5), output=OUTPUT)

    with pytest.raises(TransientError, match="others keep changing"):
        planned(change)
    assert next(minutes) == 9
    record = store.get(samples.VERSION, JOB)
    assert (record.state, record.attempts[0].seen_at) == (JobState.CLAIMED, after(8))


@pytest.mark.parametrize("error", [LeaseHeldError, ValueError])
def test_what_a_change_raises_leaves_the_record(planned, error):
    def change(record):
        raise error("no")

    planned(claimed("ana"))
    before = stored()
    with pytest.raises(error, match="no"):
        planned(change)
    assert stored() == before


def test_a_change_to_the_same_writes_nothing(planned):
    planned(claimed("ana"))
    before = stored()
    assert planned(lambda record: record) == JobRecord.model_validate_json(before["record"]["S"])
    assert stored() == before


@pytest.mark.parametrize(("version", "job"), [(samples.VERSION, "audio/0"), ("vfedcba9876543210", JOB)])
def test_a_job_that_was_never_planned_is_not_found(store, planned, version, job):
    with pytest.raises(NotFoundError, match=job):
        store.change(version, job, claimed("ana"))
    assert store.get(version, job) is None


@pytest.fixture
def no_answer(monkeypatch):
    """The SDK sends each write twice: the first answer is lost on its way."""
    dynamodb = client("dynamodb")
    put_item = dynamodb.put_item

    def twice(**arguments):
        put_item(**arguments)
        return put_item(**arguments)

    monkeypatch.setattr(dynamodb, "put_item", twice)


def test_a_write_whose_answer_was_lost_is_known_for_ones_own(store, planned, no_answer):
    held = planned(claimed("ana"))
    assert (held.token, held.attempts[0].worker.batch_job) == (1, "ana")
    committed = planned(lambda record: commit(record, token=1, now=after(3), output=OUTPUT))
    assert (committed.state, committed.output) == (JobState.COMMITTED, OUTPUT)
    assert store.get(samples.VERSION, JOB) == committed
    assert stored()["revision"] == {"N": "3"}


def test_the_jobs_of_a_version_come_by_their_ids_and_without_those_of_others(store):
    for job in ("chunk/00001", "audio/0", "chunk/00000"):
        store.plan(samples.VERSION, job)
    store.plan("vfedcba9876543210", "package")
    assert [record.job for record in store.of_version(samples.VERSION)] == ["audio/0", "chunk/00000", "chunk/00001"]
    assert store.of_version("v0000000000000000") == ()


def test_all_jobs_of_a_version_come_however_many_pages_they_are(store):
    jobs = [f"chunk/{index:05d}" for index in range(8)]

    def failed(record):
        return give_up(claimed("ana")(record), token=1, now=NOW, outcome=Outcome.FAILED, error="x" * 300_000)

    for job in jobs:
        store.plan(samples.VERSION, job)
        store.change(samples.VERSION, job, failed)
    first = client("dynamodb").query(
        TableName=TABLE,
        KeyConditionExpression="version_id = :version",
        ExpressionAttributeValues={":version": {"S": samples.VERSION}},
    )
    assert first["LastEvaluatedKey"]
    assert [record.job for record in store.of_version(samples.VERSION)] == jobs


def throttled():
    return ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")


def away():
    return EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")


@pytest.mark.parametrize("error", [throttled(), away()], ids=["throttling", "away"])
@pytest.mark.parametrize("operation", ["get_item", "put_item", "get_paginator"])
def test_a_table_that_is_away_is_worth_another_try(store, planned, monkeypatch, operation, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(client("dynamodb"), operation, refuse)
    calls = {
        "get_item": [lambda: store.get(samples.VERSION, JOB), lambda: planned(claimed("ana"))],
        "put_item": [lambda: store.plan(samples.VERSION, JOB), lambda: planned(claimed("ana"))],
        "get_paginator": [lambda: store.of_version(samples.VERSION)],
    }[operation]
    for call in calls:
        with pytest.raises(TransientError):
            call()


def test_an_error_that_no_try_mends_is_not_hidden(store):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobStore("elsewhere").plan(samples.VERSION, JOB)
