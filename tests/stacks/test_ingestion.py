import json

import pytest

from lambdas.ingestion.sftp_access import LONGEST_POLICY
from stacks.constructs.object_access import Access
from tests.stacks.state_machine import caught_by, chosen, definition, retried, way

WORKFLOW = "ingestion/Ingest/StateMachine"


def test_a_sandbox_has_no_server_unless_it_opts_in(sandbox, opted_in):
    assert not sandbox.of("AWS::Transfer::Server")
    assert opted_in.only("AWS::Transfer::Server")


def test_studios_log_in_with_keys_only(complete):
    servers = complete.of("AWS::Transfer::Server")
    assert servers
    for server in servers:
        assert server["Protocols"] == ["SFTP"]
        # Users that the service manages have SSH keys, and cannot have passwords.
        assert server["IdentityProviderType"] == "SERVICE_MANAGED"
        assert server["SecurityPolicyName"] == "TransferSecurityPolicy-2025-03"


def _studios_users(complete):
    """The users of the primary region's server."""
    return [user for user in complete.of("AWS::Transfer::User") if user.path.startswith("ingestion/")]


def test_every_studio_is_at_home_in_its_own_prefix(complete):
    raw = complete.at("storage/Raw")
    bucket = raw.text(raw["BucketName"])
    users = {user["UserName"]: user for user in _studios_users(complete)}
    assert set(users) == {studio.name for studio in complete.settings.ingestion.studios}
    for name, user in users.items():
        assert user["HomeDirectoryType"] == "LOGICAL"
        [mapping] = user["HomeDirectoryMappings"]
        assert mapping["Entry"] == "/"
        assert user.text(mapping["Target"]) == f"/{bucket}/{name}"
        assert user.text(user["ServerId"]) == "<ingestion/Sftp/Server.ServerId>"


def test_the_session_policy_of_a_studio_reaches_no_other_studio(complete):
    raw = complete.at("storage/Raw")
    arn = f"arn:aws:s3:::{raw.text(raw['BucketName'])}"
    for user in _studios_users(complete):
        name = user["UserName"]
        objects, listing, key = json.loads(user.text(user["Policy"]))["Statement"]
        assert objects["Resource"] == f"{arn}/{name}/*"
        assert set(objects["Action"]) == set(Access.REPLACE.value)
        assert (listing["Action"], listing["Resource"]) == ("s3:ListBucket", arn)
        assert listing["Condition"] == {"StringLike": {"s3:prefix": f"{name}/*"}}
        assert key["Resource"] == "<governance/DataKey.Arn>"


def test_every_user_of_every_server_has_a_session_policy_that_transfer_takes(complete):
    for user in complete.of("AWS::Transfer::User"):
        assert 0 < len(user.text(user["Policy"])) <= LONGEST_POLICY
        actions = {
            action for said in json.loads(user.text(user["Policy"]))["Statement"] for action in _list(said["Action"])
        }
        role = complete.at(f"{user.path.rsplit('/', 1)[0]}/StudioRole")
        assert user.text(user["Role"]) == f"<{role.path}.Arn>"
        # What is not in both is not allowed: neither says more than the other.
        assert actions == {action for statement in complete.granted(role) for action in statement.actions}


def test_only_the_servers_own_users_assume_the_role(complete):
    for server in complete.of("AWS::Transfer::Server"):
        role = complete.at(f"{server.path.rsplit('/', 1)[0]}/StudioRole")
        [trusted] = role.statements(role["AssumeRolePolicyDocument"])
        assert trusted.principals == ("transfer.amazonaws.com",)
        assert f"user/<{server.path}.ServerId>/*" in role.text(trusted.condition["ArnLike"]["aws:SourceArn"])


def _list(value):
    return value if isinstance(value, list) else [value]


def test_the_arrival_of_a_manifest_starts_the_workflow(declared):
    rule = declared.at("ingestion/ManifestArrived")
    raw = declared.at("storage/Raw")
    pattern = rule["EventPattern"]
    assert "EventBusName" not in rule.properties, "S3 speaks on the account's default bus"
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["object"] == {"key": [{"wildcard": "*/manifest.json"}]}
    [bucket] = pattern["detail"]["bucket"]["name"]
    assert rule.text(bucket) == raw.text(raw["BucketName"])
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<ingestion/Start.Arn>"
    assert rule.text(target["DeadLetterConfig"]["Arn"]) == "<ingestion/DeadLetters.Arn>"


@pytest.mark.parametrize("context", ["ingestion", "encoding"])
def test_the_starter_may_start_its_own_workflow_only(declared, context):
    workflow = {"ingestion": WORKFLOW, "encoding": "encoding/Encode a version/StateMachine"}[context]
    started = [
        statement.resources
        for statement in declared.granted(declared.at(f"{context}/StartRole"))
        if "states:StartExecution" in statement.actions
    ]
    assert started == [(f"<{workflow}>",)]


def test_a_delivery_is_read_inspected_analysed_and_judged(declared):
    machine = definition(declared, WORKFLOW)
    assert way(machine) == ["Read the manifest", "Readable?"]
    assert chosen(machine, "Readable?") == {"readable": "Inspect the files", "otherwise": "Reject"}
    assert way({**machine, "StartAt": "Inspect the files"}) == ["Inspect the files", "Validate", "Valid?"]
    assert chosen(machine, "Valid?") == {"valid": "Analyse", "otherwise": "Reject"}
    assert way({**machine, "StartAt": "Analyse"}) == ["Analyse", "Judge", "Good enough?"]
    assert chosen(machine, "Good enough?") == {
        "pass": "Accept",
        "review": "Wait for a review",
        "otherwise": "Reject",
    }


def test_a_review_waits_for_an_answer_and_is_escalated_once_when_none_comes(declared):
    machine, settings = definition(declared, WORKFLOW), declared.settings.ingestion
    first, second = (machine["States"][name] for name in ("Wait for a review", "Escalate"))
    for state, hours, escalated in (
        (first, settings.review_hours, False),
        (second, settings.review_escalated_hours, True),
    ):
        assert state["Resource"].endswith(":states:::lambda:invoke.waitForTaskToken")
        assert state["TimeoutSeconds"] == hours * 3600
        assert state["Parameters"]["Payload"] == {
            "delivery.$": "$",
            "token.$": "$$.Task.Token",
            "escalated": escalated,
        }
        assert (state["ResultPath"], state["Next"]) == ("$.review", "Approved?")
    assert caught_by(first) == {"States.Timeout": "Escalate", "States.ALL": "KeepEvidence"}
    assert first["Catch"][0]["ResultPath"] is None, "the delivery goes on as it was"
    assert caught_by(second) == {"States.ALL": "KeepEvidence"}


def test_an_answer_decides_and_nothing_but_an_approval_is_one(declared):
    choice = definition(declared, WORKFLOW)["States"]["Approved?"]
    assert choice["Choices"] == [{"Variable": "$.review.approved", "BooleanEquals": True, "Next": "Accept"}]
    assert choice["Default"] == "Reject"


def test_operators_are_called_to_what_waits_and_to_what_is_escalated(declared):
    rule = declared.at("ingestion/CallReviewers")
    # Of both: the first request and the escalated one are the same event.
    assert rule["EventPattern"] == {"source": ["marquee.ingestion"], "detail-type": ["ReviewRequested"]}
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<governance/Alarms>"
    assert {"delivery_id", "studio", "until", "escalated"} <= {
        path.removeprefix("$.detail.") for path in target["InputTransformer"]["InputPathsMap"].values()
    }


def test_only_reviews_may_answer_for_the_workflow(declared):
    allowed = {
        role.path
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if "states:SendTaskSuccess" in statement.actions and statement.resources == (f"<{WORKFLOW}>",)
    }
    assert allowed == {"ingestion/DecideReviewRole", "ingestion/RequestReviewRole"}


def test_a_rejection_is_an_end_and_no_failure(declared):
    states = definition(declared, WORKFLOW)["States"]
    assert states["Reject"]["Next"] == "Rejected"
    for end in ("Accepted", "Rejected"):
        assert states[end]["Type"] == "Succeed"


def test_who_loses_the_race_for_a_title_is_rejected_after_all(declared):
    machine = definition(declared, WORKFLOW)
    assert machine["States"]["Accept"]["Next"] == "Still free?"
    following = "Can Rekognition read it?" if declared.settings.ingestion.rekognition else "Accepted"
    assert chosen(machine, "Still free?") == {"accepted": following, "otherwise": "Reject"}


def test_rekognition_is_asked_after_the_acceptance_and_stops_nothing(production, sandbox):
    machine = definition(production, WORKFLOW)
    choice = machine["States"]["Can Rekognition read it?"]
    assert choice["Default"] == "Accepted"
    assert choice["Choices"][0]["Next"] == "Start label detection"
    for name in ("Start label detection", "Collect the labels"):
        assert caught_by(machine["States"][name]) == {"States.ALL": "Accepted"}
    assert "LabelsPendingError" in retried(machine["States"]["Collect the labels"])
    assert not [name for name in definition(sandbox, WORKFLOW)["States"] if "label" in name.lower()]


def test_deliveries_are_tagged_only_by_who_decides_on_them(declared):
    tagging = {
        role.path
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if "s3:PutObjectVersionTagging" in statement.actions and any("-raw-" in arn for arn in statement.resources)
    }
    assert {path for path in tagging if path.startswith("ingestion/")} == {
        "ingestion/AcceptRole",
        "ingestion/RejectRole",
    }


@pytest.mark.parametrize(("step", "job"), [("Inspect the files", "InspectJob"), ("Analyse", "AnalyseJob")])
def test_deliveries_are_looked_at_on_the_farm_before_any_encode(declared, step, job):
    state = definition(declared, WORKFLOW)["States"][step]
    assert state["Resource"].endswith(":states:::batch:submitJob.sync")
    assert state["Parameters"]["JobQueue"] == "<encoding/Farm/InspectionQueue.JobQueueArn>"
    assert state["Parameters"]["JobDefinition"] == f"<ingestion/{job}>"
    assert state["ResultPath"] is None
    inspections, encodes = (declared.at(f"encoding/Farm/{name}Queue") for name in ("Inspection", "Encoding"))
    assert inspections["Priority"] > encodes["Priority"]
    for queue in (inspections, encodes):
        assert queue.text(queue["SchedulingPolicyArn"]) == "<encoding/Farm/Order.Arn>"


@pytest.mark.parametrize(("role", "writable"), [("InspectorRole", ("/work/*",)), ("AnalystRole", ("/analysis/*",))])
def test_who_looks_at_a_delivery_reads_raw_and_writes_what_it_found(declared, role, writable):
    for statement in declared.granted(declared.at(f"ingestion/{role}")):
        if "s3:PutObject" in statement.actions:
            for resource in statement.resources:
                assert "-mezzanine-" in resource
                assert resource.endswith(writable)
        elif "s3:GetObject" in statement.actions:
            assert all("-raw-" in resource for resource in statement.resources)
        assert "s3:DeleteObject" not in statement.actions
