import json

import pytest

from tests.stacks.state_machine import all_states, definition, retried

MACHINE = "storage-recovery/Restore/StateMachine"
CHECKS = ("VerifyReplicas", "CompareInventories")


def pairs(declared, check="CompareInventories"):
    function = declared.at(f"storage-recovery/{check}")
    return json.loads(function.text(function["Environment"]["Variables"]["PAIRS"]))


def test_every_step_may_be_tried_again_and_nothing_is_hidden(declared):
    for name, state in all_states(definition(declared, MACHINE)):
        if state["Type"] == "Task":
            assert retried(state), name
            assert "Catch" not in state, "an operator who waits is told by the execution itself"


def test_it_waits_as_long_as_the_archive_takes(declared):
    machine = definition(declared, MACHINE)
    assert machine["TimeoutSeconds"] > 48 * 3600, "bulk retrievals from Deep Archive"
    assert machine["States"]["Wait"]["SecondsPath"] == "$.wait_s"
    assert machine["States"]["Wait"]["Next"] == "Look for the copies"
    assert machine["States"]["Look for the copies"]["Next"] == "All here?"


def test_nothing_is_read_before_all_of_it_is_there(declared):
    choice = definition(declared, MACHINE)["States"]["All here?"]
    [rule] = choice["Choices"]
    assert (rule["Variable"], rule["NumericEquals"], rule["Next"]) == ("$.pending", 0, "Read every byte")
    assert choice["Default"] == "Wait"


def test_a_job_may_read_the_largest_source_to_its_end(declared):
    seconds = declared.at("storage-recovery/ChecksumJob")["Timeout"]["AttemptDurationSeconds"]
    assert seconds * 80e6 > 5 * 2**40, "5 TiB, at 80 MB a second"


def test_operators_are_told_of_a_restoring_that_came_to_no_good_end(declared):
    rule = declared.at("storage-recovery/RestoreEnded")
    assert rule["EventPattern"]["source"] == ["aws.states"]
    detail = rule["EventPattern"]["detail"]
    assert [rule.text(arn) for arn in detail["stateMachineArn"]] == [f"<{MACHINE}>"]
    assert set(detail["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<governance/Alarms>"
    assert rule.text(target["DeadLetterConfig"]["Arn"]) == "<storage-recovery/DeadLetters.Arn>"
    told = target["InputTransformer"]
    for field in ("name", "status", "error", "executionArn"):
        [placeholder] = [name for name, path in told["InputPathsMap"].items() if path == f"$.detail.{field}"]
        assert f"<{placeholder}>" in told["InputTemplate"]


def test_only_one_function_may_ask_the_archive(declared):
    asking = {
        role.path
        for role in declared.of("AWS::IAM::Role", stack="storage-recovery")
        for statement in declared.granted(role)
        if "s3:RestoreObject" in statement.actions
    }
    assert asking == {"storage-recovery/RequestCopiesRole"}


def test_recovery_deletes_and_replaces_no_object_but_its_reports(declared):
    reports = declared.at("storage/Reports")
    arn = f"arn:aws:s3:::{reports.text(reports['BucketName'])}/"
    for role in declared.of("AWS::IAM::Role", stack="storage-recovery"):
        for statement in declared.granted(role):
            assert not [action for action in statement.actions if action.startswith("s3:Delete")], role
            if "s3:PutObject" in statement.actions:
                assert all(resource.startswith(arn) for resource in statement.resources), role


def test_each_replicated_bucket_is_checked_against_each_replica(declared):
    expected = set()
    for name in ("Raw", "Media"):
        bucket = declared.at(f"storage/{name}")
        for rule in bucket["ReplicationConfiguration"]["Rules"]:
            replica = bucket.text(rule["Destination"]["Bucket"]).removeprefix("arn:aws:s3:::")
            expected.add((bucket.text(bucket["BucketName"]), replica, rule["Id"].removeprefix("to-")))
    for check in CHECKS:
        found = [pair for pair in pairs(declared, check) if not pair.get("gathers")]
        assert {(pair["bucket"], pair["replica"], pair["replica_region"]) for pair in found} == expected


def test_what_landed_in_the_second_ingest_region_is_looked_for_in_the_first(sandbox, production):
    assert not [pair for pair in pairs(sandbox) if pair.get("gathers")]
    [pair] = [pair for pair in pairs(production) if pair.get("gathers")]
    region = production.settings.ingestion.second_region
    landing, raw = production.at(f"ingestion-{region}/Landing"), production.at("storage/Raw")
    assert (pair["bucket"], pair["region"]) == (landing.text(landing["BucketName"]), region)
    assert pair["replica"] == raw.text(raw["BucketName"])
    assert pair["replica_region"] == production.settings.primary_region
    assert [found for found in pairs(production, "VerifyReplicas") if found.get("gathers")] == []


def test_a_check_reads_the_inventories_where_s3_writes_them(declared):
    written = {}
    for bucket in declared.of("AWS::S3::Bucket"):
        for configuration in bucket.properties.get("InventoryConfigurations", ()):
            to = bucket.text(configuration["Destination"]["BucketArn"]).removeprefix("arn:aws:s3:::")
            written[bucket.text(bucket["BucketName"])] = to
    for pair in pairs(declared):
        assert written[pair["bucket"]] == pair["reports"]
        assert written[pair["replica"]] == pair["replica_reports"]
    for name in CHECKS:
        allowed = {
            resource.split("/")[0].removeprefix("arn:aws:s3:::")
            for statement in declared.granted(declared.at(f"storage-recovery/{name}Role"))
            if "s3:GetObject" in statement.actions
            for resource in statement.resources
        }
        assert {pair[side] for pair in pairs(declared) for side in ("reports", "replica_reports")} <= allowed


def test_the_comparison_reads_lists_and_no_object(declared):
    for statement in declared.granted(declared.at("storage-recovery/CompareInventoriesRole")):
        if "s3:GetObject" in statement.actions:
            assert all("/inventory/" in resource for resource in statement.resources)


def test_the_comparison_may_read_the_tags_of_what_a_replica_lacks(declared):
    readable = {
        resource.removeprefix("arn:aws:s3:::").split("/")[0]
        for statement in declared.granted(declared.at("storage-recovery/CompareInventoriesRole"))
        if "s3:GetObjectVersionTagging" in statement.actions
        for resource in statement.resources
    }
    listed = {
        resource.removeprefix("arn:aws:s3:::")
        for statement in declared.granted(declared.at("storage-recovery/CompareInventoriesRole"))
        if "s3:ListBucket" in statement.actions
        for resource in statement.resources
    }
    sources = {pair["bucket"] for pair in pairs(declared)}
    assert readable == sources
    assert sources <= listed, "else S3 says of what is gone that it is forbidden"


def test_keys_are_used_in_the_region_of_their_bucket(production):
    used = [
        (resource, statement.condition["StringEquals"]["kms:ViaService"])
        for statement in production.granted(production.at("storage-recovery/VerifyReplicasRole"))
        if "kms:Decrypt" in statement.actions
        for resource in statement.resources
    ]
    regions = production.settings.storage.replica_regions
    assert {via for key, via in used if key.startswith("<storage-replica-")} == {
        f"s3.{region}.amazonaws.com" for region in regions
    }
    for key, via in used:
        home = next((region for region in regions if f"replica-{region}/" in key), production.settings.primary_region)
        assert via == f"s3.{home}.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "often"), [("VerifyReplicas", "cron(0 3 1 * ? *)"), ("CompareInventories", "cron(0 12 * * ? *)")]
)
def test_the_checks_are_scheduled(declared, name, often):
    rule = declared.at(f"storage-recovery/{name}Schedule")
    assert rule["ScheduleExpression"] == often
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == f"<storage-recovery/{name}.Arn>"


def test_a_fault_is_an_alarm_of_the_metric_that_the_checks_write(declared):
    from lambdas.storage.handlers import FAULTS_METRIC, METRICS  # noqa: PLC0415

    alarm = declared.at("storage-recovery/ReplicasDiffer")
    assert (alarm["Namespace"], alarm["MetricName"]) == (METRICS, FAULTS_METRIC)
    [dimension] = alarm["Dimensions"]
    for name in CHECKS:
        variables = declared.at(f"storage-recovery/{name}")["Environment"]["Variables"]
        assert {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]} == dimension


def test_the_metric_has_the_dimensions_that_the_alarm_reads(monkeypatch, capsys):
    """CloudWatch matches dimensions exactly: one more, and the alarm would watch nothing."""
    from lambdas.storage import handlers  # noqa: PLC0415

    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "storage-recovery")
    handlers._count_faults(3)
    line = json.loads(capsys.readouterr().out)
    [metric] = line["_aws"]["CloudWatchMetrics"]
    assert metric["Dimensions"] == [["service"]]
    assert (line["service"], line["ReplicaFaults"]) == ("storage-recovery", [3.0])
