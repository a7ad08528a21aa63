"""The farm's watch as it is declared: who calls it, what it may do, and what it alarms."""

import json

import pytest

from lambdas.encoding.watch import DRAIN_METRIC, METRICS, STUCK_METRIC, UNCOUNTED_METRIC, WAIT_METRIC

LOOKING = {"batch:ListJobs", "batch:DescribeJobs", "ecs:DescribeTasks", "dynamodb:Query"}


def queues_of(declared, name):
    function = declared.at(f"encoding/{name}")
    return json.loads(function.text(function["Environment"]["Variables"]["QUEUES"]))


def granted(declared, name):
    """What a function's role may do beside writing its log and its traces, by action: on what."""
    own = ("logs:", "xray:", "sqs:")
    return {
        action: set(statement.resources)
        for statement in declared.granted(declared.at(f"encoding/{name}Role"))
        for action in statement.actions
        if not action.startswith(own)
    }


def alarms(declared):
    """The alarms of the watch's metrics: threshold by metric and dimensions."""
    return {
        (alarm["MetricName"], *sorted((entry["Name"], entry["Value"]) for entry in alarm["Dimensions"])): alarm
        for alarm in declared.of("AWS::CloudWatch::Alarm", stack="encoding")
        if alarm["Namespace"] == METRICS
    }


@pytest.mark.parametrize("name", ["WatchFarm", "DescribeFarm"])
def test_every_queue_of_the_farm_is_watched(declared, name):
    every = {f"<{queue.path}.JobQueueArn>" for queue in declared.of("AWS::Batch::JobQueue", stack="encoding")}
    assert set(queues_of(declared, name).values()) == every


def test_the_watch_looks_every_five_minutes(declared):
    rule = declared.at("encoding/WatchFarmSchedule")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<encoding/WatchFarm.Arn>"
    assert rule.text(target["DeadLetterConfig"]["Arn"]) == "<encoding/DeadLetters.Arn>"


def test_a_round_is_over_before_the_next_begins(declared):
    assert declared.at("encoding/WatchFarm")["Timeout"] < 5 * 60


def test_the_watch_ends_jobs_and_whoever_asks_does_not(declared):
    watching, telling = granted(declared, "WatchFarm"), granted(declared, "DescribeFarm")
    assert set(telling) == LOOKING
    assert set(watching) == LOOKING | {"batch:TerminateJob"}
    for found in (watching, telling):
        assert found["dynamodb:Query"] == {"<encoding/FarmJobs.Arn>"}
    [job] = watching["batch:TerminateJob"]
    assert job.endswith(":job/*")


def test_a_job_is_stuck_only_long_after_its_lease(declared):
    """A worker whose lease has not ended may be at work; one that is a few words late is."""
    variables = declared.at("encoding/WatchFarm")["Environment"]["Variables"]
    lease_s, word_s = 60, 15
    assert int(variables["HEARTBEAT_MINUTES"]) * 60 >= max(2 * lease_s, 20 * word_s)


def test_what_waits_in_vain_is_told_before_batch_cancels_it(declared):
    variables = declared.at("encoding/WatchFarm")["Environment"]["Variables"]
    limits = [
        action["MaxTimeSeconds"]
        for queue in declared.of("AWS::Batch::JobQueue", stack="encoding")
        for action in queue["JobStateTimeLimitActions"]
    ]
    assert int(variables["RUNNABLE_MINUTES"]) * 60 < min(limits)


def test_stuck_jobs_are_an_alarm_everywhere(declared):
    alarm = alarms(declared)[STUCK_METRIC, ("service", "encoding")]
    assert (alarm["Threshold"], alarm["Statistic"]) == (1, "Maximum")
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_long_waits_and_backlogs_beyond_the_sla_are_alarms_in_production_of_each_queue(production):
    encoding, found = production.settings.encoding, alarms(production)
    for queue in queues_of(production, "WatchFarm"):
        where = (("queue", queue), ("service", "encoding"))
        assert found[(WAIT_METRIC, *where)]["Threshold"] == encoding.longest_wait_hours * 3600
        assert found[(DRAIN_METRIC, *where)]["Threshold"] == encoding.sla_hours * 3600
        assert found[(UNCOUNTED_METRIC, *where)]["Threshold"] == 1, "of lower bounds no alarm can be sure"


def test_in_the_sandbox_an_alarm_bills_so_there_is_one(sandbox):
    assert list(alarms(sandbox)) == [(STUCK_METRIC, ("service", "encoding"))]


def test_an_operator_finds_the_description_by_an_output(declared):
    output = declared.templates["encoding"]["Outputs"]["FarmFunction"]
    assert declared.text(output["Value"], stack="encoding") == "<encoding/DescribeFarm>"
