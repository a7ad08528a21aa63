import pytest

from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher, anything_of, received
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


def test_of_several_events_the_one_that_came_is_told_with_its_time():
    sent = {**envelope(), "time": "2026-11-02T09:30:00Z"}
    event, at = anything_of((DeliveryReceived, SourceAccepted), sent)
    assert event == samples.source_accepted()
    assert at == samples.DELIVERED_AT


def test_none_of_several_events_is_refused_by_name():
    with pytest.raises(PermanentError, match="got 'SourceAccepted'"):
        anything_of((DeliveryReceived,), {**envelope(), "time": "2026-11-02T09:30:00Z"})


@pytest.mark.parametrize("time", [{}, {"time": "yesterday"}, {"time": "2026-11-02T09:30:00"}])
def test_an_envelope_without_a_time_is_refused(time):
    with pytest.raises(InvalidInputError, match="time"):
        anything_of((SourceAccepted,), envelope() | time)
