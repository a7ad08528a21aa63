"""How encodes' progress is told, as it is declared: what is gathered, by whom, and what it may read."""

from tests.stacks.test_farm_watch import granted

QUEUE, RULE, FUNCTION = "encoding/FarmProgress/StateChanges", "encoding/FarmProgress/JobsMove", "encoding/Progress"


def encode_queues(declared):
    """Every queue of the farm but that of inspections."""
    every = {f"<{queue.path}.JobQueueArn>" for queue in declared.of("AWS::Batch::JobQueue", stack="encoding")}
    return every - {"<encoding/Farm/InspectionQueue.JobQueueArn>"}


def test_state_changes_of_encodes_and_of_nothing_else_are_gathered(declared):
    rule = declared.at(RULE)
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.batch"], ["Batch Job State Change"])
    assert {rule.text(queue) for queue in pattern["detail"]["jobQueue"]} == encode_queues(declared)
    # What changes a job's record: its claim follows the first, its result is before the others.
    assert pattern["detail"]["status"] == ["RUNNING", "SUCCEEDED", "FAILED"]
    # AWS's own events are on the default bus.
    assert "EventBusName" not in rule.properties
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == f"<{QUEUE}.Arn>"
    assert rule.text(target["DeadLetterConfig"]["Arn"]) == "<encoding/DeadLetters.Arn>"


def test_the_queue_is_encrypted_and_what_cannot_be_told_is_kept_with_an_alarm(declared):
    queue = declared.at(QUEUE)
    assert queue["SqsManagedSseEnabled"] is True
    redrive = queue["RedrivePolicy"]
    assert queue.text(redrive["deadLetterTargetArn"]) == "<encoding/DeadLetters.Arn>"
    assert redrive["maxReceiveCount"] > 1
    assert declared.at("encoding/DeadLettersNotEmpty")


def test_only_the_rule_fills_the_queue(declared):
    [policy] = [
        found
        for found in declared.of("AWS::SQS::QueuePolicy", stack="encoding")
        if [found.text(queue) for queue in found["Queues"]] == [f"<{QUEUE}>"]
    ]
    [sending] = [
        statement
        for statement in policy.statements(policy["PolicyDocument"])
        if statement.effect == "Allow" and "sqs:SendMessage" in statement.actions
    ]
    assert sending.principals == ("events.amazonaws.com",)
    assert policy.text(sending.condition["ArnEquals"]["aws:SourceArn"]) == f"<{RULE}.Arn>"


def test_many_changes_are_one_look_and_one_version_holds_up_no_other(declared):
    [mapping] = [
        found
        for found in declared.of("AWS::Lambda::EventSourceMapping", stack="encoding")
        if found.text(found["EventSourceArn"]) == f"<{QUEUE}.Arn>"
    ]
    assert mapping.text(mapping["FunctionName"]) == f"<{FUNCTION}>"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # More than ten messages at once need a window.
    assert mapping["BatchSize"] > 10
    assert mapping["MaximumBatchingWindowInSeconds"] > 0
    patience = 6 * declared.at(FUNCTION)["Timeout"] + mapping["MaximumBatchingWindowInSeconds"]
    assert declared.at(QUEUE)["VisibilityTimeout"] >= patience


def test_who_tells_and_who_is_asked_look_at_the_same_and_read_nothing_else(declared):
    for name in ("Progress", "ListJobs"):
        function = declared.at(f"encoding/{name}")
        queues = function.text(function["Environment"]["Variables"]["JOB_QUEUES"]).split(",")
        assert set(queues) == encode_queues(declared), name
        may = granted(declared, name)
        assert may["batch:ListJobs"] == {"*"}
        read = {resource.rpartition("/work/")[2] for resource in may["s3:GetObject"]}
        assert read == {"*/plan.json*", "*/prediction.json*"}
        assert "<encoding/FarmJobs.Arn>" in may["dynamodb:Query"]
    assert granted(declared, "Progress")["events:PutEvents"] == {"<governance/Bus.Arn>"}
    assert not {action for action in granted(declared, "Progress") if action.startswith("dynamodb:")} - {
        "dynamodb:Query"
    }


def test_the_keys_in_a_plan_stay_closed_to_who_reads_it(declared):
    """Only through S3 is the key used: what it has wrapped, which the plan holds, it does not open for them."""
    for statement in declared.granted(declared.at("encoding/ProgressRole")):
        if "kms:Decrypt" in statement.actions:
            assert statement.condition["StringEquals"]["kms:ViaService"].startswith("s3.")
