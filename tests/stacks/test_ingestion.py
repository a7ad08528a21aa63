import pytest

from lambdas.common.events import DeliveryRejected, PipelineFailed, SourceAccepted, TitlePublished
from tests.stacks.state_machine import chosen, definition, way

WORKFLOW = "ingestion/Ingest/StateMachine"


def test_a_sandbox_has_no_server_unless_it_opts_in(sandbox, opted_in):
    assert not sandbox.of("AWS::Transfer::Server")
    assert opted_in.only("AWS::Transfer::Server")


def test_studios_log_in_with_keys_only(complete):
    server = complete.only("AWS::Transfer::Server")
    assert server["Protocols"] == ["SFTP"]
    # Users that the service manages have SSH keys, and cannot have passwords.
    assert server["IdentityProviderType"] == "SERVICE_MANAGED"
    assert server["SecurityPolicyName"] == "TransferSecurityPolicy-2025-03"


def test_every_studio_is_at_home_in_its_own_prefix(complete):
    raw = complete.at("storage/Raw")
    bucket = raw.text(raw["BucketName"])
    users = {user["UserName"]: user for user in complete.of("AWS::Transfer::User")}
    assert set(users) == {studio.name for studio in complete.settings.ingestion.studios}
    for name, user in users.items():
        assert user["HomeDirectoryType"] == "LOGICAL"
        [mapping] = user["HomeDirectoryMappings"]
        assert mapping["Entry"] == "/"
        assert user.text(mapping["Target"]) == f"/{bucket}/{name}"
        assert user.text(user["ServerId"]) == "<ingestion/Sftp/Server.ServerId>"


def test_the_role_of_a_studio_reaches_no_other_studio(complete):
    raw = complete.at("storage/Raw")
    arn = f"arn:aws:s3:::{raw.text(raw['BucketName'])}"
    for user in complete.of("AWS::Transfer::User"):
        name = user["UserName"]
        role = complete.at(f"ingestion/Sftp/{name}Role")
        assert user.text(user["Role"]) == f"<{role.path}.Arn>"
        for statement in complete.granted(role):
            if statement.actions == {"s3:ListBucket"}:
                assert statement.resources == (arn,)
                assert statement.condition == {"StringLike": {"s3:prefix": f"{name}/*"}}
            elif any(action.startswith("kms:") for action in statement.actions):
                assert statement.resources == ("<governance/DataKey.Arn>",)
            else:
                assert statement.resources == (f"{arn}/{name}/*",)


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


def test_a_delivery_is_read_inspected_judged_and_accepted_or_rejected(declared):
    machine = definition(declared, WORKFLOW)
    assert way(machine) == ["Read the manifest", "Readable?"]
    assert chosen(machine, "Readable?") == {"readable": "Inspect the files", "otherwise": "Reject"}
    assert way({**machine, "StartAt": "Inspect the files"}) == ["Inspect the files", "Validate", "Acceptable?"]
    assert chosen(machine, "Acceptable?") == {"accepted": "Accept", "otherwise": "Reject"}


def test_a_rejection_is_an_end_and_no_failure(declared):
    states = definition(declared, WORKFLOW)["States"]
    for step, end in (("Accept", "Accepted"), ("Reject", "Rejected")):
        assert states[step]["Next"] == end
        assert states[end]["Type"] == "Succeed"


def test_the_files_are_inspected_on_the_farm(declared):
    step = definition(declared, WORKFLOW)["States"]["Inspect the files"]
    assert step["Resource"].endswith(":states:::batch:submitJob.sync")
    assert step["Parameters"]["JobQueue"] == "<encoding/Farm/InspectionQueue.JobQueueArn>"
    assert step["Parameters"]["JobDefinition"] == "<ingestion/InspectJob>"
    assert step["ResultPath"] is None


def test_the_inspector_reads_raw_and_writes_below_work(declared):
    for statement in declared.granted(declared.at("ingestion/InspectorRole")):
        if "s3:PutObject" in statement.actions:
            assert all("-mezzanine-" in resource and resource.endswith("/work/*") for resource in statement.resources)
        if "s3:GetObject" in statement.actions:
            assert all("-raw-" in resource for resource in statement.resources)
        assert "s3:DeleteObject" not in statement.actions


def test_studios_hear_what_became_of_their_deliveries(declared):
    rule = declared.at("ingestion/TellStudios")
    told = {event.detail_type() for event in (SourceAccepted, DeliveryRejected, PipelineFailed, TitlePublished)}
    assert set(rule["EventPattern"]["detail-type"]) == told
    assert rule.text(rule["EventBusName"]) == "<governance/Bus>"
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<ingestion/Notifications>"
    topic = declared.at("ingestion/Notifications")
    assert topic.text(topic["KmsMasterKeyId"]) == "<governance/DataKey.Arn>"
