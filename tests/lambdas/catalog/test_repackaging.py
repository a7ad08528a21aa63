from datetime import timedelta

import pytest

from lambdas.catalog import handlers
from lambdas.catalog.environment import CampaignEnvironment
from lambdas.catalog.models import VersionState
from lambdas.catalog.repackaging import RecordIncompleteError, repackage_of
from lambdas.catalog.rollback import UnknownTitleError
from lambdas.common.bus import EventPublisher
from lambdas.common.events import RepackageRequested
from lambdas.common.versions import is_reencoded
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import TABLE

LATER = samples.DELIVERED_AT + timedelta(hours=1)
NEWER = "vfedcba9876543210"


@pytest.fixture
def said(bus):
    return lambda: [(seen["detail-type"], seen["detail"]) for seen in bus.envelopes()]


@pytest.fixture(autouse=True)
def happens(table, bus, deployed, context, said):
    """Let the catalog hear an event; what it says about it is no matter."""
    deployed(CampaignEnvironment(titles_table=TABLE, event_bus=bus.name))

    def happens(event):
        EventPublisher(bus.name).publish(event)
        [envelope] = bus.envelopes()
        follow = {"SourceAccepted": handlers.on_source_accepted, "VersionPackaged": handlers.on_version_packaged}
        follow[event.detail_type()](envelope, context)
        said()

    return happens


@pytest.fixture
def published(happens):
    happens(samples.source_accepted())
    happens(samples.version_packaged())


@pytest.fixture
def repackage(context, said):
    def repackage(title_id=samples.TITLE, **asked):
        return handlers.repackage({"title_id": title_id, "by": "arn:ops"} | asked, context), said()

    return repackage


@pytest.mark.parametrize("new_keys", [True, False])
def test_a_title_is_packaged_anew_and_the_new_version_becomes_current(published, repackage, happens, store, new_keys):
    answer, [(event, detail)] = repackage(new_keys=new_keys)

    assert event == "RepackageRequested"
    asked = RepackageRequested.model_validate(detail)
    assert (asked.replaces, asked.new_keys, asked.by) == (samples.VERSION, new_keys, "arn:ops")
    version_id = asked.accepted.version_id
    assert is_reencoded(version_id)
    assert asked.accepted == samples.source_accepted(version_id=version_id)
    said = {"title_id": samples.TITLE, "version_id": version_id, "replaces": samples.VERSION}
    assert answer == said | {"new": True, "state": "encoding"}
    assert store.title(samples.TITLE).current_version == samples.VERSION
    happens(samples.version_packaged(version_id=version_id))
    assert store.title(samples.TITLE).current_version == version_id
    assert store.version(title_id=samples.TITLE, version_id=samples.VERSION).state is VersionState.REPLACED


def test_the_same_keys_and_new_ones_make_two_versions(published, repackage):
    assert repackage(new_keys=True)[0]["version_id"] != repackage(new_keys=False)[0]["version_id"]


def test_asked_for_twice_it_is_the_same_version_and_announced_once_more(published, repackage):
    first, [(_, detail)] = repackage()
    second, said = repackage()

    assert second == first | {"new": False}
    assert said == [("RepackageRequested", detail)]


def test_what_a_delivery_has_overtaken_replaces_nothing(published, repackage, happens, store):
    answer, _ = repackage()
    happens(samples.source_accepted(version_id=NEWER, delivered_at=LATER))
    happens(samples.version_packaged(version_id=NEWER))
    happens(samples.version_packaged(version_id=answer["version_id"]))

    assert store.title(samples.TITLE).current_version == NEWER
    made = store.version(title_id=samples.TITLE, version_id=answer["version_id"])
    assert made.state is VersionState.PACKAGED


def test_a_title_that_was_never_published_is_refused(repackage):
    with pytest.raises(UnknownTitleError):
        repackage("never-heard-of")


def test_a_version_of_which_too_little_is_known_is_refused(published, store):
    title = store.title(samples.TITLE)
    version = store.version(title_id=samples.TITLE, version_id=samples.VERSION)
    request = handlers.RepackageRequest(title_id=samples.TITLE, by="arn:ops")

    with pytest.raises(RecordIncompleteError, match="delivered again"):
        repackage_of(request, title=title, version=version.model_copy(update={"thumbnails": None}))
