"""How studios are told, and what they may ask."""

from fnmatch import fnmatchcase

import pytest

from lambdas.common.keys import Analysis, Workspace
from lambdas.ingestion import webhook_client
from lambdas.ingestion.notices import TOLD
from lambdas.ingestion.status import FOLLOWED
from lambdas.ingestion.status_store import INDEX

TOPIC, QUEUE = "ingestion/Notifications/Topic", "ingestion/Notifications/Webhooks"
STATUS_ROUTES = {
    "GET /api/ingest/deliveries": "ListDeliveries",
    "GET /api/ingest/deliveries/{delivery_id}": "GetDelivery",
    "GET /api/ingest/deliveries/{delivery_id}/versions/{version_id}/stills/{name}": "GetStill",
}


@pytest.mark.parametrize(
    ("rule", "function", "events"), [("TellStudios", "Notify", TOLD), ("FollowDeliveries", "FollowDelivery", FOLLOWED)]
)
def test_the_bus_calls_who_tells_and_who_follows(declared, rule, function, events):
    found = declared.at(f"ingestion/{rule}")
    assert found.text(found["EventBusName"]) == "<governance/Bus>"
    assert set(found["EventPattern"]["detail-type"]) == {event.detail_type() for event in events}
    assert set(found["EventPattern"]["source"]) == {event.source for event in events}
    [target] = found["Targets"]
    assert found.text(target["Arn"]) == f"<ingestion/{function}.Arn>"
    assert found.text(target["DeadLetterConfig"]["Arn"]) == "<ingestion/DeadLetters.Arn>"


def test_what_studios_are_told_of_is_in_their_history_too():
    assert set(TOLD) <= set(FOLLOWED)


def test_the_topic_is_encrypted_and_one_function_writes_to_it(declared):
    topic = declared.at(TOPIC)
    assert topic.text(topic["KmsMasterKeyId"]) == "<governance/DataKey.Arn>"
    writers = {
        role.path
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if "sns:Publish" in statement.actions and f"<{TOPIC}>" in statement.resources
    }
    assert writers == {"ingestion/NotifyRole"}


def test_what_cannot_be_delivered_to_a_webhook_is_kept_with_an_alarm(declared):
    queue = declared.at(QUEUE)
    redrive = queue["RedrivePolicy"]
    assert queue.text(redrive["deadLetterTargetArn"]) == "<ingestion/DeadLetters.Arn>"
    assert redrive["maxReceiveCount"] > 1
    function = declared.at("ingestion/Webhook")
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    [subscription] = [
        found for found in declared.of("AWS::SNS::Subscription") if found.text(found["TopicArn"]) == f"<{TOPIC}>"
    ]
    assert subscription["RawMessageDelivery"] is True
    assert subscription.text(subscription["Endpoint"]) == f"<{QUEUE}.Arn>"
    assert "ingestion/DeadLetters" in subscription.text(subscription["RedrivePolicy"]["deadLetterTargetArn"])
    assert declared.at("ingestion/DeadLettersNotEmpty")


def test_one_webhook_that_fails_holds_up_no_other(declared):
    [mapping] = [
        found
        for found in declared.of("AWS::Lambda::EventSourceMapping")
        if found.text(found["EventSourceArn"]) == f"<{QUEUE}.Arn>"
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    room = declared.at("ingestion/Webhook")["Timeout"] - mapping["BatchSize"] * webhook_client._DEADLINE_S
    assert room > 10, "else slow servers would end the function, and all of its batch would be posted again"


def test_the_addresses_of_webhooks_are_read_by_who_calls_them_only(declared):
    readers = {
        role.path: statement.resources
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if any(action.startswith("ssm:") for action in statement.actions)
    }
    assert set(readers) == {"ingestion/WebhookRole"}
    [resource] = readers["ingestion/WebhookRole"]
    assert resource.endswith(f":parameter/marquee/{declared.profile}/studios/*/webhook")


def test_no_account_lets_webhooks_lead_into_itself(declared):
    assert declared.at("ingestion/Webhook")["Environment"]["Variables"]["LOOPBACK"] == "False"


def test_the_status_is_asked_for_by_signed_in_studios(declared):
    routes = {
        found["RouteKey"]: found
        for found in declared.of("AWS::ApiGatewayV2::Route", stack="ingestion")
        if found["RouteKey"] in STATUS_ROUTES
    }
    assert set(routes) == set(STATUS_ROUTES)
    assert {found["AuthorizationType"] for found in routes.values()} == {"JWT"}


def test_a_list_needs_the_index_and_nothing_else(declared):
    [statement] = [
        statement
        for statement in declared.granted(declared.at("ingestion/ListDeliveriesRole"))
        if any(action.startswith("dynamodb:") for action in statement.actions)
    ]
    assert statement.actions == {"dynamodb:Query"}
    [resource] = statement.resources
    assert resource.endswith(f"/index/{INDEX}")


def test_who_shows_stills_reads_the_analysis_and_worst_frames_and_no_more_of_the_bucket(declared):
    read = [
        resource.partition("/")[2]
        for statement in declared.granted(declared.at("ingestion/GetStillRole"))
        if "s3:GetObject" in statement.actions
        for resource in statement.resources
    ]
    assert sorted(read) == ["analysis/*", "work/*/score/*.jpg*"]
    work = Workspace("v1")
    shown = (Analysis("v1").still("black-0"), work.picture("score/1080p/00ff", of="source"))
    hidden = (work.plan, work.track("join/1080p/00ff"), work.score("score/1080p/00ff"))
    assert all(any(fnmatchcase(key, pattern) for pattern in read) for key in shown)
    assert not any(fnmatchcase(key, pattern) for key in hidden for pattern in read)


def test_only_who_follows_the_bus_writes_a_status(declared):
    for function in STATUS_ROUTES.values():
        for statement in declared.granted(declared.at(f"ingestion/{function}Role")):
            assert not statement.actions & {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
