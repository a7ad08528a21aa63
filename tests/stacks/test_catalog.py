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
            assert {bool(replica.get("DeletionProtectionEnabled")) for replica in table["Replicas"]} == {protected}
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
    assert allowed(declared, "catalog/RollbackRole") == allowed(declared, "catalog/PublishRole")
    assert allowed(declared, "catalog/VersionsRole") == {("dynamodb:GetItem", titles), ("dynamodb:Query", titles)}
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


def test_a_rollback_looks_for_manifests_and_for_nothing_else(declared):
    reads = [
        statement
        for statement in declared.granted(declared.at("catalog/RollbackRole"))
        if any(action.startswith("s3:") for action in statement.actions)
    ]
    assert {action for statement in reads for action in statement.actions} == {
        "s3:GetObject",
        "s3:ListBucket",
    }
    objects = {resource for statement in reads for resource in statement.resources if "/" in resource}
    assert {resource.partition("/")[2] for resource in objects} == {"*/manifests/*"}


def test_operators_are_told_the_functions_that_they_call(declared):
    outputs = declared.templates["catalog"]["Outputs"]
    for name, path in (("RollbackFunction", "catalog/Rollback"), ("VersionsFunction", "catalog/Versions")):
        assert declared.text(outputs[name]["Value"], stack="catalog") == f"<{path}>"


def test_nobody_but_an_operator_can_call_a_rollback(declared):
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    assert "<catalog/Rollback.Arn>" not in permitted
    assert "<catalog/Publish.Arn>" in permitted
