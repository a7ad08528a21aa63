"""Events arrive at least once: whatever arrives again changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.platform.viewer import TITLE
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

TIMES = 4


@pytest.fixture(scope="module")
def version(published):
    return published.outcome.version_id


def _again(platform, context, function, event):
    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(lambda _: platform.invoke(context, function, event), range(TIMES)))


def test_a_manifest_that_is_announced_again_at_once_is_ingested_once(platform, deliver):
    delivery = deliver("announced-again", b"no film, but that is found out once only")
    arrival = platform.arrival(delivery)
    version = platform.version_of(delivery)
    assert _again(platform, "ingestion", "Start", arrival) == [{"version_id": version}] * TIMES
    platform.ended("ingestion", version)
    # Its name is used up: an announcement that is late by hours changes nothing either.
    assert _again(platform, "ingestion", "Start", arrival) == [{"version_id": version}] * TIMES
    assert platform.executions("ingestion").count(version) == 1
    platform.letters.event("DeliveryRejected", version_id=version)
    given = [platform.version_of(delivery) for event in platform.arrivals.all()]
    assert set(given) == {version}
    assert len(platform.letters.events("DeliveryRejected", version_id=version)) == 1


def test_a_source_that_is_accepted_again_is_encoded_once(platform, version):
    event = platform.bus.first(
        lambda event: event["detail-type"] == "SourceAccepted" and event["detail"]["version_id"] == version,
        what="SourceAccepted",
    )
    before = platform.catalog(TITLE)
    _again(platform, "encoding", "Start", event)
    _again(platform, "catalog", "RecordVersion", event)
    assert platform.executions("encoding").count(version) == 1
    assert platform.catalog(TITLE) == before


def test_a_version_that_is_packaged_again_is_published_once(platform, version):
    event = platform.bus.first(
        lambda event: event["detail-type"] == "VersionPackaged" and event["detail"]["version_id"] == version,
        what="VersionPackaged",
    )
    before = platform.catalog(TITLE)
    told = len(platform.bus.events("TitlePublished", version_id=version))
    for _ in range(2):
        platform.announce(event)
    # The catalog cannot know whether its first announcement was lost, so it repeats that, and nothing else.
    eventually(
        lambda: len(platform.bus.events("TitlePublished", version_id=version)) == told + 2,
        waiting_for="both to be answered",
    )
    assert {event["revision"] for event in platform.bus.events("TitlePublished", version_id=version)} == {1}
    assert platform.catalog(TITLE) == before
    assert len([item for item in before if item["sk"].startswith("AUDIT#")]) == 1


def test_a_publication_that_is_announced_again_leaves_the_title_as_it_was(platform, version, viewer):
    event = platform.bus.first(
        lambda event: event["detail-type"] == "TitlePublished" and event["detail"]["version_id"] == version,
        what="TitlePublished",
    )
    before = _playable(platform)
    _again(platform, "playback", "FollowCatalog", event)
    assert _playable(platform) == before
    assert viewer.watch(TITLE)["version_id"] == version


def _playable(platform):
    table, key = platform.output("playback", "PlayableTable"), {"title_id": {"S": TITLE}}
    return platform.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
