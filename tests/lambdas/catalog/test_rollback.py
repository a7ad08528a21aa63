"""An operator rolls a title back: to what is ready, good and there, once, and with a record of it."""

from datetime import timedelta

import pytest

from lambdas.catalog import handlers
from lambdas.catalog.changes import NotPackagedError, NotVerifiedError
from lambdas.catalog.environment import RollbackEnvironment
from lambdas.catalog.models import VersionState
from lambdas.catalog.publishing import next_step, publication
from lambdas.catalog.rollback import MediaGoneError, UnknownTitleError, UnknownVersionError
from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError, TransientError
from lambdas.common.events import TitleRolledBack
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import NOW, TABLE
from tests.lambdas.cloud import put

FIRST, SECOND, THIRD = "v0000000000000001", "v0000000000000002", "v0000000000000003"
OPERATOR = "arn:aws:iam::123456789012:user/ana"


@pytest.fixture
def media(aws):
    client("s3").create_bucket(Bucket="media")
    return "media"


@pytest.fixture
def operator(store, bus, media, deployed, context):
    """Roll back, as an operator's call of the function does."""
    deployed(RollbackEnvironment(titles_table=TABLE, media_bucket=media, event_bus=bus.name))

    def run(to, **more):
        return handlers.rollback(
            {"title_id": samples.TITLE, "to": to, "by": OPERATOR, "reason": "blurred"} | more, context
        )

    return run


@pytest.fixture
def deliver(store, media):
    """Accept a version, an hour after the one before."""

    def run(version):
        at = samples.DELIVERED_AT + timedelta(hours=int(version[1:]))
        store.add_version(samples.source_accepted(version_id=version, delivered_at=at), at=NOW)

    return run


@pytest.fixture
def publish(store, media, deliver):
    """Deliver and publish versions, one after the other."""

    def run(*versions, **changes):
        for version in versions:
            deliver(version)
            packaged = samples.version_packaged(version_id=version, **changes)
            known = store.version(title_id=samples.TITLE, version_id=version)
            store.apply(publication(packaged, version=known, title=store.title(samples.TITLE)), at=NOW)
            for key in (packaged.manifests.dash, packaged.manifests.hls):
                put(bucket=media, key=key, body=b"manifest")

    return run


def states(store):
    return {version.version_id: version.state for version in store.versions(samples.TITLE)}


def test_an_earlier_version_is_current_again_and_everybody_is_told(publish, operator, store, bus):
    publish(FIRST, SECOND)
    answer = operator(FIRST)
    assert answer == {
        "title_id": samples.TITLE,
        "version_id": FIRST,
        "revision": 3,
        "replaced": SECOND,
        "changed": True,
    }
    title = store.title(samples.TITLE)
    assert (title.current_version, title.revision) == (FIRST, 3)
    assert states(store) == {FIRST: VersionState.PUBLISHED, SECOND: VersionState.WITHDRAWN}
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "TitleRolledBack"
    event = TitleRolledBack.model_validate(envelope["detail"])
    assert (event.version_id, event.revision, event.replaced) == (FIRST, 3, SECOND)
    assert (event.by, event.reason) == (OPERATOR, "blurred")
    assert event.manifests == samples.version_packaged(version_id=FIRST).manifests
    *_, record = store.audit_trail(samples.TITLE)
    assert (record.action, record.version_id, record.previous_version) == ("rollback", FIRST, SECOND)
    assert (record.by, record.reason, record.revision) == (OPERATOR, "blurred", 3)


def test_the_viewers_catalog_follows(publish, operator, store):
    publish(FIRST)
    publish(SECOND, poster="art/second.jpg")
    operator(FIRST)
    [listed] = store.published()
    assert (listed.version_id, listed.poster) == (FIRST, samples.version_packaged(version_id=FIRST).poster)


def test_asking_again_changes_nothing_and_repeats_the_announcement(publish, operator, store, bus):
    publish(FIRST, SECOND)
    operator(FIRST)
    [told] = bus.envelopes()
    before = store.audit_trail(samples.TITLE)
    answer = operator(FIRST, by="arn:aws:iam::123456789012:user/bob", reason="other")
    assert (answer["changed"], answer["version_id"], answer["revision"]) == (False, FIRST, 3)
    assert store.audit_trail(samples.TITLE) == before
    [again] = bus.envelopes()
    assert (again["detail-type"], again["detail"]) == (told["detail-type"], told["detail"])


def test_asking_for_what_was_published_last_repeats_its_publication(publish, operator, bus):
    publish(FIRST)
    assert operator(FIRST)["changed"] is False
    [envelope] = bus.envelopes()
    assert (envelope["detail-type"], envelope["detail"]["revision"]) == ("TitlePublished", 1)


def test_a_rollback_can_be_rolled_back(publish, operator, store):
    publish(FIRST, SECOND)
    operator(FIRST)
    assert operator(SECOND)["revision"] == 4
    assert states(store) == {FIRST: VersionState.WITHDRAWN, SECOND: VersionState.PUBLISHED}


def test_what_was_delivered_before_the_withdrawn_version_does_not_undo_the_rollback(publish, deliver, operator, store):
    publish(FIRST)
    deliver(SECOND)
    publish(THIRD)
    operator(FIRST)
    packaged = samples.version_packaged(version_id=SECOND)
    late = store.version(title_id=samples.TITLE, version_id=SECOND)
    assert next_step(packaged, version=late, title=store.title(samples.TITLE)).name == "KEEP"


def test_a_newer_delivery_is_published_after_a_rollback(publish, operator, store):
    publish(FIRST, SECOND)
    operator(FIRST)
    publish(THIRD)
    assert store.title(samples.TITLE).current_version == THIRD
    assert states(store)[FIRST] is VersionState.REPLACED


def test_a_version_that_was_only_kept_can_be_rolled_to(publish, deliver, operator, store, media):
    deliver(FIRST)
    publish(SECOND)
    packaged = samples.version_packaged(version_id=FIRST)
    store.keep(packaged, version=store.version(title_id=samples.TITLE, version_id=FIRST), at=NOW)
    for key in (packaged.manifests.dash, packaged.manifests.hls):
        put(bucket=media, key=key, body=b"manifest")
    assert operator(FIRST)["replaced"] == SECOND


def test_what_cannot_be_shown_is_refused_with_the_remedy(publish, deliver, operator, store, bus, media):
    publish(FIRST, SECOND)
    deliver(THIRD)
    with pytest.raises(UnknownTitleError, match="`marquee titles`"):
        operator(FIRST, title_id="no-such-title")
    with pytest.raises(UnknownVersionError, match=f"`marquee versions {samples.TITLE}`"):
        operator("v-none")
    with pytest.raises(NotPackagedError, match="wait for its encode"):
        operator(THIRD)
    client("s3").delete_object(Bucket=media, Key=samples.version_packaged(version_id=FIRST).manifests.hls)
    with pytest.raises(MediaGoneError, match="deliver the version again"):
        operator(FIRST)
    for wrong in ({"by": ""}, {"reason": "x" * 501}, {"title_id": "../x"}, {"more": 1}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            operator(FIRST, **wrong)
    assert store.title(samples.TITLE).current_version == SECOND
    assert len(store.audit_trail(samples.TITLE)) == 2
    assert bus.envelopes() == []


def test_what_was_not_verified_cannot_be_rolled_to(publish, deliver, operator, store):
    deliver(FIRST)
    publish(SECOND)
    packaged = samples.version_packaged(version_id=FIRST, verification=None)
    store.keep(packaged, version=store.version(title_id=samples.TITLE, version_id=FIRST), at=NOW)
    with pytest.raises(NotVerifiedError):
        operator(FIRST)


def test_of_a_rollback_and_a_publication_at_once_one_wins(publish, deliver, operator, store, monkeypatch):
    publish(FIRST, SECOND)
    deliver(THIRD)

    def meanwhile(*_args, **_options):
        publish(THIRD)
        return True

    monkeypatch.setattr(handlers, "in_place", meanwhile)
    with pytest.raises(TransientError):
        operator(FIRST)
    assert store.title(samples.TITLE).current_version == THIRD
    assert [record.version_id for record in store.audit_trail(samples.TITLE)] == [FIRST, SECOND, THIRD]


def test_an_operator_sees_the_versions_and_who_changed_what(publish, deliver, operator, context):
    publish(FIRST, SECOND)
    deliver(THIRD)
    operator(FIRST)
    seen = handlers.versions({"title_id": samples.TITLE}, context)
    assert (seen["current_version"], seen["revision"]) == (FIRST, 3)
    rows = {row["version_id"]: row for row in seen["versions"]}
    assert list(rows) == [THIRD, SECOND, FIRST]
    assert [rows[version]["state"] for version in rows] == ["encoding", "withdrawn", "published"]
    assert (rows[FIRST]["verified"], rows[FIRST]["vmaf_top"]) == (True, 95.1)
    assert (rows[THIRD]["verified"], rows[THIRD]["vmaf_top"], rows[THIRD]["published_at"]) == (False, None, None)
    assert rows[FIRST]["rights"] == [samples.RIGHTS.model_dump(mode="json")]
    assert [(record["action"], record["by"]) for record in seen["audit"]] == [
        ("publish", "catalog"),
        ("publish", "catalog"),
        ("rollback", OPERATOR),
    ]


def test_the_ladder_is_kept_with_its_version_whatever_is_published_afterwards(publish, deliver, operator, context):
    found, other = samples.ladder_report(), samples.ladder_report(search_frames=1200)
    publish(FIRST, ladder=found)
    publish(SECOND, ladder=other)
    deliver(THIRD)
    seen = handlers.versions({"title_id": samples.TITLE}, context)
    rows = {row["version_id"]: row for row in seen["versions"]}
    assert rows[FIRST]["ladder"] == found.model_dump(mode="json")
    assert rows[SECOND]["ladder"] == other.model_dump(mode="json")
    assert (rows[THIRD]["ladder"], rows[THIRD]["renditions"]) == (None, [])
    [measured] = samples.version_packaged().renditions
    assert rows[FIRST]["renditions"] == [measured.model_dump(mode="json")]


def test_an_unknown_title_has_no_versions(operator, context):
    with pytest.raises(UnknownTitleError, match="no version of 'no-such-title'"):
        handlers.versions({"title_id": "no-such-title"}, context)
