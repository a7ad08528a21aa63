import pytest

from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher, received
from lambdas.common.errors import InvalidInputError, PermanentError, TransientError
from lambdas.common.events import DeliveryReceived, SourceAccepted
from tests.lambdas import samples


def test_an_event_arrives_as_it_was_sent(bus):
    sent = samples.source_accepted()
    EventPublisher(bus.name).publish(sent)
    [envelope] = bus.envelopes()
    assert envelope["source"] == "marquee.ingestion"
    assert received(SourceAccepted, envelope) == sent


def test_an_entry_that_the_bus_refuses_is_worth_another_try(bus, monkeypatch):
    refusal = {
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try later"}],
    }
    monkeypatch.setattr(client("events"), "put_events", lambda **_: refusal)
    with pytest.raises(TransientError, match="SourceAccepted: InternalFailure try later"):
        EventPublisher(bus.name).publish(samples.source_accepted())
    assert bus.envelopes() == []


def test_a_bus_that_does_not_exist_is_not_transient(aws):
    with pytest.raises(client("events").exceptions.ResourceNotFoundException):
        EventPublisher("nowhere").publish(samples.source_accepted())


def envelope(**changes):
    detail = samples.source_accepted().model_dump(mode="json") | changes
    return {"detail-type": "SourceAccepted", "detail": detail}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"hdr": True}, "hdr: Extra inputs"),
        ({"studio": None}, "studio"),
        ({"facts": {"container": "mov", "duration_s": "long"}}, "facts.duration_s"),
    ],
)
def test_a_detail_that_does_not_fit_is_refused_by_field(changes, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        received(SourceAccepted, envelope(**changes))


def test_another_event_is_refused_by_name():
    with pytest.raises(PermanentError, match="'DeliveryReceived', got 'SourceAccepted'"):
        received(DeliveryReceived, envelope())


def test_an_envelope_without_detail_is_refused():
    with pytest.raises(InvalidInputError):
        received(SourceAccepted, {"detail-type": "SourceAccepted"})
