def tables(declared):
    return declared.of("AWS::DynamoDB::GlobalTable")


def test_every_table_can_be_restored_and_is_encrypted(declared):
    for table in tables(declared):
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"]["SSEEnabled"] is True
        for replica in table["Replicas"]:
            assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_no_table_of_production_can_be_deleted(sandbox, production):
    for declared, protected in ((sandbox, False), (production, True)):
        for table in tables(declared):
            assert [bool(replica.get("DeletionProtectionEnabled")) for replica in table["Replicas"]] == [protected]
            assert table.body["DeletionPolicy"] == ("Retain" if protected else "Delete")


def test_published_titles_are_listed_by_name(declared):
    [index] = declared.at("catalog/Titles")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "published"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["listing", "name"]


def allowed(declared, path):
    return {
        (action, resource)
        for statement in declared.granted(declared.at(path))
        for action in statement.actions
        for resource in statement.resources
        if action.startswith("dynamodb:")
    }


def test_each_function_does_its_own_to_the_table(declared):
    titles = "<catalog/Titles.Arn>"
    assert allowed(declared, "catalog/RecordVersionRole") == {("dynamodb:PutItem", titles)}
    assert allowed(declared, "catalog/PublishRole") == {
        (f"dynamodb:{action}", titles) for action in ("GetItem", "PutItem", "UpdateItem")
    }
    assert allowed(declared, "catalog/ListTitlesRole") == {("dynamodb:Query", f"{titles}/index/published")}


def test_no_context_reads_the_tables_of_another(declared):
    for role in declared.of("AWS::IAM::Role"):
        for statement in declared.granted(role):
            for resource in statement.resources:
                if any(resource.startswith(f"<{table.path}.") for table in tables(declared)):
                    assert resource.startswith(f"<{role.stack}/"), role


def test_it_follows_the_bus(declared):
    for rule_name, source, event, function in (
        ("OnSourceAccepted", "marquee.ingestion", "SourceAccepted", "RecordVersion"),
        ("OnVersionPackaged", "marquee.encoding", "VersionPackaged", "Publish"),
    ):
        rule = declared.at(f"catalog/{rule_name}")
        assert rule["EventPattern"] == {"source": [source], "detail-type": [event]}
        assert [rule.text(target["Arn"]) for target in rule["Targets"]] == [f"<catalog/{function}.Arn>"]
