import pytest

from lambdas.common.dispositions import TAG, Disposition

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
            region = declared.synthesis.stacks[bucket.stack].region
            assert logs in {
                f"<{name}/AccessLogs>" for name, stack in declared.synthesis.stacks.items() if stack.region == region
            }


def test_what_cannot_be_made_again_is_encrypted_with_our_own_key(declared):
    for name in ("Raw", "Mezzanine"):
        bucket = declared.at(f"storage/{name}")
        assert bucket.text(encryption(bucket)["KMSMasterKeyID"]) == "<governance/DataKey.Arn>"


def raw_buckets(declared):
    """The raw bucket and its replicas: lifecycle is not replicated, so that each needs the same."""
    return [
        declared.at("storage/Raw"),
        *(declared.at(f"storage-replica-{region}/RawReplica") for region in declared.settings.storage.replica_regions),
    ]


def test_raw_sources_are_archived_in_every_region(declared):
    for bucket in raw_buckets(declared):
        archive = rules(bucket)["RawSourceArchive"]
        assert transitions(archive) == {"GLACIER": 90, "DEEP_ARCHIVE": 365}
        assert {"Prefix", "TagFilters"}.isdisjoint(archive), "all sources"
        replaced = {step["StorageClass"]: step["TransitionInDays"] for step in archive["NoncurrentVersionTransitions"]}
        assert replaced == transitions(archive)


def test_a_source_expires_only_by_the_tag_that_turned_it_away(declared):
    storage = declared.settings.storage
    for bucket in raw_buckets(declared):
        expiring = {
            name: rule
            for name, rule in rules(bucket).items()
            if "ExpirationInDays" in rule or "NoncurrentVersionExpiration" in rule
        }
        found = {}
        for rule in expiring.values():
            [tag] = rule["TagFilters"]
            assert tag["Key"] == TAG
            assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}, "else it would be kept twice as long"
            found[tag["Value"]] = rule["ExpirationInDays"]
        assert found == {
            Disposition.REJECTED.value: storage.rejected_expiry_days,
            Disposition.DUPLICATE.value: storage.duplicate_expiry_days,
        }


def test_what_ingestion_accepts_matches_no_expiry(declared):
    assert Disposition.ACCEPTED.value not in {
        tag["Value"] for rule in rules(declared.at("storage/Raw")).values() for tag in rule.get("TagFilters", ())
    }


def test_old_versions_expire_everywhere_but_where_they_are_referred_to(declared):
    kept = {bucket.path for bucket in raw_buckets(declared)}
    for bucket in declared.of("AWS::S3::Bucket"):
        general = [
            rule["NoncurrentVersionExpiration"]
            for rule in rules(bucket).values()
            if "NoncurrentVersionExpiration" in rule and {"Prefix", "TagFilters"}.isdisjoint(rule)
        ]
        days = declared.settings.storage.noncurrent_expiry_days
        assert general == ([] if bucket.path in kept else [{"NoncurrentDays": days}]), bucket


def test_uploads_are_aborted_where_studios_upload_only_after_the_largest_film_had_time(declared):
    """S3 counts from an upload's beginning, and aborts a running one as well."""
    storage = declared.settings.storage
    for bucket in declared.of("AWS::S3::Bucket"):
        patient = bucket.path == "storage/Raw" or bucket.path.endswith("/Landing")
        [days] = [
            rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
            for rule in rules(bucket).values()
            if "AbortIncompleteMultipartUpload" in rule
        ]
        assert days == (storage.abort_delivery_days if patient else storage.abort_upload_days), bucket
    assert 5e12 * 8 / (storage.abort_delivery_days * 86_400) < 16e6, "5 TB, at 16 Mbit/s"


def test_markers_of_nothing_go(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        assert any(rule.get("ExpiredObjectDeleteMarker") for rule in rules(bucket).values()), bucket


def test_mezzanines_are_tiered_and_work_expires_with_its_old_versions(declared):
    found = rules(declared.at("storage/Mezzanine"))
    assert transitions(found["MezzanineTransition"]) == {"INTELLIGENT_TIERING": 180}
    assert "Prefix" not in found["MezzanineTransition"]
    assert found["WorkExpires"]["Prefix"] == "work/"
    assert found["WorkExpires"]["ExpirationInDays"] == declared.settings.storage.work_expiry_days
    assert found["WorkExpires"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert not any(rule.get("Prefix", "").startswith("analysis") for rule in found.values()), "an analysis is kept"


def test_encoded_assets_stay_in_standard(declared):
    for path in (
        "storage/Media",
        *(f"storage-replica-{r}/MediaReplica" for r in declared.settings.storage.replica_regions),
    ):
        for rule in rules(declared.at(path)).values():
            assert {"Transitions", "NoncurrentVersionTransitions", "ExpirationInDays"}.isdisjoint(rule)


def test_access_logs_expire(declared):
    for bucket in declared.of("AWS::S3::Bucket"):
        if bucket.path.endswith("/AccessLogs"):
            days = {rule.get("ExpirationInDays") for rule in rules(bucket).values()}
            assert declared.settings.storage.access_log_expiry_days in days


def test_each_replicated_bucket_and_replica_is_listed_daily_in_its_own_region(declared):
    listed = {
        bucket.path: configuration
        for bucket in declared.of("AWS::S3::Bucket")
        for configuration in bucket.properties.get("InventoryConfigurations", ())
    }
    regions = declared.settings.storage.replica_regions
    second = declared.settings.ingestion.second_region
    assert set(listed) == {
        *(f"storage/{name}" for name in REPLICATED),
        *(f"storage-replica-{region}/{name}Replica" for region in regions for name in REPLICATED),
        *([f"ingestion-{second}/Landing"] if second else []),
    }
    for path, configuration in listed.items():
        assert configuration["Enabled"] is True
        assert (configuration["IncludedObjectVersions"], configuration["ScheduleFrequency"]) == ("All", "Daily")
        wanted = {"Size", "ETag", "StorageClass", "ReplicationStatus", "EncryptionStatus", "ChecksumAlgorithm"}
        assert wanted <= set(configuration["OptionalFields"])
        bucket = declared.at(path)
        reports = declared.at(f"{bucket.stack.replace('ingestion-', 'storage-replica-')}/Reports")
        to = bucket.text(configuration["Destination"]["BucketArn"])
        assert to == f"arn:aws:s3:::{reports.text(reports['BucketName'])}"
        assert configuration["Destination"]["Format"] == "CSV"


def test_s3_may_write_inventories_of_those_buckets_only(declared):
    buckets = declared.of("AWS::S3::Bucket")
    for reports in [bucket for bucket in buckets if bucket.path.endswith("/Reports")]:
        name = reports.text(reports["BucketName"])
        listed = {
            f"arn:aws:s3:::{bucket.text(bucket['BucketName'])}"
            for bucket in buckets
            for configuration in bucket.properties.get("InventoryConfigurations", ())
            if bucket.text(configuration["Destination"]["BucketArn"]).removeprefix("arn:aws:s3:::") == name
        }
        writing = [
            statement
            for statement in statements(declared, reports)
            if statement.effect == "Allow" and statement.principals == ("s3.amazonaws.com",)
        ]
        for statement in writing:
            assert statement.actions == {"s3:PutObject"}
        assert {reports.text(found.condition["ArnLike"]["aws:SourceArn"]) for found in writing} >= listed > set()


def test_late_and_failed_copies_are_alarms_where_there_are_metrics(production, sandbox):
    assert not [
        alarm for alarm in sandbox.of("AWS::CloudWatch::Alarm") if alarm.properties.get("Namespace") == "AWS/S3"
    ]
    watched = {}
    for alarm in production.of("AWS::CloudWatch::Alarm", stack="storage"):
        if alarm["Namespace"] == "AWS/S3":
            dimensions = {entry["Name"]: alarm.text(entry["Value"]) for entry in alarm["Dimensions"]}
            where = (dimensions["SourceBucket"], dimensions["DestinationBucket"], dimensions["RuleId"])
            watched.setdefault(where, {})[alarm["MetricName"]] = alarm["Threshold"]
    replicated = set()
    for name in REPLICATED:
        source = production.at(f"storage/{name}")
        for rule in source["ReplicationConfiguration"]["Rules"]:
            to = source.text(rule["Destination"]["Bucket"]).removeprefix("arn:aws:s3:::")
            replicated.add((source.text(source["BucketName"]), to, rule["Id"]))
    assert set(watched) == replicated
    late = production.settings.storage.replication_lag_alarm_minutes * 60
    for thresholds in watched.values():
        assert thresholds == {"ReplicationLatency": late + 1, "OperationsFailedReplication": 1}


def test_storage_lens_costs_nothing_in_the_sandbox(sandbox, production):
    free = sandbox.only("AWS::S3::StorageLens")["StorageLensConfiguration"]
    assert free["AccountLevel"] == {"BucketLevel": {}}
    assert "DataExport" not in free
    lens = production.only("AWS::S3::StorageLens")["StorageLensConfiguration"]
    assert lens["AccountLevel"]["AdvancedDataProtectionMetrics"] == {"IsEnabled": True}
    assert lens["DataExport"]["S3BucketDestination"]["Format"] == "CSV"


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
    landing = {f"ingestion-{region}/Landing" for region in (declared.settings.ingestion.second_region,) if region}
    assert replicated == {f"storage/{name}" for name in REPLICATED} | landing


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
