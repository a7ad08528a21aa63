"""The check that no handler asks for what its role does not allow: it sees who asks, and what for."""

from functools import partial
from pathlib import Path

import pytest

from lambdas.common.aws import client
from tests.lambdas import calls

HANDLER = "lambdas.playback.handlers.end_session"


@pytest.fixture
def handler():
    """A function that passes for the handler: it calls what it is given."""
    path = Path(calls.__file__).parents[2] / "lambdas" / "playback" / "handlers.py"
    names = {}
    exec(compile("def end_session(ask):\n    return ask()\n", str(path), "exec"), names)  # noqa: S102 - two lines of ours
    yield names["end_session"]
    calls.RECORDER.begin()


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


def test_a_transaction_asks_for_what_is_in_it():
    items = [{"Put": {}}, {"ConditionCheck": {}}, {"Delete": {}}]
    asked = set(calls.actions("dynamodb", "TransactWriteItems", {"TransactItems": items}))
    assert asked == {"dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"}
