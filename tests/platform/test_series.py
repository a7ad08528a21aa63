"""An episode of a series, from its manifest to what is offered after it."""

from datetime import UTC, datetime

import pytest

from tests.platform.viewer import TITLES

pytestmark = pytest.mark.embedded


@pytest.fixture
def second(platform, small):
    """Another episode, as playback follows one: nobody has encoded it, and it is gone afterwards."""
    title = small["title"] | {"title_id": "small-2", "series": small["title"]["series"] | {"episode": 2}}
    published = platform.bus.first(
        lambda event: event["detail-type"] == "TitlePublished" and event["detail"]["version_id"] == small["version_id"],
        what="TitlePublished",
    )
    platform.invoke("playback", "FollowCatalog", published | {"detail": published["detail"] | {"title": title}})
    yield title["title_id"]
    table = platform.output("playback", "PlayableTable")
    platform.client("dynamodb").delete_item(TableName=table, Key={"title_id": {"S": title["title_id"]}})


def test_an_episode_is_listed_with_its_place_and_its_end_offers_the_next(small, second, stranger):
    [listed] = [title for title in stranger.get(TITLES).json["titles"] if title["title_id"] == "small"]
    assert listed["series"] == {"series_id": "clips", "name": "Clips", "season": 1, "episode": 1}

    def next_at(position_s):
        report = {"title_id": "small", "position_s": position_s, "recorded_at": datetime.now(UTC).isoformat()}
        return stranger.post("/api/playback/progress", report).json["next_title_id"]

    assert next_at(1.0) is None
    assert next_at(listed["duration_s"]) == second
    begun = {one["title_id"]: one["next_title_id"] for one in stranger.get("/api/playback/progress").json["titles"]}
    assert begun["small"] == second
