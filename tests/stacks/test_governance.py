"""Ownership, money, and what every context shares."""

import json
import re

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

TAGS = ("context", "cost-centre", "environment", "project")
CONTEXTS = {
    "storage", "ingestion", "encoding", "catalog", "playback", "delivery",
    "open_connect", "telemetry", "live", "resilience", "governance",
}  # fmt: skip

TAGGED_BY_THEIR_STACK = re.compile(r"/Custom::|^AWS::CloudFront::(Function|KeyValueStore) ")
"""What CDK does not tag: its own providers, and types that take tags since its last release."""


def tag_property(kind):
    """Return the property that carries the tags of a resource type, or nothing where AWS has none."""
    if kind.startswith("Custom::"):
        return None
    tagging = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("tagging", {})
    return tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2] if tagging.get("taggable") else None


def expected_tags(declared, stack):
    return {
        "project": declared.settings.namespace,
        "context": declared.synthesis.stacks[stack].context,
        "environment": declared.profile,
        "cost-centre": declared.settings.governance.cost_centre,
    }


def as_mapping(tags):
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def test_everything_that_can_carry_tags_says_whose_it_is(declared):
    for resource in declared.resources:
        name = tag_property(resource.kind)
        if name and not TAGGED_BY_THEIR_STACK.search(f"{resource.kind} {resource.path}"):
            tags = as_mapping(resource[name])
            assert {key: tags.get(key) for key in TAGS} == expected_tags(declared, resource.stack), resource


def test_every_stack_hands_its_tags_on_to_the_rest(declared):
    manifest = json.loads((declared.directory / f"assembly-{declared.profile}" / "manifest.json").read_text())
    for name, stack in declared.synthesis.stacks.items():
        assert manifest["artifacts"][stack.artifact_id]["properties"]["tags"] == expected_tags(declared, name)


def test_tables_are_tagged_in_each_region(declared):
    for table in declared.of("AWS::DynamoDB::GlobalTable"):
        for replica in table["Replicas"]:
            assert set(TAGS) <= set(as_mapping(replica["Tags"]))


def test_every_stack_belongs_to_a_bounded_context(declared):
    for name, stack in declared.synthesis.stacks.items():
        assert stack.context in CONTEXTS
        assert name.startswith(stack.context)
        assert stack.stack_name == f"marquee-{declared.profile}-{name}"


def test_production_cannot_be_deleted_by_a_slip(sandbox, production):
    assert not any(stack.termination_protection for stack in sandbox.synthesis.stacks.values())
    assert all(stack.termination_protection for stack in production.synthesis.stacks.values())


def test_what_production_keeps_outlives_its_stack(production):
    kept = (
        "AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::KMS::Key", "AWS::KMS::ReplicaKey",
        "AWS::SecretsManager::Secret", "AWS::Cognito::UserPool", "AWS::Logs::LogGroup", "AWS::SQS::Queue",
    )  # fmt: skip
    for kind in kept:
        assert production.of(kind)
        for resource in production.of(kind):
            assert resource.body["DeletionPolicy"] == "Retain", resource
            assert resource.body["UpdateReplacePolicy"] == "Retain", resource


def test_what_has_a_name_of_its_own_can_stand_beside_the_other_profile(declared):
    named = {
        "AWS::S3::Bucket": "BucketName", "AWS::Events::EventBus": "Name", "AWS::ApiGatewayV2::Api": "Name",
        "AWS::Logs::LogGroup": "LogGroupName", "AWS::SNS::Topic": "TopicName", "AWS::SQS::Queue": "QueueName",
        "AWS::Lambda::Function": "FunctionName", "AWS::IAM::Role": "RoleName", "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::DynamoDB::GlobalTable": "TableName", "AWS::StepFunctions::StateMachine": "StateMachineName",
        "AWS::CloudFront::ResponseHeadersPolicy": "ResponseHeadersPolicyConfig", "AWS::WAFv2::WebACL": "Name",
    }  # fmt: skip
    for kind, attribute in named.items():
        for resource in declared.of(kind):
            if attribute in resource.properties:
                value = resource[attribute]
                text = value["Name"] if attribute == "ResponseHeadersPolicyConfig" else resource.text(value)
                assert re.search(rf"marquee-?{declared.profile}", text), resource


def test_every_rule_keeps_what_it_cannot_deliver(declared):
    for rule in declared.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            assert rule.text(target["DeadLetterConfig"]["Arn"]) == f"<{rule.stack}/DeadLetters.Arn>"


def test_keys_rotate(declared):
    for key in declared.of("AWS::KMS::Key"):
        assert key["EnableKeyRotation"] is True


def test_the_budget_tells_the_topic_before_it_is_spent(declared):
    budget = declared.only("AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": declared.settings.governance.monthly_budget_usd, "Unit": "USD"}
    for notification in budget["NotificationsWithSubscribers"]:
        assert [budget.text(to["Address"]) for to in notification["Subscribers"]] == ["<governance/Alarms>"]


def test_every_alarm_calls_somebody(declared):
    for alarm in declared.of("AWS::CloudWatch::Alarm"):
        # An alarm reaches topics of its own region only: the second ingest region has one of its own.
        topics = {topic.path for topic in declared.of("AWS::SNS::Topic", stack=alarm.stack)} | {"governance/Alarms"}
        [action] = [alarm.text(action) for action in alarm["AlarmActions"]]
        assert action in {f"<{path}>" for path in topics if path.endswith("/Alarms")}, alarm
        assert alarm["TreatMissingData"] == "notBreaching"


def test_every_queue_has_an_alarm(declared):
    watched = {
        alarm.text(alarm["Dimensions"][0]["Value"])
        for alarm in declared.of("AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    # A queue with work in it is as it should be; what it gives up on lands where somebody is called.
    kept = [queue for queue in declared.of("AWS::SQS::Queue") if "RedrivePolicy" not in queue.properties]
    assert watched == {f"<{queue.path}.QueueName>" for queue in kept}
    for queue in declared.of("AWS::SQS::Queue"):
        if "RedrivePolicy" in queue.properties:
            assert queue.text(queue["RedrivePolicy"]["deadLetterTargetArn"]) in {f"<{k.path}.Arn>" for k in kept}


def test_alarms_and_rules_may_use_the_key_of_the_topics(declared):
    key = declared.at("governance/DataKey")
    admitted = {who for statement in key.statements(key["KeyPolicy"]) for who in statement.principals}
    assert {"cloudwatch.amazonaws.com", "events.amazonaws.com"} <= admitted
    for topic in declared.of("AWS::SNS::Topic"):
        assert topic.text(topic["KmsMasterKeyId"]) in _data_keys(declared), topic


def test_logs_are_encrypted_and_expire(declared):
    for group in declared.of("AWS::Logs::LogGroup"):
        assert group["RetentionInDays"] == declared.settings.governance.log_retention_days, group
        assert group.text(group["KmsKeyId"]) in _data_keys(declared), group


def _data_keys(declared):
    """The data key, and its replicas in other regions."""
    replicas = {f"<{key.path}.Arn>" for key in declared.of("AWS::KMS::ReplicaKey")}
    return {"<governance/DataKey.Arn>"} | replicas
