import pytest

REPLICATED = ("Raw", "Media")


def encryption(bucket):
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]


def rules(bucket):
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}


def transitions(rule):
    return {step["StorageClass"]: step["TransitionInDays"] for step in rule["Transitions"]}


def statements(declared, bucket):
    [policy] = [
        found
        for found in declared.of("AWS::S3::BucketPolicy", stack=bucket.stack)
        if found["Bucket"] == {"Ref": bucket.logical_id}
    ]
    return list(policy.statements(policy["PolicyDocument"]))


def test_every_bucket_is_private_versioned_and_encrypted(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, bucket
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, bucket
        assert encryption(bucket)["SSEAlgorithm"] in {"aws:kms", "AES256"}, bucket


def test_every_bucket_takes_tls_only(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        denied = [statement for statement in statements(declared, bucket) if statement.effect == "Deny"]
        conditions = [statement.condition for statement in denied]
        assert {"Bool": {"aws:SecureTransport": "false"}} in conditions, bucket
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions, bucket
        for statement in denied:
            assert statement.actions == {"s3:*"}
            assert len(statement.resources) == 2, "the bucket, and its objects"


def test_every_bucket_but_the_log_bucket_itself_is_logged_in_its_own_region(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        if bucket.path.endswith("/AccessLogs"):
            assert "LoggingConfiguration" not in bucket.properties
        else:
            logs = bucket.text(bucket["LoggingConfiguration"]["DestinationBucketName"])
            assert logs == f"<{bucket.stack}/AccessLogs>"


def test_what_cannot_be_made_again_is_encrypted_with_our_own_key(declared):
    for name in ("Raw", "Mezzanine"):
        bucket = declared.at(f"storage/{name}")
        assert bucket.text(encryption(bucket)["KMSMasterKeyID"]) == "<governance/DataKey.Arn>"


def test_raw_sources_are_archived(declared):
    steps = transitions(rules(declared.at("storage/Raw"))["RawSourceArchive"])
    assert steps == {"GLACIER": 90, "DEEP_ARCHIVE": 365}


def test_mezzanines_are_tiered_and_work_expires(declared):
    found = rules(declared.at("storage/Mezzanine"))
    assert transitions(found["MezzanineTransition"]) == {"INTELLIGENT_TIERING": 180}
    assert "Prefix" not in found["MezzanineTransition"]
    assert found["WorkExpires"]["Prefix"] == "work/"
    assert found["WorkExpires"]["ExpirationInDays"] == declared.settings.storage.work_expiry_days


def test_uploads_that_nobody_finished_are_aborted(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        if not bucket.path.endswith("/AccessLogs"):
            stale = [rule.get("AbortIncompleteMultipartUpload") for rule in rules(bucket).values()]
            assert {"DaysAfterInitiation": 7} in stale, bucket


def test_only_the_raw_bucket_announces_its_objects(declared):
    announcing = [
        bucket.path for bucket in declared.of("AWS::S3::Bucket") if "NotificationConfiguration" in bucket.properties
    ]
    assert announcing == ["storage/Raw"]


@pytest.mark.parametrize("name", REPLICATED)
def test_replicas_exist_where_replication_sends_to(declared, name):
    source = declared.at(f"storage/{name}")
    sent_to = {source.text(rule["Destination"]["Bucket"]) for rule in source["ReplicationConfiguration"]["Rules"]}
    replicas = [
        declared.at(f"storage-replica-{region}/{name}Replica") for region in declared.settings.storage.replica_regions
    ]
    assert sent_to == {f"arn:aws:s3:::{replica.text(replica['BucketName'])}" for replica in replicas}
    for replica, region in zip(replicas, declared.settings.storage.replica_regions, strict=True):
        assert declared.synthesis.stacks[replica.stack].region == region


def test_nothing_else_is_replicated(declared):
    replicated = {
        bucket.path
        for bucket in declared.of("AWS::S3::Bucket")
        if "ReplicationConfiguration" in bucket.body["Properties"]
    }
    assert replicated == {f"storage/{name}" for name in REPLICATED}


@pytest.mark.parametrize("name", REPLICATED)
def test_deletions_stay_in_their_region(declared, name):
    for rule in declared.at(f"storage/{name}")["ReplicationConfiguration"]["Rules"]:
        assert rule["Status"] == "Enabled"
        assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}


def test_replicas_are_encrypted_as_their_source_is(declared):
    for name in REPLICATED:
        source = declared.at(f"storage/{name}")
        with_key = encryption(source)["SSEAlgorithm"] == "aws:kms"
        for rule in source["ReplicationConfiguration"]["Rules"]:
            region = rule["Id"].removeprefix("to-")
            assert ("SourceSelectionCriteria" in rule) is with_key
            assert ("EncryptionConfiguration" in rule["Destination"]) is with_key
            if with_key:
                assert rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"] == {"Status": "Enabled"}
                key = source.text(rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"])
                assert f":kms:{region}:" in key


def test_production_encrypts_the_copies_with_the_replica_of_the_key(production):
    assert production.at("governance/DataKey")["MultiRegion"] is True
    for region in production.settings.storage.replica_regions:
        key = production.at(f"storage-replica-{region}/DataKey")
        assert key.text(key["PrimaryKeyArn"]) == "<governance/DataKey.Arn>"
        bucket = production.at(f"storage-replica-{region}/RawReplica")
        assert bucket.text(encryption(bucket)["KMSMasterKeyID"]) == f"<{key.path}.Arn>"


def test_production_replicates_within_a_quarter_of_an_hour(production, sandbox):
    for name in REPLICATED:
        for rule in production.at(f"storage/{name}")["ReplicationConfiguration"]["Rules"]:
            assert rule["Destination"]["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
        for rule in sandbox.at(f"storage/{name}")["ReplicationConfiguration"]["Rules"]:
            assert "ReplicationTime" not in rule["Destination"]


@pytest.mark.parametrize("name", REPLICATED)
def test_the_replication_role_reads_its_source_and_writes_its_replicas(declared, name):
    allowed = declared.granted(declared.at(f"storage/{name}Replication/Role"))
    source = declared.at(f"storage/{name}")
    arn = f"arn:aws:s3:::{source.text(source['BucketName'])}"
    for statement in allowed:
        for resource in statement.resources:
            if "s3:ReplicateObject" in statement.actions:
                assert f"{name.lower()}-replica-" in resource
            elif resource.startswith("arn:aws:s3:::"):
                assert resource in {arn, f"{arn}/*"}


@pytest.mark.parametrize("name", ["Media", "Web"])
def test_distributions_of_this_account_read_and_nobody_else_does(declared, name):
    allowed = [
        statement
        for statement in statements(declared, declared.at(f"storage/{name}"))
        if statement.effect == "Allow" and "s3:GetObject" in statement.actions
    ]
    [statement] = allowed
    assert statement.principals == ("cloudfront.amazonaws.com",)
    [pattern] = statement.condition["ArnLike"].values()
    assert "<AWS::AccountId>:distribution/*" in declared.at(f"storage/{name}").text(pattern)


def test_the_sandbox_can_be_removed_and_production_cannot(sandbox, production):
    for bucket in sandbox.of("AWS::S3::Bucket"):
        assert bucket.body["DeletionPolicy"] == "Delete"
    for bucket in production.of("AWS::S3::Bucket"):
        assert bucket.body["DeletionPolicy"] == "Retain"
    assert not production.of("Custom::S3AutoDeleteObjects")
