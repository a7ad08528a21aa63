"""The farm in degraded mode and back, and a campaign that encodes a published title anew."""

import contextlib
import json

import pytest

from tests.platform.viewer import TITLE
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

CAMPAIGN = "spring-recipes"


@pytest.fixture
def planned(platform, published):
    """Announce a film in high definition; return what is planned, and stop it: nobody wants it searched or encoded."""
    states, machine = platform.client("stepfunctions"), platform.output("encoding", "WorkflowArn")
    begun = []
    s3, bucket = platform.client("s3"), platform.output("encoding", "WorkBucket")

    def plan_of(version_id):
        try:
            return json.loads(s3.get_object(Bucket=bucket, Key=f"work/{version_id}/plan.json")["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None

    film = platform.bus.event("SourceAccepted", version_id=published.outcome.version_id)
    assert film["title"]["title_id"] == TITLE

    def planned(version_id):
        video = film["facts"]["video"] | {"width": 1280, "height": 720}
        announced = film | {
            "version_id": version_id,
            "title": film["title"] | {"title_id": "planned-only"},
            "facts": film["facts"] | {"video": video},
        }
        begun.append(version_id)
        platform.announce({"source": "marquee.ingestion", "detail-type": "SourceAccepted", "detail": announced})
        plan = eventually(lambda: plan_of(version_id), waiting_for=f"the plan of {version_id}")
        return plan["mode"], plan["vmaf_target"], {rung["rung"]: rung["preset"] for rung in plan["fixed"]}

    yield planned
    for version_id in begun:
        # Where the machine was slow, it may have come to its own end.
        with contextlib.suppress(states.exceptions.ClientError):
            states.stop_execution(executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{version_id}")


@pytest.fixture
def mode(marquee):
    """``marquee farm mode``; whatever happens, it is normal in the end."""

    def mode(*arguments):
        result = marquee("farm", "mode", *arguments)
        assert result.exit_code == 0, result.output
        return result.output

    yield mode
    mode("normal")


def test_a_degraded_farm_takes_less_trouble_until_it_is_normal_again(platform, planned, mode):
    assert "Mode: degraded until" in mode("degrade", "--hours", "1", "--reason", "500 titles wait")
    assert planned("v00000000000000d1") == ("degraded", 93, {"720p": "superfast", "360p": "superfast"})
    platform.invoke("encoding", "KeepFarmMode", {})
    assert "Mode: normal" in mode("normal", "--reason", "the backlog is over")
    assert planned("v00000000000000d2") == (
        "normal",
        95,
        {"720p": "veryfast", "480p": "veryfast", "360p": "veryfast"},
    )
    shown = mode("show")
    assert "500 titles wait" in shown
    assert "the backlog is over" in shown
    events = platform.bus.events("FarmModeChanged")
    assert [(event["revision"], event["degraded"]) for event in events] == [(1, True), (2, False)]


def test_when_it_is_normal_again_the_stack_can_be_destroyed(platform, mode):
    mode("degrade", "--hours", "1", "--reason", "again")
    mode("normal")
    platform.invoke("encoding", "KeepFarmMode", {})
    appconfig = platform.client("appconfig")
    ids = {
        "ApplicationId": platform.resource("encoding", "FarmModeApplication", kind="AWS::AppConfig::Application"),
        "ConfigurationProfileId": platform.resource(
            "encoding", "FarmModeConfigurationProfile", kind="AWS::AppConfig::ConfigurationProfile"
        ),
    }
    assert len(appconfig.list_hosted_configuration_versions(**ids)["Items"]) == 1


def test_a_campaign_encodes_a_published_title_anew_and_its_studio_hears_nothing_of_it(platform, small, marquee):
    title_id = small["title"]["title_id"]
    before = platform.played(title_id)
    started = marquee("campaign", "start", CAMPAIGN, title_id)
    assert started.exit_code == 0, started.output
    request = platform.bus.event("ReencodeRequested", campaign=CAMPAIGN)
    version_id = request["accepted"]["version_id"]
    assert request["replaces"] == before
    published = platform.bus.event("TitlePublished", version_id=version_id)
    assert (published["title"]["title_id"], published["delivery_id"]) == (title_id, small["delivery_id"])
    platform.playable(title_id, version_id=version_id)
    shown = eventually(
        lambda: (told := marquee("campaign", "show", CAMPAIGN).output) and "1 done" in told and told,
        waiting_for="the campaign's end",
    )
    assert version_id in shown
    again = marquee("campaign", "start", CAMPAIGN, title_id)
    assert "known" in again.output
    assert len(platform.bus.events("ReencodeRequested", campaign=CAMPAIGN)) == 1
    jobs = platform.claims(version_id)
    assert {job.state.value for job in jobs.values()} == {"done"}
    platform.letters.event("TitlePublished", version_id=small["version_id"])
    assert not platform.letters.matching(lambda letter: letter["detail"]["version_id"] == version_id)
