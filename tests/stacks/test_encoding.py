import pytest

from lambdas.encoding.prices import PriceList
from tests.stacks.state_machine import caught_by, definition, way

WORKFLOW = "encoding/Encode a version/StateMachine"
JOBS = ("encoding/EncodeJob", "ingestion/InspectJob")
MOST_INLINE_BRANCHES = 40


def test_a_version_is_planned_encoded_joined_scored_packaged_verified_and_registered(declared):
    machine = definition(declared, WORKFLOW)
    assert way(machine) == [
        "Issue content keys",
        "Plan",
        "Encode each chunk",
        "Finish each rung",
        "Package",
        "Verify",
        "Register",
        "Packaged",
    ]
    assert way(machine["States"]["Finish each rung"]["ItemProcessor"]) == ["Join", "Score"]
    assert machine["States"]["Packaged"]["Type"] == "Succeed"


def loops(declared):
    """The states around each kind of job, by the job's name."""
    states = definition(declared, WORKFLOW)["States"]
    finishing = states["Finish each rung"]["ItemProcessor"]["States"]
    found = {name: finishing[name]["Branches"][0] for name in ("Join", "Score")}
    found |= {name: states[name]["Branches"][0] for name in ("Package", "Verify")}
    return {"Encode each chunk": states["Encode each chunk"]["ItemProcessor"], **found}


def test_the_work_is_done_by_jobs_that_the_workflow_waits_for(declared):
    for name, loop in loops(declared).items():
        job = loop["States"][f"{name}: run"]
        assert loop["StartAt"] == f"{name}: run"
        assert job["Resource"] == "arn:<AWS::Partition>:states:::batch:submitJob.sync", name
        assert job["Parameters"]["JobQueue"] == "<encoding/Farm/EncodingQueue.JobQueueArn>"
        assert job["Parameters"]["JobDefinition"] == "<encoding/EncodeJob>"
        overrides = job["Parameters"]["ContainerOverrides"]
        assert overrides["ResourceRequirements"] == [{"Type": "MEMORY", "Value.$": "$.memory"}]


def test_what_a_job_fails_with_is_decided_upon_and_either_tried_again_or_recorded(declared):
    for name, loop in loops(declared).items():
        states = {key.removeprefix(f"{name}: "): state for key, state in loop["States"].items()}
        assert caught_by(states["run"]) == {"States.ALL": f"{name}: decide"}
        assert states["decide"]["Resource"] == "<encoding/DecideRetry.Arn>"
        [rule] = states["again?"]["Choices"]
        assert (rule["Variable"], rule["StringEquals"], rule["Next"]) == ("$.next.action", "fail", f"{name}: record")
        assert states["again?"]["Default"] == f"{name}: wait"
        assert states["wait"]["SecondsPath"] == "$.next.pause_s"
        assert (states["wait"]["Next"], states["again"]["Next"]) == (f"{name}: again", f"{name}: run")
        # The next attempt begins with what this one began with, but for what was decided.
        assert {key.removesuffix(".$") for key in states["again"]["Parameters"]} == {
            *("job", "memory", "tried", "execution", "input")
        }
        assert states["record"]["Resource"] == "<encoding/RecordFailure.Arn>"
        assert (states["record"]["Next"], states["failed"]["Error"]) == (f"{name}: failed", "JobFailedError")


def test_what_a_job_has_recorded_is_not_recorded_again(declared):
    states = definition(declared, WORKFLOW)["States"]
    for name in ("Encode each chunk", "Finish each rung", "Package", "Verify"):
        caught = caught_by(states[name])
        assert caught["JobFailedError"] == caught["States.ExceedToleratedFailureThreshold"] == "Failed"
        assert caught["States.ALL"] == "WithExecution"


def test_a_film_of_any_length_fits_each_chunk_is_an_execution_of_its_own(declared):
    chunks = definition(declared, WORKFLOW)["States"]["Encode each chunk"]
    assert chunks["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert chunks["ItemReader"]["Resource"].endswith(":states:::s3:getObject")
    assert chunks["ItemReader"]["Parameters"] == {"Bucket.$": "$.chunk_jobs.bucket", "Key.$": "$.chunk_jobs.key"}
    assert "ToleratedFailureCount" not in chunks
    assert "ToleratedFailurePercentage" not in chunks
    assert chunks["MaxConcurrency"] == declared.settings.encoding.max_parallel_jobs


def test_an_inline_map_runs_as_many_branches_as_it_may(declared):
    rungs = definition(declared, WORKFLOW)["States"]["Finish each rung"]
    assert rungs["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert 0 < rungs["MaxConcurrency"] <= MOST_INLINE_BRANCHES


def test_jobs_claim_what_they_do_in_a_table_and_may_do_nothing_else_there(declared):
    table = declared.at("encoding/FarmJobs")
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["version_id", "job"]
    variables = {
        entry["Name"]: declared.at("encoding/EncodeJob").text(entry["Value"])
        for entry in declared.at("encoding/EncodeJob")["ContainerProperties"]["Environment"]
    }
    assert variables["ENCODER_JOBS_TABLE"] == "<encoding/FarmJobs>"
    assert variables["ENCODER_MEMORY_MIB"] == str(declared.settings.encoding.job_memory_mib)
    [role] = [role for role in declared.of("AWS::IAM::Role") if role.path == "encoding/EncoderRole"]
    allowed = {
        action
        for statement in declared.granted(role)
        if any("FarmJobs" in resource for resource in statement.resources)
        for action in statement.actions
    }
    assert allowed == {"dynamodb:GetItem", "dynamodb:PutItem"}


def test_an_operator_is_told_of_jobs_by_a_function_that_only_reads(declared):
    statements = declared.granted(declared.at("encoding/ListJobsRole"))
    grants = {
        (action, resource) for granted in statements for action in granted.actions for resource in granted.resources
    }
    assert {grant for grant in grants if grant[0].startswith("dynamodb:")} == {
        ("dynamodb:Query", "<encoding/FarmJobs.Arn>")
    }
    objects = {(action, resource.partition("/")[2]) for action, resource in grants if action.startswith("s3:")}
    # What else lies in a version's folder is its film, in the clear.
    assert {action for action, _ in objects} == {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
    assert {path for action, path in objects if action != "s3:ListBucket"} == {"work/*/prediction.json*"}
    output = declared.templates["encoding"]["Outputs"]["JobsFunction"]
    assert declared.text(output["Value"], stack="encoding") == "<encoding/ListJobs>"
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    assert "<encoding/ListJobs.Arn>" not in permitted


def test_the_cost_is_predicted_for_the_capacity_that_is_asked_for_first(declared):
    encoding = declared.settings.encoding
    variables = declared.at("encoding/Plan")["Environment"]["Variables"]
    assert variables["CAPACITY"] == ("c7g-spot" if declared.settings.production else "fargate-arm-spot")
    assert variables["CAPACITY"] in PriceList.load().capacities
    assert float(variables["JOB_VCPUS"]) == encoding.job_vcpus
    assert int(variables["JOB_MEMORY_MIB"]) == encoding.job_memory_mib


def test_an_accepted_source_starts_it(declared):
    rule = declared.at("encoding/OnSourceAccepted")
    assert rule["EventPattern"] == {"source": ["marquee.ingestion"], "detail-type": ["SourceAccepted"]}
    assert rule.text(rule["EventBusName"]) == "<governance/Bus>"
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == "<encoding/Start.Arn>"
    assert rule.text(target["DeadLetterConfig"]["Arn"]) == "<encoding/DeadLetters.Arn>"


@pytest.mark.parametrize("path", JOBS)
def test_a_reclaimed_host_is_another_attempt_and_bad_input_is_none(declared, path):
    retry = declared.at(path)["RetryStrategy"]
    first, *middle, last = retry["EvaluateOnExit"]
    reason = "Host EC2*" if declared.settings.production else "Your Spot Task was interrupted*"
    assert first == {"Action": "RETRY", "OnStatusReason": reason}
    assert {"Action": "EXIT", "OnExitCode": "65"} in middle
    assert {rule["Action"] for rule in middle} == {"EXIT"}
    # An encode's other failures are the workflow's to decide.
    assert last == {"Action": "EXIT" if path == "encoding/EncodeJob" else "RETRY", "OnExitCode": "*"}
    assert retry["Attempts"] > 1


@pytest.mark.parametrize("path", JOBS)
def test_a_job_ends_in_time_and_logs_to_our_group(declared, path):
    job = declared.at(path)
    settings = declared.settings
    of_a_film = settings.ingestion.inspection_hours * 3600
    allowed = settings.encoding.job_timeout_minutes * 60 if path == "encoding/EncodeJob" else of_a_film
    assert job["Timeout"]["AttemptDurationSeconds"] == allowed
    logs = job["ContainerProperties"]["LogConfiguration"]
    assert logs["LogDriver"] == "awslogs"
    assert job.text(logs["Options"]["awslogs-group"]) == "<encoding/Farm/JobLogs>"


@pytest.mark.parametrize("path", JOBS)
def test_a_job_is_no_more_than_its_role(declared, path):
    container = declared.at(path)["ContainerProperties"]
    role = {"encoding/EncodeJob": "encoding/EncoderRole", "ingestion/InspectJob": "ingestion/InspectorRole"}[path]
    assert declared.at(path).text(container["JobRoleArn"]) == f"<{role}.Arn>"
    assert "Privileged" not in container


@pytest.mark.parametrize("name", ["InspectionQueue", "EncodingQueue"])
def test_spot_comes_before_on_demand(declared, name):
    queue = declared.at(f"encoding/Farm/{name}")
    order = sorted(queue["ComputeEnvironmentOrder"], key=lambda entry: entry["Order"])
    names = [queue.text(entry["ComputeEnvironment"]) for entry in order]
    assert names == [
        "<encoding/Farm/Spot.ComputeEnvironmentArn>",
        "<encoding/Farm/OnDemand.ComputeEnvironmentArn>",
    ]
    kinds = [declared.at(f"encoding/Farm/{name}")["ComputeResources"]["Type"] for name in ("Spot", "OnDemand")]
    assert kinds == (["SPOT", "EC2"] if declared.settings.production else ["FARGATE_SPOT", "FARGATE"])


def test_a_studio_does_not_wait_behind_the_encodes(declared):
    inspection, encoding = (declared.at(f"encoding/Farm/{name}Queue") for name in ("Inspection", "Encoding"))
    assert inspection["Priority"] > encoding["Priority"]
    assert inspection["ComputeEnvironmentOrder"] == encoding["ComputeEnvironmentOrder"]


@pytest.mark.parametrize("name", ["InspectionQueue", "EncodingQueue"])
def test_a_job_that_no_capacity_can_take_does_not_wait_for_ever(declared, name):
    queue = declared.at(f"encoding/Farm/{name}")
    assert queue["JobStateTimeLimitActions"]
    for action in queue["JobStateTimeLimitActions"]:
        assert (action["State"], action["Action"]) == ("RUNNABLE", "CANCEL")
        assert action["MaxTimeSeconds"] <= 12 * 3600


def test_production_runs_on_arm_and_on_nothing_while_idle(production):
    for name in ("Spot", "OnDemand"):
        compute = production.at(f"encoding/Farm/{name}")["ComputeResources"]
        families = {kind.partition(".")[0] for kind in compute["InstanceTypes"]}
        assert families == set(production.settings.encoding.instance_families)
        assert all(family.endswith("g") for family in families), "a queue takes one architecture, and it is Graviton"
        assert compute["MinvCpus"] == 0


def test_production_jobs_fit_a_host(production):
    job = production.settings.encoding
    smallest_host_vcpus, smallest_host_gib = 16, 32
    assert job.job_vcpus <= smallest_host_vcpus
    assert job.job_memory_mib <= smallest_host_gib * 1024 - 2048, "the agent and the system need theirs"


def test_fargate_runs_on_arm_too(sandbox):
    for path in JOBS:
        container = sandbox.at(path)["ContainerProperties"]
        assert container["RuntimePlatform"] == {"CpuArchitecture": "ARM64"}


def subnets_of(declared, name):
    environment = declared.at(f"encoding/Farm/{name}")
    return [environment.text(subnet) for subnet in environment["ComputeResources"]["Subnets"]]


def test_production_jobs_run_in_private_subnets_of_three_zones(production):
    private = {f"<encoding/Farm/Network/jobsSubnet{number}/Subnet>" for number in (1, 2, 3)}
    for name in ("Spot", "OnDemand"):
        assert set(subnets_of(production, name)) == private
    gateways = production.of("AWS::EC2::NatGateway")
    assert len({gateway.text(gateway["SubnetId"]) for gateway in gateways}) == len(private)
    for subnet in production.of("AWS::EC2::Subnet"):
        assert not subnet.properties.get("MapPublicIpOnLaunch")


def test_the_sandbox_has_no_gateway_that_bills(sandbox):
    assert not sandbox.of("AWS::EC2::NatGateway")
    assert not sandbox.of("AWS::EC2::EIP")
    assert {endpoint["VpcEndpointType"] for endpoint in sandbox.of("AWS::EC2::VPCEndpoint")} == {"Gateway"}


def test_nothing_comes_in_and_only_tls_goes_out(declared):
    group = declared.at("encoding/Farm/Jobs")
    assert "SecurityGroupIngress" not in group.properties
    [egress] = group["SecurityGroupEgress"]
    assert (egress["IpProtocol"], egress["FromPort"], egress["ToPort"]) == ("tcp", 443, 443)


def test_hosts_have_encrypted_disks_and_guard_their_credentials(production):
    for template in production.of("AWS::EC2::LaunchTemplate"):
        data = template["LaunchTemplateData"]
        assert all(device["Ebs"]["Encrypted"] for device in data["BlockDeviceMappings"])
        assert data["MetadataOptions"] == {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"}


def test_the_encoder_touches_work_and_media_only(declared):
    for statement in declared.granted(declared.at("encoding/EncoderRole")):
        if "s3:PutObject" in statement.actions:
            assert all(resource.endswith("/work/*") or "-media-" in resource for resource in statement.resources), (
                statement
            )
        assert "s3:DeleteObject" not in statement.actions


def test_the_encoder_reads_back_what_it_packaged_and_the_thumbnails_of_the_analysis(declared):
    readable = {
        resource
        for statement in declared.granted(declared.at("encoding/EncoderRole"))
        if "s3:GetObject" in statement.actions
        for resource in statement.resources
    }
    assert any("-media-" in resource for resource in readable)
    assert any(resource.endswith("/analysis/*") for resource in readable)


def test_there_are_enough_rungs(declared):
    ladder = declared.settings.encoding.ladder
    assert len(ladder) >= 4
    assert len({recipe.rung for recipe in ladder}) == len(ladder)
