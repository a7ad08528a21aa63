import pytest

from lambdas.common.errors import InvalidInputError, NotFoundError, TransientError
from lambdas.ingestion import review_handlers, reviews
from lambdas.ingestion.reviews import ReviewDecidedError, ReviewOverError
from tests.lambdas import samples

ADA, BEN = "arn:aws:iam::111122223333:user/ada", "arn:aws:iam::111122223333:user/ben"


@pytest.fixture
def waiting(way, bus, context, answers):
    """A delivery that waits for a person, with the token ``first``."""
    state = way.judge(black_s=6.0)
    bus.envelopes()
    review_handlers.request_review({"delivery": state, "token": "first", "escalated": False}, context)
    return state


@pytest.fixture
def decide(context):
    def call(version, *, approved=True, by=ADA, note="seen"):
        said = {"version_id": version, "approved": approved, "by": by, "note": note}
        return review_handlers.decide_review(said, context)

    return call


def escalate(state, context):
    review_handlers.request_review({"delivery": state, "token": "second", "escalated": True}, context)


def listed(context):
    return review_handlers.list_reviews({}, context)["reviews"]


def test_a_person_is_asked_about_what_needs_a_look(waiting, bus, context):
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "ReviewRequested"
    assert [check["check"] for check in envelope["detail"]["checks"]] == ["black"]
    assert envelope["detail"]["escalated"] is False
    [review] = listed(context)
    assert (review["version_id"], review["title_id"]) == (waiting["version_id"], samples.TITLE)
    assert review["checks"][0]["at"][0]["timecode"] == "00:00:02:00"
    assert "token" not in review, "it is a right to answer"


def test_an_approval_goes_to_the_waiting_execution_and_the_delivery_is_accepted(
    waiting, decide, answers, bus, context, way
):
    bus.envelopes()
    decide(waiting["version_id"])
    [(token, output)] = answers.sent
    assert token == "first"
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "ReviewDecided"
    assert (envelope["detail"]["approved"], envelope["detail"]["by"], envelope["detail"]["note"]) == (True, ADA, "seen")
    assert listed(context) == []
    assert way.accept(waiting | {"review": output})["verdict"] == "accepted"


def test_a_rejection_tells_the_studio_what_the_person_said(waiting, decide, answers, way):
    decide(waiting["version_id"], approved=False, note="the black in reel two is no fade")
    [(_, output)] = answers.sent
    answer = way.reject(waiting | {"review": output})
    assert [found["code"] for found in answer["findings"]] == ["REVIEW_REJECTED", "QC_BLACK"]
    assert answer["findings"][0]["message"] == "the black in reel two is no fade"
    assert "00:00:02:00" in answer["findings"][1]["message"]


@pytest.mark.parametrize("note", ["", "  "])
def test_a_rejection_needs_a_note(waiting, decide, answers, note):
    with pytest.raises(InvalidInputError, match="note"):
        decide(waiting["version_id"], approved=False, note=note)
    assert answers.sent == []


def test_a_version_that_nobody_was_asked_about_is_named(pipeline, decide, answers):
    with pytest.raises(NotFoundError, match="v-unknown"):
        decide("v-unknown")


@pytest.mark.parametrize("second", [True, False])
def test_the_first_answer_counts_and_the_second_is_told_whose_that_was(waiting, decide, answers, second):
    decide(waiting["version_id"], by=ADA)
    with pytest.raises(ReviewDecidedError, match=f"approved already, by {ADA}"):
        decide(waiting["version_id"], approved=second, by=BEN)
    assert [output["by"] for _, output in answers.sent] == [ADA]


def test_of_two_who_decide_at_once_one_is_heard(waiting, decide, answers, monkeypatch):
    read = reviews.ReviewStore.get

    def overtaken(store, version):
        review = read(store, version)
        monkeypatch.setattr(reviews.ReviewStore, "get", read)
        decide(version, approved=False, by=BEN)
        return review

    monkeypatch.setattr(reviews.ReviewStore, "get", overtaken)
    with pytest.raises(ReviewDecidedError, match="somebody else"):
        decide(waiting["version_id"], by=ADA)
    assert [output["by"] for _, output in answers.sent] == [BEN]


def test_an_interrupted_answer_is_finished_by_saying_it_again(waiting, decide, answers, monkeypatch):
    tell = reviews.answer

    def away(*_):
        raise TransientError("throttled")

    monkeypatch.setattr(review_handlers, "answer", away)
    with pytest.raises(TransientError):
        decide(waiting["version_id"])
    monkeypatch.setattr(review_handlers, "answer", tell)
    decide(waiting["version_id"])
    assert [token for token, _ in answers.sent] == ["first"]


def test_nobody_in_time_escalates_and_the_old_token_answers_no_more(waiting, decide, answers, bus, context):
    answers.closed.add("first")
    bus.envelopes()
    escalate(waiting, context)
    [envelope] = bus.envelopes()
    assert (envelope["detail-type"], envelope["detail"]["escalated"]) == ("ReviewRequested", True)
    [review] = listed(context)
    assert review["escalated"] is True
    decide(waiting["version_id"])
    assert [token for token, _ in answers.sent] == ["second"]


def test_an_answer_after_the_time_is_over_is_an_error_and_is_not_lost(waiting, decide, answers, bus, context):
    answers.closed.add("first")
    with pytest.raises(ReviewOverError, match="the answer is kept"):
        decide(waiting["version_id"])
    assert answers.sent == []
    bus.envelopes()
    escalate(waiting, context)
    assert [(token, output["by"]) for token, output in answers.sent] == [("second", ADA)]
    assert bus.envelopes() == [], "nobody has to be asked again"


def test_asking_again_after_a_retry_replaces_the_token(waiting, decide, answers, context):
    again = {"delivery": waiting, "token": "retried", "escalated": False}
    review_handlers.request_review(again, context)
    decide(waiting["version_id"])
    assert [token for token, _ in answers.sent] == ["retried"]


def test_the_most_urgent_comes_first(way, bus, context, answers):
    for hours, delivery in (("long", "one"), ("short", "two")):
        state = way.judge(way.validate(way.read(delivery=delivery)), black_s=6.0)
        request = {"delivery": state, "token": delivery, "escalated": hours == "long"}
        review_handlers.request_review(request, context)
    assert [review["delivery_id"] for review in listed(context)] == ["two", "one"]


def test_a_delivery_that_nobody_judged_cannot_be_reviewed(way, context, answers):
    state = way.validate() | {"verdict": "review"}
    with pytest.raises(NotFoundError, match=r"quality\.json"):
        review_handlers.request_review({"delivery": state, "token": "t", "escalated": False}, context)
