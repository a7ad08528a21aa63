"""The second ingest region, which production alone has."""

import pytest

from stacks.settings import PRODUCTION

REGION = PRODUCTION.ingestion.second_region
LANDING = f"ingestion-{REGION}"


def records(production):
    return {record["Failover"]: record for record in production.of("AWS::Route53::RecordSet")}


def test_a_sandbox_has_one_ingest_region(sandbox, opted_in):
    for declared in (sandbox, opted_in):
        assert not declared.of("AWS::Route53::HostedZone")
        assert not [name for name in declared.templates if name.startswith("ingestion-")]


def test_it_stands_in_a_region_that_has_the_key(production):
    assert production.synthesis.stacks[LANDING].region == REGION
    assert REGION in production.settings.storage.replica_regions
    bucket = production.at(f"{LANDING}/Landing")
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = bucket.text(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert key == f"<storage-replica-{REGION}/DataKey.Arn>"


def test_what_lands_goes_to_the_raw_bucket_and_to_every_replica_of_it(production):
    """S3 does not replicate replicas: what only went to the raw bucket would lie in one region."""
    landing, raw = production.at(f"{LANDING}/Landing"), production.at("storage/Raw")
    sent = {landing.text(rule["Destination"]["Bucket"]) for rule in landing["ReplicationConfiguration"]["Rules"]}
    onward = {raw.text(rule["Destination"]["Bucket"]) for rule in raw["ReplicationConfiguration"]["Rules"]}
    assert sent == onward | {f"arn:aws:s3:::{raw.text(raw['BucketName'])}"}


def test_its_copies_are_encrypted_and_punctual(production):
    landing = production.at(f"{LANDING}/Landing")
    for rule in landing["ReplicationConfiguration"]["Rules"]:
        region = rule["Id"].removeprefix("to-")
        destination = rule["Destination"]
        assert f":kms:{region}:" in landing.text(destination["EncryptionConfiguration"]["ReplicaKmsKeyID"])
        assert destination["ReplicationTime"]["Status"] == "Enabled"
        assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}


def test_its_role_opens_what_lies_there_with_the_regions_own_key(production):
    opened = [
        (resource, statement.condition["StringEquals"]["kms:ViaService"])
        for statement in production.granted(production.at(f"{LANDING}/LandingReplication/Role"))
        if "kms:Decrypt" in statement.actions
        for resource in statement.resources
    ]
    [(key, via)] = opened
    assert f":kms:{REGION}:" in key
    assert via == f"s3.{REGION}.amazonaws.com"


def test_its_alarms_reach_a_topic_of_its_own_region(production):
    alarms = production.of("AWS::CloudWatch::Alarm", stack=LANDING)
    assert {alarm["MetricName"] for alarm in alarms} >= {"ReplicationLatency", "OperationsFailedReplication"}
    for alarm in alarms:
        assert [alarm.text(action) for action in alarm["AlarmActions"]] == [f"<{LANDING}/Alarms>"]


def test_each_studio_of_the_settings_may_deliver_there(production):
    users = {user["UserName"]: user for user in production.of("AWS::Transfer::User", stack=LANDING)}
    assert set(users) == {studio.name for studio in production.settings.ingestion.studios}
    landing = production.at(f"{LANDING}/Landing")
    for name, user in users.items():
        [home] = user["HomeDirectoryMappings"]
        assert user.text(home["Target"]) == f"/{landing.text(landing['BucketName'])}/{name}"


def test_one_name_leads_to_the_primary_region_and_after_it_to_the_second(production):
    found = records(production)
    assert set(found) == {"PRIMARY", "SECONDARY"}
    assert {record["Name"] for record in found.values()} == {f"sftp.{production.settings.ingestion.domain}"}
    assert int(found["PRIMARY"]["TTL"]) <= 60
    [primary] = found["PRIMARY"]["ResourceRecords"]
    [second] = found["SECONDARY"]["ResourceRecords"]
    assert found["PRIMARY"].text(primary) == "<ingestion/Sftp/Server.ServerId>.server.transfer.us-east-1.amazonaws.com"
    assert found["SECONDARY"].text(second) == f"<{LANDING}/Sftp/Server.ServerId>.server.transfer.{REGION}.amazonaws.com"


@pytest.mark.parametrize("failover", ["PRIMARY", "SECONDARY"])
def test_a_server_is_well_when_its_port_answers(production, failover):
    record = records(production)[failover]
    check = production.at(f"ingestion-endpoint/{failover.title()}Health")
    assert record.text(record["HealthCheckId"]) == f"<{check.path}.HealthCheckId>"
    config = check["HealthCheckConfig"]
    assert (config["Type"], config["Port"]) == ("TCP", 22)
    assert check.text(config["FullyQualifiedDomainName"]) == record.text(record["ResourceRecords"][0])


@pytest.mark.parametrize("failover", ["PRIMARY", "SECONDARY"])
def test_people_learn_that_a_server_does_not_answer(production, failover):
    alarm = production.at(f"ingestion-endpoint/{failover.title()}Unreachable")
    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "HealthCheckStatus",
        "LessThanThreshold",
        1,
    )
    [dimension] = alarm["Dimensions"]
    assert alarm.text(dimension["Value"]) == f"<ingestion-endpoint/{failover.title()}Health.HealthCheckId>"
    assert alarm["AlarmActions"]
