"""A title that has two versions is rolled back by the command, and viewers get its first version again."""

import pytest

pytestmark = pytest.mark.embedded

TITLE_ID = "small"


@pytest.fixture(scope="module")
def versions(platform, small):
    """The version of a title that is played, and one packaged anew that takes its place."""
    from sandbox.operating import caller, operate  # noqa: PLC0415

    first, deployed = platform.played(TITLE_ID), platform.up.platform
    asked = {"title_id": TITLE_ID, "new_keys": False, "by": caller(deployed)}
    second = operate(deployed, asked, context="catalog", output="RepackageFunction")["version_id"]
    platform.playable(TITLE_ID, version_id=second)
    return first, second


def audited(platform):
    records = [item for item in platform.catalog(TITLE_ID) if item["sk"].startswith("AUDIT#")]
    return [(record["action"], record["version_id"], record["previous_version"]) for record in records]


def manifest(viewer, session):
    answer = viewer.get(session["manifests"]["dash"])
    assert answer.status == 200
    return answer.text


def test_a_rollback_brings_the_first_version_back_to_viewers_and_leaves_those_who_watch(
    platform, versions, viewer, marquee
):
    first, second = versions
    watching = viewer.watch(TITLE_ID)
    assert watching["version_id"] == second
    result = marquee("rollback", TITLE_ID, "--to", first, "--reason", "the second has the wrong sound")
    assert result.exit_code == 0, result.output
    told = platform.bus.event("TitleRolledBack", version_id=first, replaced=second)
    assert told["reason"] == "the second has the wrong sound"
    assert told["by"].startswith("arn:aws:")
    platform.playable(TITLE_ID, version_id=first)
    session = viewer.watch(TITLE_ID)
    assert session["version_id"] == first
    assert f"/{TITLE_ID}/{first}/" in manifest(viewer, session)
    assert f"/{TITLE_ID}/{second}/" in manifest(viewer, watching)
    assert audited(platform)[-2:] == [("publish", second, first), ("rollback", first, second)]


@pytest.mark.usefixtures("versions")
def test_asking_again_changes_nothing(platform, marquee):
    before = platform.catalog(TITLE_ID)
    current = next(item for item in before if item["sk"] == "TITLE")["current_version"]
    result = marquee("rollback", TITLE_ID, "--to", current)
    assert result.exit_code == 0, result.output
    assert "already" in result.output
    assert platform.catalog(TITLE_ID) == before


def test_the_versions_are_shown_with_their_states_and_changes(versions, marquee):
    result = marquee("versions", TITLE_ID)
    assert result.exit_code == 0, result.output
    for version in versions:
        assert version in result.output


def test_what_does_not_exist_is_refused_with_the_remedy(versions, marquee):
    result = marquee("rollback", TITLE_ID, "--to", "v-none")
    assert result.exit_code == 1
    assert f"`marquee versions {TITLE_ID}`" in result.output


def test_the_seek_thumbnails_are_served_to_the_session_and_to_nobody_else(versions, viewer, thief):
    session = viewer.watch(TITLE_ID)
    track = viewer.get(session["thumbnails"])
    assert (track.status, track.headers["content-type"]) == (200, "text/vtt")
    sheet = next(line for line in track.text.splitlines() if "#xywh=" in line).partition("#")[0]
    beside = session["thumbnails"].rpartition("/")[0]
    picture = viewer.get(f"{beside}/{sheet}")
    assert (picture.status, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.body.startswith(b"\xff\xd8")
    token = session["edge"]["token"]
    assert thief.get(session["thumbnails"].replace(f"/{token}/", "/garbage/", 1)).status == 403
