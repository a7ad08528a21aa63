"""The check that no handler asks for what its role does not allow: it sees who asks, and what for."""

from functools import partial
from pathlib import Path

import pytest

from lambdas.common.aws import client
from tests.lambdas import calls

HANDLER = "lambdas.playback.handlers.end_session"


@pytest.fixture
def passing_for():
    """Return a function that passes for a handler of playback: it calls what it is given."""
    path = Path(calls.__file__).parents[2] / "lambdas" / "playback" / "handlers.py"

    def passing_for(name):
        names = {}
        exec(compile(f"def {name}(ask):\n    return ask()\n", str(path), "exec"), names)  # noqa: S102 - two lines of ours
        return names[name]

    yield passing_for
    calls.RECORDER.begin()


@pytest.fixture
def handler(passing_for):
    return passing_for("end_session")


def test_a_call_that_a_role_does_not_allow_is_seen(aws, handler):
    handler(partial(client("dynamodb").list_tables))
    assert calls.RECORDER.ungranted() == [(HANDLER, "dynamodb:ListTables")]


def test_so_is_one_of_a_fake_and_one_that_is_signed_for_somebody_else(aws, handler):
    handler(calls.watched("sns", client("sns")).list_topics)
    asked = {"ClientMethod": "get_object", "Params": {"Bucket": "b", "Key": "k", "VersionId": "v"}}
    handler(partial(client("s3").generate_presigned_url, **asked))
    assert calls.RECORDER.ungranted() == [(HANDLER, "s3:GetObjectVersion"), (HANDLER, "sns:ListTopics")]


def test_what_a_test_asks_for_meanwhile_is_not_the_handlers(aws, handler):
    handler(lambda: client("dynamodb").list_tables())
    client("dynamodb").list_tables()
    assert calls.RECORDER.ungranted() == []


def test_a_call_about_a_resource_that_a_role_may_not_treat_so_is_seen(aws, passing_for, monkeypatch):
    create_session = passing_for("create_session")
    key = {"AttributeName": "id", "KeyType": "HASH"}
    for name in ("sessions", "leases"):
        monkeypatch.setenv(f"{name.upper()}_TABLE", name)
        client("dynamodb").create_table(
            TableName=name,
            KeySchema=[key],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        create_session(partial(client("dynamodb").put_item, TableName=name, Item={"id": {"S": "1"}}))
    asked_by_it = "lambdas.playback.handlers.create_session"
    assert calls.RECORDER.ungranted() == [(asked_by_it, "dynamodb:PutItem on leases_table")]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "asked"),
    [
        ("dynamodb", "GetItem", {"TableName": "t"}, {"dynamodb:GetItem on one_table"}),
        ("dynamodb", "Query", {"TableName": "t", "IndexName": "i"}, {"dynamodb:Query on one_table/index/i"}),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"t": {"Keys": []}, "u": {"Keys": []}}},
            {"dynamodb:BatchGetItem on one_table", "dynamodb:BatchGetItem on other_table"},
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"Update": {"TableName": "u"}}]},
            {"dynamodb:PutItem on one_table", "dynamodb:UpdateItem on other_table"},
        ),
        ("events", "PutEvents", {"Entries": [{"EventBusName": "t"}]}, {"events:PutEvents on one_table"}),
        # What stands in an item is not what the request is about.
        ("dynamodb", "GetItem", {"TableName": "v", "Key": {"id": {"S": "t"}}}, {"dynamodb:GetItem"}),
    ],
)
def test_what_a_request_is_about_is_told_by_the_environment(monkeypatch, service, operation, parameters, asked):
    monkeypatch.setenv("ONE_TABLE", "t")
    monkeypatch.setenv("OTHER_TABLE", "u")
    known = ("one_table", "other_table", "not_set")
    assert set(calls.permissions(service, operation, parameters, known=known)) == asked


def test_a_transaction_asks_for_what_is_in_it():
    items = [{"Put": {}}, {"ConditionCheck": {}}, {"Delete": {}}]
    asked = set(calls.permissions("dynamodb", "TransactWriteItems", {"TransactItems": items}))
    assert asked == {"dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"}
