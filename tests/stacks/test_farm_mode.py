"""The farm's mode as it is declared: the document, who reads it, who changes it, and when."""

import json

from lambdas.common.ladder import Codec, DynamicRange
from lambdas.encoding.farm_mode import FarmMode, left_by
from lambdas.encoding.ladder import cut_to
from lambdas.encoding.off_peak import OffPeak
from tests.stacks.state_machine import definition

WORKFLOW = "encoding/Encode a version/StateMachine"
CHANGING = {
    "dynamodb:PutItem",
    "dynamodb:Query",
    "events:PutEvents",
    "appconfig:CreateHostedConfigurationVersion",
    "appconfig:ListHostedConfigurationVersions",
    "appconfig:ListDeployments",
    "appconfig:StartDeployment",
}


def only(declared, kind):
    return declared.only(f"AWS::AppConfig::{kind}", stack="encoding")


def granted(declared, function):
    """What a function's role may do beside writing its log and its traces, by action: on what."""
    own = ("logs:", "xray:", "sqs:")
    return {
        action: set(statement.resources)
        for statement in declared.granted(declared.at(f"encoding/{function}Role"))
        for action in statement.actions
        if not action.startswith(own)
    }


def named(kind, resource):
    """A resource of AppConfig, as policies name it."""
    return f"arn:aws:appconfig:us-east-1:<AWS::AccountId>:{kind}/<{resource.path}>"


def test_a_farm_is_deployed_in_normal_mode(declared):
    content = only(declared, "HostedConfigurationVersion")
    assert FarmMode.model_validate_json(content["Content"]) == FarmMode()
    deployment = only(declared, "Deployment")
    assert deployment.text(deployment["ConfigurationVersion"]) == f"<{content.path}>"


def test_a_document_that_is_none_is_not_taken(declared):
    [validator] = only(declared, "ConfigurationProfile")["Validators"]
    assert validator["Type"] == "JSON_SCHEMA"
    schema = json.loads(validator["Content"])
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(FarmMode.model_fields)


def test_a_change_is_handed_out_to_everybody_at_once(declared):
    strategy = only(declared, "DeploymentStrategy")
    assert (strategy["GrowthFactor"], strategy["DeploymentDurationInMinutes"]) == (100, 0)
    assert strategy["FinalBakeTimeInMinutes"] == 0


def test_a_farm_in_normal_mode_can_be_destroyed(declared):
    content = only(declared, "HostedConfigurationVersion")
    assert content.body.get("DeletionPolicy") in {None, "Delete"}


def test_the_planner_reads_this_document_and_no_other(declared):
    found = {action: on for action, on in granted(declared, "Plan").items() if action.startswith("appconfig:")}
    environment, profile = only(declared, "Environment"), only(declared, "ConfigurationProfile")
    application = named("application", only(declared, "Application"))
    document = f"{application}/environment/<{environment.path}>/configuration/<{profile.path}>"
    assert found == {
        "appconfig:StartConfigurationSession": {document},
        "appconfig:GetLatestConfiguration": {document},
    }
    variables = declared.at("encoding/Plan")["Environment"]["Variables"]
    asked = [variables[name] for name in ("MODE_APPLICATION", "MODE_ENVIRONMENT", "MODE_PROFILE")]
    resources = [only(declared, kind) for kind in ("Application", "Environment", "ConfigurationProfile")]
    assert [declared.text(each, stack="encoding") for each in asked] == [f"<{each.path}>" for each in resources]


def test_whoever_changes_it_writes_that_down_and_deletes_nothing_of_the_record(declared):
    setting, keeping = granted(declared, "SetFarmMode"), granted(declared, "KeepFarmMode")
    assert set(setting) == CHANGING
    assert set(keeping) == CHANGING | {"appconfig:DeleteHostedConfigurationVersion", "batch:ListJobs"}
    application = named("application", only(declared, "Application"))
    for found in (setting, keeping):
        assert found["dynamodb:PutItem"] == {"<encoding/FarmModes.Arn>"}
        assert found["appconfig:StartDeployment"] == {
            application,
            f"{application}/environment/<{only(declared, 'Environment').path}>",
            f"{application}/configurationprofile/<{only(declared, 'ConfigurationProfile').path}>",
            named("deploymentstrategy", only(declared, "DeploymentStrategy")),
        }


def test_nobody_but_an_operator_can_change_it_and_the_clock_can_end_it(declared):
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    assert "<encoding/SetFarmMode.Arn>" not in permitted
    assert "<encoding/KeepFarmMode.Arn>" in permitted
    rule = declared.at("encoding/KeepFarmModeSchedule")
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    outputs = declared.templates["encoding"]["Outputs"]
    assert declared.text(outputs["FarmModeFunction"]["Value"], stack="encoding") == "<encoding/SetFarmMode>"


def test_the_backlog_is_what_waits_in_the_queues_of_encodes(declared):
    function = declared.at("encoding/KeepFarmMode")
    queues = function.text(function["Environment"]["Variables"]["JOB_QUEUES"]).split(",")
    assert queues == ["<encoding/Farm/EncodingQueue.JobQueueArn>", "<encoding/Farm/OnDemandQueue.JobQueueArn>"]


def test_degraded_mode_leaves_less_to_do_of_a_film_in_high_definition(declared):
    encoding = declared.settings.encoding
    skipped = set(encoding.shortcuts.skipped_rungs)
    assert skipped < {rung.rung for rung in encoding.ladder}
    ladder = cut_to(encoding.ladder, width=1920, height=1080)
    left = left_by(encoding.shortcuts, ladder)
    sdr = {rung.rung for rung in ladder if rung.dynamic_range is DynamicRange.SDR}
    assert {rung.rung for rung in left} == sdr - skipped
    assert {rung.codec for rung in left} == {Codec.H264}
    assert {rung.preset for rung in left}.isdisjoint({rung.preset for rung in ladder})


def test_what_may_wait_waits_before_anything_is_done_for_it(declared):
    machine = definition(declared, WORKFLOW)
    choice = machine["States"][machine["StartAt"]]
    [rule] = [rule for rule in choice["Choices"] if rule["Variable"] == "$.start_at"]
    assert (rule["Variable"], rule["IsPresent"]) == ("$.start_at", True)
    waiting = machine["States"][rule["Next"]]
    assert (waiting["Type"], waiting["TimestampPath"]) == ("Wait", "$.start_at")
    assert waiting["Next"] == choice["Default"] == "Issue content keys"


def test_a_wait_for_off_peak_hours_leaves_an_encode_its_time(declared):
    a_day = 24 * 3600
    assert definition(declared, WORKFLOW)["TimeoutSeconds"] >= 2 * a_day + a_day


def test_campaigns_wait_in_production_and_not_in_the_sandbox(sandbox, production):
    def off_peak(declared):
        return declared.at("encoding/Start")["Environment"]["Variables"]["OFF_PEAK"]

    assert off_peak(sandbox) == ""
    assert OffPeak.model_validate_json(off_peak(production)) == production.settings.encoding.off_peak


def test_what_is_made_of_a_version_anew_is_taken_up_and_its_source_kept_on_record(declared):
    for stack, function in (("encoding", "Start"), ("storage-recovery", "RecordSource")):
        rule = declared.at(f"{stack}/OnSourceAccepted")
        assert rule["EventPattern"] == {
            "source": ["marquee.catalog", "marquee.ingestion"],
            "detail-type": ["SourceAccepted", "ReencodeRequested", "RepackageRequested"],
        }
        assert [rule.text(target["Arn"]) for target in rule["Targets"]] == [f"<{stack}/{function}.Arn>"]


def test_campaigns_are_begun_by_operators(declared):
    outputs = declared.templates["catalog"]["Outputs"]
    permitted = {permission.text(permission["FunctionName"]) for permission in declared.of("AWS::Lambda::Permission")}
    for name in ("StartCampaign", "ShowCampaign"):
        assert declared.text(outputs[f"{name}Function"]["Value"], stack="catalog") == f"<catalog/{name}>"
        assert f"<catalog/{name}.Arn>" not in permitted


def test_a_campaign_reads_and_adds_and_changes_nothing(declared):
    titles = "<catalog/Titles.Arn>"

    def allowed(role):
        return {
            (action, resource)
            for statement in declared.granted(declared.at(role))
            for action in statement.actions
            for resource in statement.resources
            if action.startswith("dynamodb:")
        }

    assert allowed("catalog/StartCampaignRole") == {
        ("dynamodb:GetItem", titles),
        ("dynamodb:PutItem", titles),
        ("dynamodb:Query", f"{titles}/index/published"),
    }
    assert allowed("catalog/ShowCampaignRole") == {("dynamodb:GetItem", titles), ("dynamodb:Query", titles)}
