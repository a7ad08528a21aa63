"""A delivery's status: whatever the order, and however often."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.events import (
    DeliveryReceived,
    DeliveryRejected,
    EncodingProgressed,
    EncodingStarted,
    Finding,
    JobCounts,
    PipelineFailed,
    QualityJudged,
    QueueDepth,
    RenditionRejected,
    ReviewDecided,
    ReviewRequested,
    TitlePublished,
    TitleRolledBack,
)
from lambdas.common.keys import Analysis, Workspace
from lambdas.common.media import ObjectRef
from lambdas.common.qc import Complexity, QcCheck, TimeSpan, Verdict
from lambdas.ingestion.notices import TOLD, letter, sentence
from lambdas.ingestion.status import _FURTHER_AND_FURTHER, _KEPT, FOLLOWED, REMEMBERED, Stage, followed, together
from tests.lambdas import samples
from tests.lambdas.ingestion.conftest import COMPLEXITY

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
WHO = {"studio": samples.STUDIO, "delivery_id": samples.DELIVERY, "version_id": samples.VERSION}
BLACK = QcCheck(
    check="black",
    verdict=Verdict.REVIEW,
    measured=6.0,
    unit="s",
    threshold="at most 4 s at a time",
    message="black picture once, at most 6.00 s long",
    at=(
        TimeSpan(
            start_s=2.0,
            end_s=8.0,
            first_frame=48,
            last_frame=191,
            timecode="00:00:02:00",
            still=Analysis(samples.VERSION).still("black-0"),
        ),
    ),
)
FOUND = Finding(code="CHECKSUM_MISMATCH", subject="bunny.mov", message="another checksum", remedy="upload it again")


def progressed(**changes):
    """Half of the chunks are done."""
    values = {
        "title_id": samples.TITLE,
        "at": START,
        "jobs": JobCounts(total=31, done=12, running=8, failed=1),
        "chunks": JobCounts(total=24, done=12, running=8, failed=1),
        "eta": START + timedelta(hours=1),
        "usd": 0.0123,
        "queue": QueueDepth(waiting=5, running=8),
    }
    return EncodingProgressed(**WHO, **(values | changes))


def too_poor(rung="1080p", **changes):
    """A rung that stayed below its floor."""
    pictures = (Workspace(samples.VERSION).picture(f"score/{rung}/00ff", of=of) for of in ("source", "rendition"))
    values = {
        "title_id": samples.TITLE,
        "rung": rung,
        "vmaf_mean": 92.871,
        "vmaf_p5": 80.25,
        "floor_mean": 95.0,
        "floor_p5": 85.0,
        "raised": 4,
        "worst_timecode": "00:00:03:05",
        "worst_vmaf": 61.5,
        "pictures": tuple(ObjectRef(bucket="work", key=key) for key in pictures),
    }
    return RenditionRejected(**WHO, **(values | changes))


def all_of(*statuses):
    return reduce(together, statuses)


def published(cls=TitlePublished, **changes):
    packaged = samples.version_packaged()
    shared = {name: getattr(packaged, name) for name in TitlePublished.model_fields if hasattr(packaged, name)}
    return cls(**(shared | {"revision": 1, "title": samples.TITLE_METADATA} | changes))


EVENTS = {
    "received": DeliveryReceived(
        **WHO,
        title_id=samples.TITLE,
        title_name="Big Buck Bunny",
        priority="licensed",
        delivered_at=START,
        size_bytes=186_000_000,
    ),
    "judged": QualityJudged(
        **WHO,
        title_id=samples.TITLE,
        verdict="review",
        checks=(BLACK,),
        complexity=Complexity.model_validate(COMPLEXITY),
    ),
    "asked": ReviewRequested(**WHO, title_id=samples.TITLE, checks=(BLACK,), until=START + timedelta(hours=48)),
    "decided": ReviewDecided(**WHO, title_id=samples.TITLE, approved=True, by="arn:aws:iam::1:user/anna", note="fine"),
    "rejected": DeliveryRejected(**WHO, findings=(FOUND,)),
    "accepted": samples.source_accepted(),
    "encoding": EncodingStarted(**WHO, title_id=samples.TITLE, rungs=("1080p", "720p"), jobs=8),
    "progressed": progressed(),
    "too poor": too_poor(),
    "another too poor": too_poor("720p", vmaf_mean=78.0, floor_mean=84.9, floor_p5=0.0),
    "packaged": samples.version_packaged(ladder=samples.ladder_report()),
    "published": published(),
    "rolled back": published(
        TitleRolledBack, revision=3, replaced="v2", by="arn:aws:iam::1:user/anna", reason="the sound is out of step"
    ),
    "ingestion failed": PipelineFailed(**WHO, pipeline="ingestion", error="Boom", remedy="We look after it."),
    "encoding failed": PipelineFailed(**WHO, pipeline="encoding", error="Boom", remedy="We look after it."),
}


def news(name, *, minute=0):
    event, at = EVENTS[name], START + timedelta(minutes=minute)
    return followed(event.model_copy(update={"at": at}) if isinstance(event, EncodingProgressed) else event, at=at)


def status(*names):
    return all_of(*(news(name, minute=minute) for minute, name in enumerate(names)))


announcements = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 90)), min_size=1, max_size=20)


def test_every_event_of_a_delivery_is_understood_wherever_it_is_looked_at():
    kinds = {kind.split("/")[0] for kind, _ in _FURTHER_AND_FURTHER}
    assert {event.detail_type() for event in FOLLOWED} == kinds
    assert set(_KEPT) == set(FOLLOWED)
    assert {type(event) for event in EVENTS.values()} == set(FOLLOWED)
    for event in EVENTS.values():
        if type(event) not in REMEMBERED:
            continue
        assert sentence(event).endswith((".", "step")) or ":" in sentence(event)
        if type(event) in TOLD:
            assert letter(event).subject


@given(announcements, st.randoms(use_true_random=False))
def test_the_order_of_events_makes_no_difference(said, random):
    shuffled = random.sample(said, len(said))
    assert all_of(*(news(name, minute=at) for name, at in said)) == all_of(
        *(news(name, minute=at) for name, at in shuffled)
    )


@given(announcements, st.data())
def test_an_event_that_comes_again_changes_nothing(said, data):
    known = all_of(*(news(name, minute=at) for name, at in said))
    name, at = data.draw(st.sampled_from(said))
    assert together(known, news(name, minute=at)) == known


@given(announcements, announcements, announcements)
def test_it_makes_no_difference_what_is_added_first(one, two, three):
    first, second, third = (all_of(*(news(name, minute=at) for name, at in said)) for said in (one, two, three))
    assert together(together(first, second), third) == together(first, together(second, third))


@given(announcements)
def test_no_event_ever_takes_a_delivery_back(said):
    order = [stage for _, stage in _FURTHER_AND_FURTHER]
    known, furthest = None, -1
    for name, at in said:
        known = together(known, news(name, minute=at)) if known else news(name, minute=at)
        rank = max(index for index, stage in enumerate(order) if stage is known.stage)
        assert rank >= furthest or known.stage is Stage.FAILED
        furthest = max(furthest, min(index for index, stage in enumerate(order) if stage is known.stage))


@given(announcements)
def test_the_time_of_a_delivery_is_that_of_its_manifest_where_it_is_known(said):
    known = all_of(*(news(name, minute=at) for name, at in said))
    if {"received", "accepted"} & {name for name, _ in said}:
        assert known.delivered_at == START
    else:
        assert known.delivered_at == START + timedelta(minutes=min(at for _, at in said))


@pytest.mark.parametrize(
    ("names", "stage"),
    [
        (("received",), "received"),
        (("received", "judged"), "judged"),
        (("received", "judged", "asked"), "in_review"),
        (("received", "judged", "asked", "decided"), "in_review"),
        (("received", "rejected"), "rejected"),
        (("received", "judged", "accepted"), "accepted"),
        (("received", "accepted", "encoding"), "encoding"),
        (("received", "accepted", "encoding", "packaged"), "packaged"),
        (("received", "accepted", "encoding", "packaged", "published"), "published"),
        (("received", "published", "rolled back"), "published"),
        # What was repaired goes on.
        (("received", "ingestion failed"), "failed"),
        (("received", "ingestion failed", "accepted"), "accepted"),
        (("received", "ingestion failed", "rejected"), "rejected"),
        (("accepted", "progressed"), "encoding"),
        (("accepted", "encoding", "encoding failed"), "failed"),
        (("accepted", "encoding", "encoding failed", "progressed"), "failed"),
        (("too poor", "encoding failed"), "failed"),
        (("accepted", "too poor"), "encoding"),
        (("encoding", "packaged", "progressed"), "packaged"),
        (("accepted", "encoding", "encoding failed", "packaged"), "packaged"),
        # Only the last to arrive was the first to happen.
        (("published", "received"), "published"),
        # Operators have started it again.
        (("encoding failed", "encoding"), "encoding"),
        (("encoding failed", "encoding", "encoding failed"), "failed"),
    ],
)
def test_a_delivery_is_as_far_as_the_furthest_of_its_events(names, stage):
    assert status(*names).stage.value == stage


def test_a_delivery_is_known_by_what_its_events_say():
    known = status("received", "judged", "asked", "decided", "accepted", "encoding", "packaged", "published")
    assert (known.title_id, known.title_name) == (samples.TITLE, "Big Buck Bunny")
    assert (known.priority, known.size_bytes, known.verdict) == ("licensed", 186_000_000, "review")
    assert known.checks == (BLACK,)
    assert known.complexity.model_dump(mode="json") == COMPLEXITY
    assert known.review.approved is True
    assert known.review.note == "fine"
    assert [rung.rung for rung in known.renditions] == ["1080p"]
    assert known.since == known.updated_at == START + timedelta(minutes=7)


def test_what_was_judged_before_complexity_was_measured_is_told_all_the_same():
    old = followed(EVENTS["judged"], at=START)
    facts = {name: fact for name, fact in old.seen["QualityJudged"].facts.items() if name != "complexity"}
    seen = {"QualityJudged": old.seen["QualityJudged"].model_copy(update={"facts": facts})}
    known = old.model_copy(update={"seen": seen})
    assert (known.checks, known.complexity) == ((BLACK,), None)


def test_who_reviewed_a_delivery_is_not_kept():
    assert "anna" not in status("asked", "decided").model_dump_json()


def test_a_title_is_known_without_the_event_that_names_it_first():
    assert status("published").title_name == "Big Buck Bunny"
    assert status("rejected").title_name is None


def test_a_failure_is_told_while_it_lasts():
    assert status("accepted", "encoding failed").failure.error == "Boom"
    assert status("accepted", "encoding failed", "published").failure is None


def test_every_rung_that_was_rejected_is_told_with_its_worst_frame():
    known = status("accepted", "encoding", "another too poor", "too poor", "encoding failed")
    assert [rejection.rung for rejection in known.rejections] == ["1080p", "720p"]
    said = EVENTS["too poor"]
    assert known.rejections[0].model_dump() == said.model_dump(include={*type(known.rejections[0]).model_fields})
    assert "1080p has VMAF 92.87 and needs 95:" in sentence(said)
    assert "1080p has a 5th percentile of VMAF 80.25 and needs 85:" in sentence(too_poor(vmaf_mean=95.5))


def test_what_was_rejected_before_operators_began_again_is_told_no_more():
    again = ("encoding", "too poor", "encoding failed", "encoding")
    assert status(*again).rejections == ()
    assert status(*again, "encoding failed").rejections == ()
    assert [rejection.rung for rejection in status(*again, "another too poor").rejections] == ["720p"]


def test_a_later_escalation_takes_the_place_of_the_first_request():
    later = EVENTS["asked"].model_copy(update={"escalated": True, "until": START + timedelta(hours=168)})
    first, second = news("asked"), followed(later, at=START + timedelta(hours=48))
    assert together(second, first).review.escalated is True


def test_of_two_publications_the_higher_revision_counts_whenever_it_comes():
    early = followed(published(revision=2), at=START + timedelta(minutes=9))
    late = followed(published(revision=4), at=START)
    assert together(early, late).seen["TitlePublished"].facts["revision"] == 4


@given(st.permutations(range(5)))
def test_of_all_that_is_said_of_progress_the_latest_look_counts_whenever_it_is_heard(order):
    looks = [
        followed(
            progressed(at=START + timedelta(seconds=look), chunks=JobCounts(total=24, done=look, running=0, failed=0)),
            # What was seen last may be heard first.
            at=START + timedelta(minutes=9 - look),
        )
        for look in range(5)
    ]
    known = all_of(*(looks[look] for look in order))
    assert (known.encoding.chunks.done, known.encoding.at) == (4, START + timedelta(seconds=4))


def test_progress_is_told_as_it_was_said():
    encoding = status("encoding", "progressed").encoding
    said = EVENTS["progressed"]
    assert (encoding.jobs, encoding.chunks, encoding.queue) == (said.jobs, said.chunks, said.queue)
    assert (encoding.eta, encoding.usd, encoding.finished) == (said.eta, said.usd, False)
    assert status("encoding").encoding is None


def test_progress_does_not_change_since_when_a_title_is_encoded():
    assert status("encoding", "progressed", "progressed").since == START


@pytest.mark.parametrize(
    "names", [("progressed", "packaged"), ("packaged", "progressed"), ("published", "packaged", "progressed")]
)
def test_what_is_packaged_is_all_done_whatever_was_heard_last(names):
    encoding = status(*names).encoding
    assert encoding.finished
    assert encoding.jobs == JobCounts(total=31, done=31, running=0, failed=0)
    assert encoding.chunks == JobCounts(total=24, done=24, running=0, failed=0)
    assert encoding.eta is None


def test_nobody_says_when_a_failed_encode_will_be_done():
    assert status("progressed", "encoding failed").encoding.eta is None


def test_deliveries_are_not_mixed_up():
    other = followed(EVENTS["rejected"].model_copy(update={"version_id": "v2"}), at=START)
    with pytest.raises(ValueError, match="different deliveries"):
        together(news("received"), other)


def test_a_status_stays_small_however_much_its_events_say():
    spans = BLACK.at * 20
    text = "x" * 300
    judged = QualityJudged(
        **WHO,
        title_id=samples.TITLE,
        verdict="fail",
        checks=(BLACK.model_copy(update={"at": spans, "message": text, "threshold": text}),) * 12,
    )
    finding = Finding(code="C" * 300, subject=text, message=text, remedy=text)
    rejected = DeliveryRejected(**WHO, findings=(finding,) * 51)
    everything = [*(news(name) for name in EVENTS), followed(judged, at=START), followed(rejected, at=START)]
    assert len(all_of(*everything).model_dump_json()) < 300_000
