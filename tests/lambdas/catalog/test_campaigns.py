from datetime import timedelta
from types import SimpleNamespace

import pytest

from lambdas.catalog import handlers
from lambdas.catalog.campaigns import UnknownCampaignError
from lambdas.catalog.environment import CampaignEnvironment
from lambdas.catalog.models import VersionState
from lambdas.common.aws import client
from lambdas.common.bus import EventPublisher
from lambdas.common.errors import InvalidInputError
from lambdas.common.events import ReencodeRequested
from lambdas.common.media import EncodingMode, Priority, TitleMetadata
from lambdas.common.versions import is_reencoded
from tests.lambdas import samples
from tests.lambdas.catalog.conftest import TABLE

LATER = samples.DELIVERED_AT + timedelta(hours=1)
NEWER = "vfedcba9876543210"


@pytest.fixture
def catalog(table, bus, deployed, context):
    """The catalog's functions; what others say, and what it says."""
    deployed(CampaignEnvironment(titles_table=TABLE, event_bus=bus.name))

    def happens(event):
        EventPublisher(bus.name).publish(event)
        [envelope] = bus.envelopes()
        {"SourceAccepted": handlers.on_source_accepted, "VersionPackaged": handlers.on_version_packaged}[
            event.detail_type()
        ](envelope, context)
        return said()

    def said():
        return [(seen["detail-type"], seen["detail"]) for seen in bus.envelopes()]

    def start(*titles, campaign="spring", **asked):
        told = handlers.start_campaign({"campaign": campaign, "titles": titles, "by": "arn:ops"} | asked, context)
        return {title.pop("title_id"): title for title in told["titles"]}, said()

    def show(campaign="spring"):
        told = handlers.show_campaign({"campaign": campaign}, context)
        return [(version["version_id"], version["replaces"], version["state"]) for version in told["versions"]]

    def publish(title_id=samples.TITLE, **packaged):
        title = TitleMetadata(title_id=title_id, name=title_id.title())
        version = packaged.setdefault("version_id", samples.VERSION)
        happens(samples.source_accepted(title=title, version_id=version, delivered_at=packaged.pop("at", LATER)))
        happens(samples.version_packaged(title_id=title_id, **packaged))

    return SimpleNamespace(happens=happens, start=start, show=show, publish=publish)


def current(store, title_id=samples.TITLE):
    return store.title(title_id).current_version


def test_a_title_is_encoded_anew_from_the_source_it_has_and_then_current(catalog, store):
    source = samples.source_accepted()
    catalog.happens(source)
    catalog.happens(samples.version_packaged())
    told, [(event, detail)] = catalog.start(samples.TITLE)
    assert event == "ReencodeRequested"
    asked = ReencodeRequested.model_validate(detail)
    assert (asked.campaign, asked.replaces, asked.off_peak, asked.by) == ("spring", samples.VERSION, True, "arn:ops")
    assert told == {samples.TITLE: {"outcome": "asked", "version_id": asked.accepted.version_id, "message": ""}}
    assert is_reencoded(asked.accepted.version_id)
    assert asked.accepted.priority is Priority.CAMPAIGN
    same = {"version_id", "priority"}
    assert asked.accepted.model_dump(exclude=same) == source.model_dump(exclude=same)
    version_id = asked.accepted.version_id
    assert catalog.show() == [(version_id, samples.VERSION, "encoding")]
    [(event, detail)] = catalog.happens(samples.version_packaged(version_id=version_id))
    assert (event, detail["version_id"], detail["revision"]) == ("TitlePublished", version_id, 2)
    assert current(store) == version_id
    assert catalog.show() == [(version_id, samples.VERSION, "published")]
    states = {version.version_id: version.state for version in store.versions(samples.TITLE)}
    assert states[samples.VERSION] is VersionState.REPLACED


def test_the_same_campaign_again_encodes_nothing_twice(catalog, store):
    catalog.publish()
    first, [(_, event)] = catalog.start(samples.TITLE)
    again, [(_, repeated)] = catalog.start(samples.TITLE)
    message = again[samples.TITLE].pop("message")
    assert "asked for before under this campaign, and when it begins was decided then" in message
    assert repeated == event  # the workflow begins a version once
    version_id = first[samples.TITLE]["version_id"]
    assert again[samples.TITLE] == {"outcome": "known", "version_id": version_id}
    hurried, _ = catalog.start(samples.TITLE, now=True)
    assert hurried[samples.TITLE] == {"outcome": "known", "version_id": version_id, "message": message}
    catalog.happens(samples.version_packaged(version_id=version_id))
    done, said = catalog.start(samples.TITLE)
    assert (done[samples.TITLE]["outcome"], done[samples.TITLE]["version_id"], said) == ("known", version_id, [])
    assert len(store.versions(samples.TITLE)) == 2
    other, [(_, event)] = catalog.start(samples.TITLE, campaign="autumn")
    assert (other[samples.TITLE]["outcome"], event["replaces"]) == ("asked", version_id)


def test_a_newer_delivery_is_never_replaced_whichever_is_ready_first(catalog, store):
    catalog.publish()
    told, _ = catalog.start(samples.TITLE)
    anew = told[samples.TITLE]["version_id"]
    catalog.publish(version_id=NEWER, at=LATER + timedelta(hours=1))
    assert catalog.happens(samples.version_packaged(version_id=anew)) == []
    assert current(store) == NEWER
    assert catalog.show() == [(anew, samples.VERSION, "packaged")]


def test_a_newer_delivery_replaces_what_a_campaign_made(catalog, store):
    catalog.publish()
    told, _ = catalog.start(samples.TITLE)
    catalog.happens(samples.version_packaged(version_id=told[samples.TITLE]["version_id"]))
    catalog.publish(version_id=NEWER, at=LATER + timedelta(hours=1))
    assert current(store) == NEWER


def test_of_many_titles_each_is_told_and_one_that_was_never_published_stops_none(catalog):
    catalog.publish("first")
    catalog.publish("second", version_id=NEWER)
    told, said = catalog.start("first", "nothing", "second", "first", now=True)
    assert {title: each["outcome"] for title, each in told.items()} == {
        "first": "asked",
        "nothing": "refused",
        "second": "asked",
    }
    assert "never published" in told["nothing"]["message"]
    assert [(detail["accepted"]["title"]["title_id"], detail["off_peak"]) for _, detail in said] == [
        ("first", False),
        ("second", False),
    ]
    assert len(catalog.show()) == 2


def test_what_was_made_in_degraded_mode_is_found_and_nothing_else(catalog):
    catalog.publish("good")
    catalog.publish("hasty", version_id=NEWER, mode=EncodingMode.DEGRADED)
    told, said = catalog.start(degraded=True)
    assert (list(told), len(said)) == (["hasty"], 1)
    anew = told["hasty"]["version_id"]
    catalog.happens(samples.version_packaged(title_id="hasty", version_id=anew))
    assert catalog.start(degraded=True, campaign="autumn") == ({}, [])


def test_a_version_of_before_there_were_campaigns_is_refused(catalog, table):
    catalog.publish()
    key = {"pk": f"TITLE#{samples.TITLE}", "sk": f"VERSION#{samples.VERSION}"}
    table.update_item(
        Key=key,
        UpdateExpression="REMOVE thumbnails, subtitles, fixity, campaign, #r",
        ExpressionAttributeNames={"#r": "replaces"},
    )
    told, said = catalog.start(samples.TITLE)
    assert (told[samples.TITLE]["outcome"], said) == ("refused", [])
    assert "delivered again" in told[samples.TITLE]["message"]


def test_an_interrupted_campaign_goes_on_where_it_was(catalog, store, monkeypatch):
    catalog.publish()
    lost = RuntimeError("the function ended here")
    with monkeypatch.context() as patch:
        patch.setattr(EventPublisher, "publish", lambda *_: (_ for _ in ()).throw(lost))
        with pytest.raises(RuntimeError):
            catalog.start(samples.TITLE)
    told, said = catalog.start(samples.TITLE)
    assert (told[samples.TITLE]["outcome"], len(said)) == ("known", 1)


@pytest.mark.parametrize("asked", [{"titles": []}, {"titles": ["No Slug"]}, {"titles": ["t"] * 501}, {"by": ""}])
def test_a_campaign_of_nothing_is_refused(catalog, asked):
    with pytest.raises(InvalidInputError):
        catalog.start("film", **asked)


def test_a_campaign_that_nobody_began_is_not_known(catalog):
    with pytest.raises(UnknownCampaignError, match="marquee campaign start"):
        catalog.show("summer")
    assert client("dynamodb").scan(TableName=TABLE)["Count"] == 0
