"""Deliveries that a person has to look at: they wait, one answer counts, and nobody is forgotten."""

import json

import pytest

from sandbox.operating import OperationError, caller, operate

pytestmark = pytest.mark.embedded

NOTE = "The black in the first reel is no fade."


@pytest.fixture(scope="module")
def waiting(platform, clips, nothing_is_encoded, tmp_path_factory):
    """Two deliveries with five seconds of black, by name; each waits for a person."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    versions = {}
    for name in ("black-and-meant", "black-by-mistake"):
        files = {FEATURE: clips.black_for_five_seconds}
        folder = tmp_path_factory.mktemp(name)
        delivery = send(platform.up, name=name, files=files, manifest=manifest_of(name, files), folder=folder)
        versions[name] = platform.version_of(delivery)
    for version in versions.values():
        platform.bus.event("ReviewRequested", version_id=version)
    return versions


def _decide(platform, version, *, approved, note=""):
    deployed = platform.up.platform
    said = {"version_id": version, "approved": approved, "by": caller(deployed), "note": note}
    return operate(deployed, said, context="ingestion", output="DecideReviewFunction")


def _listed(platform):
    reviews = operate(platform.up.platform, {}, context="ingestion", output="ListReviewsFunction")["reviews"]
    return {review["version_id"]: review for review in reviews}


def test_an_operator_sees_what_waits_and_why(platform, waiting):
    review = _listed(platform)[waiting["black-and-meant"]]
    assert (review["studio"], review["delivery_id"], review["escalated"]) == ("blender", "black-and-meant", False)
    [black] = review["checks"]
    assert (black["check"], black["unit"]) == ("black", "s")
    assert black["measured"] == pytest.approx(5, abs=1 / 25)
    assert black["at"][0]["timecode"] == "00:00:01:00"


def test_an_approved_delivery_goes_on(platform, waiting):
    version = waiting["black-and-meant"]
    _decide(platform, version, approved=True)
    execution = platform.ended("ingestion", version)
    assert platform.way(execution)[-4:] == ["Approved?", "Accept", "Still free?", "Accepted"]
    platform.bus.event("SourceAccepted", version_id=version)
    assert platform.bus.event("ReviewDecided", version_id=version)["by"].startswith("arn:aws:")
    assert version not in _listed(platform)
    with pytest.raises(OperationError, match=r"ReviewDecidedError: .* approved already"):
        _decide(platform, version, approved=False, note=NOTE)


def test_a_rejected_delivery_goes_back_with_the_note(platform, waiting):
    version = waiting["black-by-mistake"]
    _decide(platform, version, approved=False, note=NOTE)
    execution = platform.ended("ingestion", version)
    assert platform.way(execution)[-2:] == ["Reject", "Rejected"]
    letter = platform.letters.event("DeliveryRejected", version_id=version)
    said, shown = letter["findings"]
    assert (said["code"], said["message"]) == ("REVIEW_REJECTED", NOTE)
    assert shown["code"] == "QC_BLACK"
    assert "00:00:01:00" in shown["message"]
    assert version not in platform.executions("encoding")


def test_the_same_film_in_another_delivery_is_recorded_and_not_kept(platform, waiting, deliver, clips):
    first = platform.bus.event("SourceAccepted", version_id=waiting["black-and-meant"])
    delivery = deliver("black-once-more", clips.black_for_five_seconds)
    version = platform.version_of(delivery)
    platform.bus.event("ReviewRequested", version_id=version)
    _decide(platform, version, approved=True)
    accepted = platform.bus.event("SourceAccepted", version_id=version)
    assert accepted["media"] == first["media"]
    raw = {"Bucket": platform.output("ingestion", "RawBucket")}

    def disposition(key):
        return platform.client("s3").get_object_tagging(**raw, Key=key)["TagSet"]

    assert disposition(first["media"]["key"]) == [{"Key": "marquee:disposition", "Value": "accepted"}]
    assert disposition(delivery.file("feature.mov")) == [{"Key": "marquee:disposition", "Value": "duplicate"}]


def test_a_review_that_nobody_answers_in_time_is_escalated(platform, waiting):
    """The deployed states, but for the time-out: it is two seconds in place of days."""
    states = platform.client("stepfunctions")
    deployed = states.describe_state_machine(stateMachineArn=platform.output("ingestion", "WorkflowArn"))
    hurried = json.loads(deployed["definition"])
    hurried["States"]["Wait for a review"]["TimeoutSeconds"] = 2
    machine = states.create_state_machine(name="hurried", definition=json.dumps(hurried), roleArn=deployed["roleArn"])[
        "stateMachineArn"
    ]
    given = json.loads(platform.ended("ingestion", waiting["black-by-mistake"])["input"])
    version = "v000000000000c1ce"
    execution = states.start_execution(
        stateMachineArn=machine, name=version, input=json.dumps(given | {"version_id": version})
    )["executionArn"]
    platform.bus.event("ReviewRequested", version_id=version, escalated=True)
    assert len(platform.bus.events("ReviewRequested", version_id=version)) == 2
    assert _listed(platform)[version]["escalated"] is True
    _decide(platform, version, approved=False, note=NOTE)
    platform.letters.event("DeliveryRejected", version_id=version)
    way = platform.way({"executionArn": execution})
    assert way[way.index("Wait for a review") :][:3] == ["Wait for a review", "Escalate", "Approved?"]


def test_an_answer_for_what_never_waited_is_refused(platform):
    with pytest.raises(OperationError, match="NotFoundError: nobody was asked"):
        _decide(platform, "v0000000000000000", approved=True)
