import json
from datetime import timedelta

import pytest

from lambdas.catalog import handlers
from lambdas.catalog.changes import NotVerifiedError, announcement
from lambdas.catalog.environment import PublishEnvironment
from lambdas.catalog.models import VersionState
from lambdas.catalog.publishing import publication
from lambdas.common.bus import EventPublisher
from lambdas.common.errors import ConflictError, InvalidInputError, TransientError
from lambdas.common.media import TitleMetadata
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import NOW, TABLE

SECOND = "vfedcba9876543210"
LATER = samples.DELIVERED_AT + timedelta(hours=1)


@pytest.fixture
def happens(table, bus, deployed, context):
    """Let an event of another context happen; return what the catalog announces after it."""
    deployed(PublishEnvironment(titles_table=TABLE, event_bus=bus.name))
    handler = {
        "SourceAccepted": handlers.on_source_accepted,
        "VersionPackaged": handlers.on_version_packaged,
    }

    def run(event):
        EventPublisher(bus.name).publish(event)
        [envelope] = bus.envelopes()
        handler[event.detail_type()](envelope, context)
        return [(seen["detail-type"], seen["detail"]["version_id"]) for seen in bus.envelopes()]

    return run


def listed(context, **query):
    event = {"requestContext": {"requestId": "r"}, "queryStringParameters": query or None}
    answer = handlers.list_titles(event, context)
    assert answer["statusCode"] == 200
    return json.loads(answer["body"])["titles"]


def audit(table):
    items = table.scan(ConsistentRead=True)["Items"]
    return sorted((item for item in items if item["sk"].startswith("AUDIT#")), key=lambda item: item["sk"])


def test_a_childs_profile_is_shown_what_is_rated_for_it(happens, context):
    accepted = samples.source_accepted()
    rated = accepted.model_copy(update={"title": accepted.title.model_copy(update={"min_age": 7})})
    happens(rated)
    happens(samples.version_packaged())

    assert [len(listed(context, max_age=age)) for age in ("6", "7", "12")] == [0, 1, 1]
    assert listed(context)[0]["min_age"] == 7


def test_an_episode_is_listed_and_announced_with_its_place(happens, context, store):
    place = {"series_id": "the-meadow", "name": "The Meadow", "season": 1, "episode": 2}
    accepted = samples.source_accepted(title={**samples.TITLE_METADATA.model_dump(), "series": place})
    happens(accepted)
    happens(samples.version_packaged())

    assert listed(context)[0]["series"] == place
    version = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    assert announcement(store.last_change(samples.TITLE), version=version).title == accepted.title


def test_a_film_is_published_listed_and_announced(happens, table, context):
    assert happens(samples.source_accepted()) == []
    assert listed(context) == []
    assert happens(samples.version_packaged()) == [("TitlePublished", samples.VERSION)]
    assert listed(context) == [
        {
            "title_id": samples.TITLE,
            "name": "Big Buck Bunny",
            "synopsis": "",
            "year": 2008,
            "credit": "Blender Foundation",
            "min_age": None,
            "series": None,
            "duration_s": 25.04,
            "version_id": samples.VERSION,
            "poster": f"/art/{samples.TITLE}/{samples.VERSION}/poster.jpg",
        }
    ]
    [record] = audit(table)
    assert (record["version_id"], record["previous_version"]) == (samples.VERSION, None)


def test_what_the_studio_delivered_is_kept_with_the_version(happens, store):
    source = samples.source_accepted()
    happens(source)
    version = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    assert version.state is VersionState.ENCODING
    for name in ("facts", "rights", "title", "media", "analysis", "priority", "delivered_at", "delivery_id"):
        assert getattr(version, name) == getattr(source, name), name
    happens(samples.version_packaged())
    version = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    assert version.packaged == samples.version_packaged()
    assert version.packaged_at == version.published_at


def deliver(happens, *versions):
    """Accept versions, each an hour after the one before."""
    for hours, version in enumerate(versions):
        at = samples.DELIVERED_AT + timedelta(hours=hours)
        happens(samples.source_accepted(version_id=version, delivered_at=at))


def test_a_second_version_replaces_the_first_and_the_audit_says_so(happens, table, context, store):
    deliver(happens, samples.VERSION, SECOND)
    for version in (samples.VERSION, SECOND):
        assert happens(samples.version_packaged(version_id=version)) == [("TitlePublished", version)]
    [title] = listed(context)
    assert title["version_id"] == SECOND
    assert [record["previous_version"] for record in audit(table)] == [None, samples.VERSION]
    states = {version.version_id: version.state for version in store.versions(samples.TITLE)}
    assert states == {samples.VERSION: VersionState.REPLACED, SECOND: VersionState.PUBLISHED}


def test_an_older_delivery_that_is_ready_later_replaces_nothing(happens, table, context, store):
    deliver(happens, samples.VERSION, SECOND)
    assert happens(samples.version_packaged(version_id=SECOND)) == [("TitlePublished", SECOND)]
    for _ in range(2):
        assert happens(samples.version_packaged()) == []
    assert [title["version_id"] for title in listed(context)] == [SECOND]
    assert len(audit(table)) == 1
    kept = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    assert (kept.state, kept.verified, kept.published_at) == (VersionState.PACKAGED, True, None)


def test_of_two_deliveries_at_one_moment_the_version_decides(happens, context):
    for version in (SECOND, samples.VERSION):
        happens(samples.source_accepted(version_id=version))
    assert samples.VERSION < SECOND
    assert happens(samples.version_packaged(version_id=SECOND)) == [("TitlePublished", SECOND)]
    assert happens(samples.version_packaged()) == []


@pytest.mark.parametrize("verification", [None, {"verified": False, "checked_at": NOW, "objects": 3}])
def test_what_is_not_verified_is_not_published(happens, table, store, verification):
    happens(samples.source_accepted())
    with pytest.raises(NotVerifiedError, match="did not pass the check"):
        happens(samples.version_packaged(verification=verification))
    assert store.title(samples.TITLE) is None
    assert audit(table) == []
    assert happens(samples.version_packaged()) == [("TitlePublished", samples.VERSION)]


def test_every_event_may_come_twice(happens, table, context):
    for _ in range(2):
        happens(samples.source_accepted())
    for _ in range(2):
        assert happens(samples.version_packaged()) == [("TitlePublished", samples.VERSION)]
    happens(samples.source_accepted())
    assert len(audit(table)) == 1
    assert [title["version_id"] for title in listed(context)] == [samples.VERSION]


def test_a_late_duplicate_does_not_bring_a_replaced_version_back(happens, context):
    deliver(happens, samples.VERSION, SECOND)
    for version in (samples.VERSION, SECOND):
        happens(samples.version_packaged(version_id=version))
    assert happens(samples.version_packaged()) == []
    assert [title["version_id"] for title in listed(context)] == [SECOND]


def test_an_announcement_that_was_lost_is_made_up_for(happens, store):
    happens(samples.source_accepted())
    version = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    store.apply(publication(samples.version_packaged(), version=version, title=None), at=NOW)
    assert happens(samples.version_packaged()) == [("TitlePublished", samples.VERSION)]


def test_a_version_that_overtakes_its_source_is_tried_again(happens, table):
    with pytest.raises(TransientError):
        happens(samples.version_packaged())
    assert table.scan()["Items"] == []
    happens(samples.source_accepted())
    assert happens(samples.version_packaged()) == [("TitlePublished", samples.VERSION)]


def test_another_studios_version_of_a_title_is_not_published(happens, context):
    happens(samples.source_accepted())
    happens(samples.version_packaged())
    happens(samples.source_accepted(version_id=SECOND, studio="pixar"))
    with pytest.raises(ConflictError):
        happens(samples.version_packaged(version_id=SECOND, studio="pixar"))
    assert [title["version_id"] for title in listed(context)] == [samples.VERSION]


def test_a_detail_that_does_not_fit_is_refused(happens, bus, table, context):
    EventPublisher(bus.name).publish(samples.source_accepted())
    [envelope] = bus.envelopes()
    with pytest.raises(InvalidInputError, match="hdr"):
        handlers.on_source_accepted(envelope | {"detail": envelope["detail"] | {"hdr": True}}, context)
    assert table.scan()["Items"] == []


class TestRace:
    """Two publications that have both read the same state: one wins, and nothing of the other is written."""

    @pytest.fixture
    def versions(self, store):
        for version in (samples.VERSION, SECOND):
            store.add_version(samples.source_accepted(version_id=version), at=NOW)
        return [store.version(title_id=samples.TITLE, version_id=v) for v in (samples.VERSION, SECOND)]

    def publish(self, store, version, before, at=NOW):
        packaged = samples.version_packaged(version_id=version.version_id)
        return store.apply(publication(packaged, version=version, title=before), at=at)

    def test_of_the_first_version(self, store, versions, table):
        winner, loser = versions
        self.publish(store, winner, None)
        with pytest.raises(TransientError):
            self.publish(store, loser, None)
        self.only_the_winner_is_published(store, winner, loser, table)

    def test_of_a_later_version(self, store, versions, table):
        winner, loser = versions
        third = "v0000000000000003"
        store.add_version(samples.source_accepted(version_id=third), at=NOW)
        self.publish(store, store.version(title_id=samples.TITLE, version_id=third), None)
        before = store.title(samples.TITLE)
        self.publish(store, winner, before)
        with pytest.raises(TransientError):
            self.publish(store, loser, before)
        self.only_the_winner_is_published(store, winner, loser, table)

    def test_of_the_same_version_with_itself(self, store, versions, table):
        winner, _ = versions
        self.publish(store, winner, None)
        with pytest.raises(TransientError):
            self.publish(store, winner, store.title(samples.TITLE), at=NOW + timedelta(seconds=1))
        assert len(audit(table)) == 1

    def test_the_loser_wins_when_it_has_read_again(self, store, versions):
        winner, loser = versions
        self.publish(store, winner, None)
        self.publish(store, loser, store.title(samples.TITLE))
        assert store.title(samples.TITLE).current_version == loser.version_id
        assert store.title(samples.TITLE).revision == 2

    def test_with_a_version_that_is_only_kept(self, store, versions):
        winner, loser = versions
        self.publish(store, winner, None)
        packaged = samples.version_packaged(version_id=loser.version_id)
        store.keep(packaged, version=loser, at=NOW)
        with pytest.raises(TransientError):
            store.keep(packaged, version=loser, at=NOW)
        with pytest.raises(TransientError):
            self.publish(store, loser, store.title(samples.TITLE))

    def only_the_winner_is_published(self, store, winner, loser, table):
        assert store.title(samples.TITLE).current_version == winner.version_id
        assert store.version(title_id=samples.TITLE, version_id=loser.version_id).state == "encoding"
        assert loser.version_id not in {record["version_id"] for record in audit(table)}


def test_titles_are_listed_by_name_from_all_pages(happens, table, context, store):
    happens(samples.source_accepted())
    names = [f"Film {n:03}" for n in range(30)]
    for n, name in enumerate(reversed(names)):
        metadata = TitleMetadata(title_id=f"film-{n}", name=name, synopsis="x" * 1900)
        source = samples.source_accepted(title=metadata)
        store.add_version(source, at=NOW)
        version = store.version(title_id=f"film-{n}", version_id=samples.VERSION)
        packaged = samples.version_packaged(title_id=f"film-{n}", poster="art/" + "y" * 40_000)
        store.apply(publication(packaged, version=version, title=None), at=NOW)
    titles = listed(context)
    assert [title["name"] for title in titles] == names
    assert titles[0]["year"] is None
