import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError, TransientError
from lambdas.encoding import farm_mode_handlers as handlers
from lambdas.encoding import farm_mode_store, farm_queues
from lambdas.encoding.environment import KeepModeEnvironment
from lambdas.encoding.farm_mode import FARM, FarmMode
from lambdas.encoding.farm_mode_store import (
    ModeTrail,
    ModeUnknownError,
    initial_content,
    mode_in_appconfig,
    schema,
)
from tests.lambdas.calls import watched
from tests.lambdas.encoding.appconfig import IDS, NORMAL_VERSION, AppConfig
from tests.lambdas.encoding.batch import JobLists

TABLE = "modes"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ASKED = {"do": "degrade", "hours": 12, "reason": "500 titles wait", "by": "arn:ops"}


@pytest.fixture
def appconfig(monkeypatch):
    fake = AppConfig(initial_content().encode())
    monkeypatch.setattr(
        farm_mode_store, "client", lambda name: watched(name, fake) if name == "appconfig" else client(name)
    )
    monkeypatch.setattr(farm_mode_store, "_data", lambda: watched("appconfigdata", fake))
    return fake


@pytest.fixture
def clock(monkeypatch):
    """What time it is for the handlers, and how many jobs wait."""
    batch = JobLists()

    def wait(jobs):
        batch.jobs = {("on-demand", "RUNNABLE"): jobs}

    found = SimpleNamespace(at=NOW, wait=wait)
    monkeypatch.setattr(handlers, "now", lambda: found.at)
    monkeypatch.setattr(farm_queues, "client", lambda service: watched(service, {"batch": batch}[service]))
    return found


@pytest.fixture
def trail(aws):
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "farm", "KeyType": "HASH"}, {"AttributeName": "revision", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("farm", "revision")],
    )
    return ModeTrail(TABLE)


@pytest.fixture
def farm(trail, bus, deployed, context, appconfig, clock):
    """Ask for something; let the clock call."""
    deployed(
        KeepModeEnvironment(
            **IDS,
            modes_table=TABLE,
            event_bus=bus.name,
            mode_strategy="strategy",
            normal_version=NORMAL_VERSION,
            job_queues="encoding,on-demand",
            drained_below=10,
        )
    )
    return SimpleNamespace(
        ask=lambda **asked: handlers.set_farm_mode(asked, context),
        keep=lambda: handlers.keep_farm_mode({}, context),
    )


def handed_out():
    return mode_in_appconfig(application="app", environment="env", profile="prof")


def test_a_farm_that_nobody_has_touched_is_normal(farm, appconfig, bus):
    told = farm.ask(do="show")
    assert (told["mode"], told["changed"], told["history"]) == ("normal", False, [])
    assert handed_out() == FarmMode()
    farm.keep()
    assert len(appconfig.deployments) == 1
    assert bus.envelopes() == []


def test_a_degraded_mode_is_written_down_handed_out_and_announced(farm, trail, bus):
    told = farm.ask(**ASKED)
    assert (told["mode"], told["changed"], told["set"]["revision"]) == ("degraded", True, 1)
    assert handed_out() == trail.last()
    assert trail.last().until == NOW + timedelta(hours=12)
    [envelope] = bus.envelopes()
    assert envelope["detail-type"] == "FarmModeChanged"
    assert (envelope["detail"]["degraded"], envelope["detail"]["by"]) == (True, "arn:ops")


def test_going_back_to_normal_leaves_both_changes_on_record(farm, bus):
    farm.ask(**ASKED)
    told = farm.ask(do="normal", by="arn:other", reason="done")
    assert [(each["revision"], each["degraded"], each["by"]) for each in told["history"]] == [
        (2, False, "arn:other"),
        (1, True, "arn:ops"),
    ]
    assert handed_out().degraded is False
    assert [envelope["detail"]["revision"] for envelope in bus.envelopes()] == [1, 2]
    assert farm.ask(do="normal", by="arn:other")["changed"] is False
    assert bus.envelopes() == []


def test_a_request_that_does_not_fit_changes_nothing(farm, trail, appconfig):
    with pytest.raises(InvalidInputError, match="hours"):
        farm.ask(**ASKED | {"hours": 1000})
    assert trail.last() == FarmMode()
    assert len(appconfig.deployments) == 1


def test_a_change_on_record_is_never_overwritten(trail):
    first = FarmMode(revision=1, reason="first", at=NOW)
    trail.append(first)
    with pytest.raises(TransientError, match="just now"):
        trail.append(FarmMode(revision=1, reason="second", at=NOW))
    assert trail.last() == first


@pytest.mark.parametrize(
    ("after", "jobs", "reason"),
    [(timedelta(hours=12), 50, "its time was over"), (timedelta(hours=2), 9, "the queue has drained")],
)
def test_the_clock_ends_a_degraded_mode_and_that_is_on_record_too(farm, trail, clock, bus, after, jobs, reason):
    farm.ask(**ASKED)
    clock.at = NOW + after
    clock.wait(jobs)
    farm.keep()
    last = trail.last()
    assert (last.revision, last.degraded, last.by) == (2, False, FARM)
    assert reason in last.reason
    assert handed_out().degraded is False
    assert [envelope["detail"]["by"] for envelope in bus.envelopes()] == ["arn:ops", FARM]


def test_the_clock_leaves_a_backlog_alone(farm, trail, clock):
    farm.ask(**ASKED)
    clock.at = NOW + timedelta(hours=2)
    clock.wait(10)
    farm.keep()
    assert trail.last().revision == 1


def test_what_appconfig_did_not_take_is_handed_out_by_the_clock(farm, trail, appconfig):
    appconfig.away = True
    with pytest.raises(TransientError):
        farm.ask(**ASKED)
    assert trail.last().degraded
    appconfig.away = False
    assert handed_out().degraded is False
    farm.keep()
    assert handed_out() == trail.last()


def test_a_change_while_another_is_under_way_is_handed_out_when_that_is_done(farm, trail, appconfig):
    appconfig.slow = True
    farm.ask(**ASKED)
    with pytest.raises(TransientError, match="just being handed out"):
        farm.ask(do="normal", by="arn:ops")
    appconfig.settle()
    assert handed_out().degraded
    farm.keep()
    appconfig.settle()
    assert handed_out().degraded is False
    assert trail.last().revision == 2


def test_what_is_handed_out_already_is_left_alone(farm, appconfig):
    farm.ask(**ASKED)
    farm.keep()
    farm.keep()
    assert len(appconfig.deployments) == 2


def test_when_it_is_over_only_the_stacks_own_version_is_left(farm, appconfig):
    farm.ask(**ASKED)
    farm.ask(**ASKED)
    farm.keep()
    assert [label for _, label in appconfig.versions.values()] == [None, "degraded-2"]
    farm.ask(do="normal", by="arn:ops")
    farm.keep()
    assert list(appconfig.versions) == [int(NORMAL_VERSION)]


def test_an_appconfig_that_is_away_or_talks_nonsense_says_so(appconfig):
    appconfig.versions[1] = (b'{"degraded": true}', None)
    with pytest.raises(ModeUnknownError, match="until when"):
        handed_out()
    appconfig.away = True
    with pytest.raises(ModeUnknownError, match="EndpointConnectionError"):
        handed_out()


def test_the_schema_knows_the_documents_fields_and_no_others():
    said = json.loads(schema())
    assert said["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert said["additionalProperties"] is False
    assert set(said["properties"]) == set(FarmMode.model_fields)
