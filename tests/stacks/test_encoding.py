import pytest

from lambdas.encoding.cost import JobSizes
from lambdas.encoding.models import SearchRules
from lambdas.encoding.prices import PriceList
from tests.stacks.state_machine import caught_by, definition, way

WORKFLOW = "encoding/Encode a version/StateMachine"
JOBS = {
    "encoding/EncodeJob": "encoding/EncoderRole",
    "encoding/PackageJob": "encoding/PackagerRole",
    "ingestion/InspectJob": "ingestion/InspectorRole",
}
"""The definitions of jobs, and their roles."""
ENCODES = ("encoding/EncodeJob", "encoding/PackageJob")
MOST_INLINE_BRANCHES = 40


def test_a_version_is_planned_searched_encoded_joined_scored_packaged_verified_and_registered(declared):
    machine = definition(declared, WORKFLOW)
    assert way(machine | {"StartAt": "Issue content keys"}) == [
        "Issue content keys",
        "Plan",
        "Search the ladder",
        "Choose the ladder",
        "Encode each chunk",
        "Take stock before the rungs",
        "Finish each rung",
        "Judge quality",
        "Good enough?",
    ]
    assert way(machine | {"StartAt": "Take stock before packaging"}) == [
        "Take stock before packaging",
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
    found |= {name: states[name]["Branches"][0] for name in ("Search the ladder", "Package", "Verify")}
    return {"Encode each chunk": states["Encode each chunk"]["ItemProcessor"], **found}


def test_the_work_is_done_by_jobs_that_the_workflow_waits_for(declared):
    for name, loop in loops(declared).items():
        job = loop["States"][f"{name}: run"]
        assert loop["StartAt"] == f"{name}: run"
        assert job["Resource"] == "arn:<AWS::Partition>:states:::batch:submitJob.sync", name
        assert job["Parameters"]["JobQueue.$"] == "$.queue", name
        # Only what packages and checks holds keys.
        runs = "PackageJob" if name in {"Package", "Verify"} else "EncodeJob"
        assert job["Parameters"]["JobDefinition"] == f"<encoding/{runs}>"


def test_a_job_holds_what_it_says_and_is_told_so(declared):
    for name, loop in loops(declared).items():
        overrides = loop["States"][f"{name}: run"]["Parameters"]["ContainerOverrides"]
        assert overrides["ResourceRequirements"] == [
            {"Type": "VCPU", "Value.$": "$.vcpus"},
            {"Type": "MEMORY", "Value.$": "$.memory"},
        ]
        assert {entry["Name"]: entry["Value.$"] for entry in overrides["Environment"]} == {
            "ENCODER_VCPUS": "$.vcpus",
            "ENCODER_THREADS": "$.vcpus",
            "ENCODER_MEMORY_MIB": "$.memory",
        }


def test_a_job_says_until_when_it_may_wait_and_somebody_looks(declared):
    for name, loop in loops(declared).items():
        assert loop["States"][f"{name}: run"]["Parameters"]["Parameters"] == {"spot_until.$": "$.job.spot_until"}
    function = declared.at("encoding/LeaveSpot")
    queue = function["Environment"]["Variables"]["ENCODING_QUEUE"]
    assert function.text(queue) == "<encoding/Farm/EncodingQueue.JobQueueArn>"
    schedule = declared.at("encoding/LeaveSpotSchedule")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert [schedule.text(target["Arn"]) for target in schedule["Targets"]] == ["<encoding/LeaveSpot.Arn>"]


def test_each_loop_begins_with_the_size_of_its_own_job_and_the_queue_that_was_decided(declared):
    states = definition(declared, WORKFLOW)["States"]
    finishing = states["Finish each rung"]["ItemProcessor"]["States"]
    begins = {
        "$.search": states["Search the ladder"]["Parameters"],
        "$$.Map.Item.Value": states["Encode each chunk"]["ItemSelector"],
        "$.join": finishing["Join"]["Parameters"],
        "$.score": finishing["Score"]["Parameters"],
        "$.package": states["Package"]["Parameters"],
        "$.verify": states["Verify"]["Parameters"],
    }
    for job, given in begins.items():
        assert given["job.$"] == job
        assert given["vcpus.$"] == f"States.Format('{{}}', {job}.vcpus)"
        assert given["memory.$"] == f"States.Format('{{}}', {job}.memory_mib)"
        assert given["queue.$"] == "$.farm.queue"
    # A rung is all that the branches of its map see of the state.
    assert states["Finish each rung"]["ItemSelector"] == {
        "join.$": "$$.Map.Item.Value.join",
        "score.$": "$$.Map.Item.Value.score",
        "farm.$": "$.farm",
    }


@pytest.mark.parametrize(
    ("step", "job"),
    [("Take stock before the rungs", "$.rung_jobs[0].join"), ("Take stock before packaging", "$.package")],
)
def test_before_each_phase_it_is_looked_what_was_spent_and_how_late_it_is(declared, step, job):
    state = definition(declared, WORKFLOW)["States"][step]
    assert state["Resource"] == "<encoding/TakeStock.Arn>"
    assert state["Parameters"] == {
        "version_id.$": "$.version_id",
        "title_id.$": "$.title_id",
        "spot_until.$": f"{job}.spot_until",
    }
    assert state["ResultPath"] == "$.farm"
    assert caught_by(state) == {"States.ALL": "KeepEvidence"}


def test_what_a_job_fails_with_is_decided_upon_and_either_tried_again_or_kept(declared):
    for name, loop in loops(declared).items():
        states = {key.removeprefix(f"{name}: "): state for key, state in loop["States"].items()}
        assert caught_by(states["run"]) == {"States.ALL": f"{name}: decide"}
        assert states["decide"]["Resource"] == "<encoding/DecideRetry.Arn>"
        [rule] = states["again?"]["Choices"]
        assert (rule["Variable"], rule["StringEquals"], rule["Next"]) == (
            "$.next.action",
            "fail",
            f"{name}: keep evidence",
        )
        assert states["again?"]["Default"] == f"{name}: wait"
        assert states["wait"]["SecondsPath"] == "$.next.pause_s"
        assert (states["wait"]["Next"], states["again"]["Next"]) == (f"{name}: again", f"{name}: run")
        # The next attempt begins with what this one began with, but for what was decided.
        assert {key.removesuffix(".$") for key in states["again"]["Parameters"]} == {
            *("job", "vcpus", "memory", "queue", "tried", "next", "execution", "input")
        }
        assert states["again"]["Parameters"]["queue.$"] == "$.next.queue"
        assert states["decide"]["Parameters"] == {
            "version_id.$": "$.input.version_id",
            "title_id.$": "$.input.title.title_id",
            **{f"{given}.$": f"$.{given}" for given in ("job", "queue", "tried", "error")},
        }
        keeping = states["keep evidence"]
        assert keeping["Resource"] == "<encoding/KeepEvidence.Arn>"
        # Of the execution that the job belongs to: a chunk's own says nothing to anybody.
        assert keeping["Parameters"] == {
            **{f"{given}.$": f"$.{given}" for given in ("execution", "input", "error")},
            "decision.$": "$.next.reason",
            "reads.$": "$.job.reads",
        }
        assert caught_by(keeping) == {"States.ALL": f"{name}: keep as it is"}
        assert (keeping["Next"], states["failed"]["Error"]) == (f"{name}: failed", "JobFailedError")


def test_what_a_job_has_kept_is_announced_and_not_kept_again_but_for_a_child_that_was_cut_off(declared):
    states = definition(declared, WORKFLOW)["States"]
    for name in ("Search the ladder", "Encode each chunk", "Finish each rung", "Package", "Verify"):
        caught = caught_by(states[name])
        assert caught == {"JobFailedError": "AnnounceFailure", "States.ALL": "KeepEvidence"}


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


def test_an_operator_is_told_of_jobs_by_a_function_that_only_reads(declared):
    statements = declared.granted(declared.at("encoding/ListJobsRole"))
    grants = {
        (action, resource) for granted in statements for action in granted.actions for resource in granted.resources
    }
    assert {grant for grant in grants if grant[0].startswith("dynamodb:")} == {
        ("dynamodb:Query", "<encoding/FarmJobs.Arn>"),
        ("dynamodb:Query", "<encoding/Caps.Arn>"),
    }
    objects = {(action, resource.partition("/")[2]) for action, resource in grants if action.startswith("s3:")}
    # What else lies in a version's folder is its film, in the clear.
    assert {action for action, _ in objects} == {"s3:GetObject", "s3:ListBucket"}
    assert {path for action, path in objects if action != "s3:ListBucket"} == {
        "work/*/plan.json*",
        "work/*/prediction.json*",
    }
    output = declared.templates["encoding"]["Outputs"]["JobsFunction"]
    assert declared.text(output["Value"], stack="encoding") == "<encoding/ListJobs>"
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    assert "<encoding/ListJobs.Arn>" not in permitted


def test_the_cost_is_predicted_for_the_capacity_that_is_asked_for_first(declared):
    encoding = declared.settings.encoding
    variables = declared.at("encoding/Plan")["Environment"]["Variables"]
    assert variables["CAPACITY"] == ("c7g-spot" if declared.settings.production else "fargate-arm-spot")
    assert variables["CAPACITY"] in PriceList.load().capacities
    assert JobSizes.model_validate_json(variables["SIZES"]) == encoding.sizes


def test_an_operator_says_what_a_title_may_cost_and_can_unsay_nothing(declared):
    statements = declared.granted(declared.at("encoding/RaiseCapRole"))
    assert {
        (action, resource)
        for granted in statements
        for action in granted.actions
        for resource in granted.resources
        if action.startswith("dynamodb:")
    } == {("dynamodb:Query", "<encoding/Caps.Arn>"), ("dynamodb:PutItem", "<encoding/Caps.Arn>")}
    output = declared.templates["encoding"]["Outputs"]["CapFunction"]
    assert declared.text(output["Value"], stack="encoding") == "<encoding/RaiseCap>"


@pytest.mark.parametrize("name", ["Plan", "ChooseLadder", "TakeStock", "DecideRetry", "RaiseCap", "ListJobs"])
def test_whoever_looks_at_the_cap_looks_at_the_same(declared, name):
    variables = declared.at(f"encoding/{name}")["Environment"]["Variables"]
    assert float(variables["TITLE_CAP_USD"]) == declared.settings.encoding.title_cap_usd
    assert declared.at(f"encoding/{name}").text(variables["CAPS_TABLE"]) == "<encoding/Caps>"


@pytest.mark.parametrize("name", ["Plan", "ChooseLadder", "TakeStock", "DecideRetry"])
def test_whoever_holds_a_version_to_its_cap_reads_what_it_has_cost(declared, name):
    queried = {
        resource
        for granted in declared.granted(declared.at(f"encoding/{name}Role"))
        if "dynamodb:Query" in granted.actions
        for resource in granted.resources
    }
    assert queried == {"<encoding/FarmJobs.Arn>", "<encoding/Caps.Arn>"}


@pytest.mark.parametrize(
    ("name", "paths"),
    [("Plan", {"analysis/*", "work/*/search/*"}), ("ChooseLadder", {"work/*/plan.json*", "work/*/search/*"})],
)
def test_the_planner_reads_shots_and_who_chooses_reads_plans_and_neither_reads_film(declared, name, paths):
    granted = declared.granted(declared.at(f"encoding/{name}Role"))
    readable = {
        resource.partition("/")[2]
        for statement in granted
        if "s3:GetObject" in statement.actions
        for resource in statement.resources
    }
    assert readable == paths
    written = {
        resource.partition("/")[2]
        for statement in granted
        if "s3:PutObject" in statement.actions
        for resource in statement.resources
    }
    assert written == {"work/*"}


def test_what_was_found_is_chosen_for_the_source_that_the_execution_began_with(declared):
    step = definition(declared, WORKFLOW)["States"]["Choose the ladder"]
    assert step["Resource"] == "<encoding/ChooseLadder.Arn>"
    assert step["Parameters"] == {"accepted.$": "$$.Execution.Input"}
    assert "ResultPath" not in step, "its answer is the state from then on"
    assert caught_by(step) == {"States.ALL": "KeepEvidence"}


def test_the_search_is_held_to_the_settings(declared):
    variables = declared.at("encoding/Plan")["Environment"]["Variables"]
    assert SearchRules.model_validate_json(variables["SEARCH"]) == declared.settings.encoding.search


def test_an_operator_starts_an_encode_again_and_no_other_workflow(declared):
    machine = f"<{WORKFLOW}>"
    grants = {
        (action, resource)
        for granted in declared.granted(declared.at("encoding/RetryVersionRole"))
        for action in granted.actions
        for resource in granted.resources
        if action.startswith("states:")
    }
    assert ("states:StartExecution", machine) in grants
    [(_, executions)] = [grant for grant in grants if grant[0] == "states:DescribeExecution"]
    assert executions.endswith(f":execution:<{WORKFLOW}.Name>:*")
    assert {action for action, _ in grants} == {"states:StartExecution", "states:DescribeExecution"}


def test_an_accepted_source_starts_it(declared):
    rule = declared.at("encoding/OnSourceAccepted")
    assert "SourceAccepted" in rule["EventPattern"]["detail-type"]
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
    assert last == {"Action": "EXIT" if path in ENCODES else "RETRY", "OnExitCode": "*"}
    assert retry["Attempts"] > 1


@pytest.mark.parametrize("path", JOBS)
def test_a_revision_that_executions_have_begun_with_stays(declared, path):
    assert declared.at(path)["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}


@pytest.mark.parametrize("path", JOBS)
def test_a_job_ends_in_time_and_logs_to_our_group(declared, path):
    job = declared.at(path)
    settings = declared.settings
    of_a_film = settings.ingestion.inspection_hours * 3600
    allowed = settings.encoding.job_timeout_minutes * 60 if path in ENCODES else of_a_film
    assert job["Timeout"]["AttemptDurationSeconds"] == allowed
    logs = job["ContainerProperties"]["LogConfiguration"]
    assert logs["LogDriver"] == "awslogs"
    assert job.text(logs["Options"]["awslogs-group"]) == "<encoding/Farm/JobLogs>"


@pytest.mark.parametrize("path", JOBS)
def test_a_job_is_no_more_than_its_role(declared, path):
    container = declared.at(path)["ContainerProperties"]
    assert declared.at(path).text(container["JobRoleArn"]) == f"<{JOBS[path]}.Arn>"
    assert "Privileged" not in container


@pytest.mark.parametrize(
    ("name", "first", "then"),
    [
        ("InspectionQueue", "Spot", "OnDemand"),
        ("EncodingQueue", "Spot", "OnDemand"),
        ("OnDemandQueue", "OnDemand", "Spot"),
    ],
)
def test_spot_comes_before_on_demand_unless_it_is_late_and_neither_idles_while_jobs_wait(declared, name, first, then):
    queue = declared.at(f"encoding/Farm/{name}")
    order = sorted(queue["ComputeEnvironmentOrder"], key=lambda entry: entry["Order"])
    names = [queue.text(entry["ComputeEnvironment"]) for entry in order]
    assert names == [f"<encoding/Farm/{environment}.ComputeEnvironmentArn>" for environment in (first, then)]
    kinds = [declared.at(f"encoding/Farm/{name}")["ComputeResources"]["Type"] for name in ("Spot", "OnDemand")]
    assert kinds == (["SPOT", "EC2"] if declared.settings.production else ["FARGATE_SPOT", "FARGATE"])


def test_what_cannot_wait_for_spot_goes_on_demand_before_what_only_found_no_room(declared):
    priorities = [
        declared.at(f"encoding/Farm/{name}Queue")["Priority"] for name in ("Inspection", "OnDemand", "Encoding")
    ]
    assert priorities == sorted(set(priorities), reverse=True)
    for name in ("Plan", "ChooseLadder", "TakeStock"):
        function = declared.at(f"encoding/{name}")
        variables = function["Environment"]["Variables"]
        assert function.text(variables["ENCODING_QUEUE"]) == "<encoding/Farm/EncodingQueue.JobQueueArn>"
        assert function.text(variables["ON_DEMAND_QUEUE"]) == "<encoding/Farm/OnDemandQueue.JobQueueArn>"
    deciding = declared.at("encoding/DecideRetry")
    variables = deciding["Environment"]["Variables"]
    assert deciding.text(variables["ON_DEMAND_QUEUE"]) == "<encoding/Farm/OnDemandQueue.JobQueueArn>"


def test_a_studio_does_not_wait_behind_the_encodes(declared):
    inspection, encoding = (declared.at(f"encoding/Farm/{name}Queue") for name in ("Inspection", "Encoding"))
    assert inspection["Priority"] > encoding["Priority"]
    assert inspection["ComputeEnvironmentOrder"] == encoding["ComputeEnvironmentOrder"]


@pytest.mark.parametrize("name", ["InspectionQueue", "OnDemandQueue", "EncodingQueue"])
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


def test_production_jobs_fit_a_host_and_small_ones_fill_it(production):
    sizes = production.settings.encoding.sizes
    smallest_host_vcpus, smallest_host_mib = 16, 32 * 1024 - 2048  # the agent and the system need theirs
    assert sizes.threaded.vcpus <= smallest_host_vcpus
    assert sizes.threaded.memory_mib <= smallest_host_mib
    beside = smallest_host_vcpus // sizes.single.vcpus
    assert beside > 1
    assert beside * sizes.single.memory_mib <= smallest_host_mib
    largest_host_mib = 64 * 1024 - 2048
    assert production.settings.encoding.most_memory_mib <= largest_host_mib


FARGATE_GIB = {1: range(2, 9), 2: range(4, 17), 4: range(8, 31), 8: range(16, 61, 4), 16: range(32, 121, 8)}
"""Amazon ECS Developer Guide, "Fargate task CPU and memory": what a task of so many vCPUs may have."""


def test_the_sandboxs_jobs_and_what_they_grow_to_are_sizes_that_fargate_has(sandbox):
    encoding = sandbox.settings.encoding
    for size in (encoding.sizes.threaded, encoding.sizes.single):
        memory = size.memory_mib
        while True:
            assert memory % 1024 == 0
            assert memory // 1024 in FARGATE_GIB[size.vcpus]
            if memory == encoding.most_memory_mib:
                break
            memory = min(2 * memory, encoding.most_memory_mib)


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


def test_there_are_enough_rungs(declared):
    ladder = declared.settings.encoding.ladder
    assert len(ladder) >= 4
    assert len({recipe.rung for recipe in ladder}) == len(ladder)
