"""What studios read."""

import json

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import PermanentError
from lambdas.common.events import DeliveryRejected, Finding
from lambdas.ingestion import notify_handlers
from lambdas.ingestion.notices import TOLD, letter
from lambdas.ingestion.status_environment import NotifyEnvironment
from tests.lambdas import samples
from tests.lambdas.cloud import queue_arn
from tests.lambdas.ingestion.test_status import EVENTS, WHO

LETTERS = [name for name, event in EVENTS.items() if type(event) in TOLD]


def finding(number):
    return Finding(code=f"CODE_{number}", subject=f"file-{number}.mov", message="It is wrong.", remedy="Make it right.")


@pytest.fixture
def letters(aws, deployed):
    """The topic's queue: what came with which attributes."""
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name="notifications")["TopicArn"]
    queue = sqs.create_queue(QueueName="letters")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(queue), Attributes={"RawMessageDelivery": "true"})
    deployed(NotifyEnvironment(topic_arn=topic))

    def received():
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return answer.get("Messages", [])

    return received


def envelope(event):
    return {
        "detail-type": event.detail_type(),
        "time": "2026-11-02T09:30:00Z",
        "detail": event.model_dump(mode="json"),
    }


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_says_what_happened_to_which_delivery_and_what_to_do(name):
    written = letter(EVENTS[name])
    assert samples.DELIVERY in written.subject
    for part in (written.opening, written.to_do, samples.STUDIO, samples.DELIVERY, samples.VERSION):
        assert part
        assert part in written.text


def test_a_rejection_names_every_finding_with_its_remedy():
    text = letter(EVENTS["rejected"]).text
    for part in ("CHECKSUM_MISMATCH", "bunny.mov", "another checksum", "upload it again"):
        assert part in text


def test_a_review_names_what_is_asked_about_and_where():
    text = letter(EVENTS["asked"]).text
    assert "black picture once, at most 6.00 s long" in text
    assert "00:00:02:00" in text
    assert "04 November 2026, 09:30 UTC" in text


def test_operators_are_not_named_to_studios():
    for event in EVENTS.values():
        if type(event) in TOLD:
            assert "anna" not in letter(event).text


@pytest.mark.parametrize("delivery_id", ["d" * 128, "Łódź-1"])
@pytest.mark.parametrize("name", LETTERS)
def test_a_subject_is_what_e_mail_takes(name, delivery_id):
    subject = letter(EVENTS[name].model_copy(update={"delivery_id": delivery_id})).subject
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@pytest.mark.parametrize(("findings", "told"), [(20, 20), (21, 20), (51, 20)])
def test_a_long_list_ends_with_how_many_more_there_are(findings, told):
    event = DeliveryRejected(**WHO, findings=tuple(map(finding, range(findings))))
    reasons = letter(event).reasons
    named = [reason for reason in reasons if reason.heading.startswith("CODE_")]
    assert len(named) == told
    assert (len(reasons) > told) == (findings > told)
    if findings > told:
        assert str(findings - told) in reasons[-1].heading


def test_people_get_the_letter_and_queues_the_event(letters, context):
    notify_handlers.notify(envelope(EVENTS["rejected"]), context)
    [message] = letters()
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"studio": samples.STUDIO, "event": "DeliveryRejected"}
    # moto delivers the default text to every protocol; the parts by protocol are looked at below.
    assert message["Body"]


def test_each_protocol_gets_its_own_dress(letters, context, monkeypatch):
    sent = {}

    class Topic:
        def publish(self, **message):
            sent.update(message)

    monkeypatch.setattr(notify_handlers, "client", lambda _: Topic())
    notify_handlers.notify(envelope(EVENTS["rejected"]), context)
    parts = json.loads(sent["Message"])
    assert sent["MessageStructure"] == "json"
    assert parts["email"] == letter(EVENTS["rejected"]).text
    assert json.loads(parts["sqs"]) == envelope(EVENTS["rejected"])
    assert parts["default"] == sent["Subject"]


def test_the_longest_letter_fits_into_a_message(letters, context):
    text = "€" * 300
    worst = Finding(code="C" * 40, subject=text, message=text, remedy=text)
    notify_handlers.notify(envelope(DeliveryRejected(**WHO, findings=(worst,) * 51)), context)
    assert len(letters()) == 1


def test_nobody_is_told_of_what_a_campaign_encodes_anew(letters, context):
    notify_handlers.notify(
        envelope(EVENTS["published"].model_copy(update={"version_id": "c0123456789abcdef"})), context
    )
    assert letters() == []


def test_nobody_is_told_of_what_is_in_the_history_only(letters, context):
    with pytest.raises(PermanentError, match="correct the rule's pattern"):
        notify_handlers.notify(envelope(EVENTS["encoding"]), context)
    assert letters() == []
