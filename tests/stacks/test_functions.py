"""What every function has, and that what is deployed and what is written are the same."""

import ast
import inspect
import textwrap
from importlib import import_module

import pytest

from lambdas.common.environment import Environment
from lambdas.common.rate_limiting import rate_limited
from lambdas.common.rate_limits import RateLimitEnvironment
from stacks.constructs.service_function import REPOSITORY

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
HANDLER_MODULES = sorted(
    f"lambdas.{path.parent.name}.{path.stem}" for path in (REPOSITORY / "lambdas").glob("*/*handlers.py")
)
LIMIT = rate_limited(lambda *_: None).__code__
CALLED_BY_A_WORKFLOW = "AWS::StepFunctions::StateMachine"


def handler_of(function):
    module, _, name = function["Handler"].rpartition(".")
    return getattr(import_module(module), name)


def is_limited(handler):
    """Whether a handler has the rate limit around it."""
    while handler is not None:
        if handler.__code__ is LIMIT:
            return True
        handler = getattr(handler, "__wrapped__", None)
    return False


def contract_of(handler):
    """Return the environment class that a handler loads, as its source says: ``SomeEnvironment.load()``."""
    source = inspect.unwrap(handler)
    calls = [
        node for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(source)))) if isinstance(node, ast.Call)
    ]
    loaded = {
        call.func.value.id
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "load" and isinstance(call.func.value, ast.Name)
    }
    assert len(loaded) <= 1
    return source.__globals__[loaded.pop()] if loaded else Environment


def test_every_handler_string_names_a_function(declared):
    for function in declared.functions():
        assert callable(handler_of(function)), function


@pytest.mark.parametrize("module", HANDLER_MODULES)
def test_no_handler_is_dead(production, module):
    deployed = {function["Handler"] for function in production.functions()}
    written = {
        f"{module}.{name}"
        for name, found in vars(import_module(module)).items()
        if inspect.isfunction(found) and found.__module__ == module and not name.startswith("_")
    }
    assert written
    assert written <= deployed


def test_every_function_is_called_by_something(declared):
    called = set()
    for rule in declared.of("AWS::Events::Rule"):
        called |= {rule.text(target["Arn"]) for target in rule["Targets"]}
    for integration in declared.of("AWS::ApiGatewayV2::Integration"):
        called.add(integration.text(integration["IntegrationUri"]))
    for mapping in declared.of("AWS::Lambda::EventSourceMapping"):
        called.add(mapping.text(mapping["FunctionName"]).replace(">", ".Arn>"))
    for kind in ("Custom::EdgeKeys", "Custom::SignIn"):
        called |= {resource.text(resource["ServiceToken"]) for resource in declared.of(kind)}
    for pool in declared.of("AWS::Cognito::UserPool"):
        called |= {pool.text(arn) for arn in pool.properties.get("LambdaConfig", {}).values()}
    # What operators call with their own credentials is found by an output of its name.
    called |= {
        declared.text(output["Value"], stack=stack).replace(">", ".Arn>")
        for stack, template in declared.templates.items()
        for name, output in template.get("Outputs", {}).items()
        if name.endswith("Function")
    }
    # What another function calls by the name that it has for that.
    told = {
        function.text(value)
        for function in declared.functions()
        for value in function["Environment"]["Variables"].values()
    }
    called |= {
        f"<{function.path}.Arn>"
        for function in declared.functions()
        if any(text.endswith(f":function:{function.properties.get('FunctionName')}") for text in told)
    }
    definitions = "".join(machine.text(machine["DefinitionString"]) for machine in declared.of(CALLED_BY_A_WORKFLOW))
    for function in declared.functions():
        arn = f"<{function.path}.Arn>"
        assert arn in called or f'"{arn}"' in definitions, function


def test_the_environment_is_the_contract(declared):
    for function in declared.functions():
        variables = dict(function["Environment"]["Variables"])
        assert variables.pop("POWERTOOLS_SERVICE_NAME") == function.stack
        assert variables.pop("POWERTOOLS_LOG_LEVEL") == "INFO"
        handler = handler_of(function)
        fields = set(contract_of(handler).model_fields)
        if is_limited(handler) and declared.settings.rate_limits.valkey:
            fields |= set(RateLimitEnvironment.model_fields)
        assert set(variables) == {name.upper() for name in fields}, function


def test_the_handler_can_load_what_is_deployed(declared, monkeypatch):
    for function in declared.functions():
        for name, value in function["Environment"]["Variables"].items():
            monkeypatch.setenv(name, function.text(value))
        contract_of(handler_of(function)).load()


def test_failed_invocations_are_kept(declared):
    for function in declared.functions():
        assert function.text(function["DeadLetterConfig"]["TargetArn"]) == f"<{function.stack}/DeadLetters.Arn>"


def test_logs_go_to_a_group_of_our_own(declared):
    groups = {f"<{group.path}>" for group in declared.of("AWS::Logs::LogGroup")}
    for function in declared.functions():
        assert function.text(function["LoggingConfig"]["LogGroup"]) in groups, function


def test_every_function_is_traced_on_arm_with_the_newest_python(declared):
    for function in declared.functions():
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Architectures"] == ["arm64"]
        assert function["Runtime"] == "python3.14"


def test_errors_are_alarms(declared):
    alarms = [
        alarm
        for alarm in declared.of("AWS::CloudWatch::Alarm")
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    ]
    if not declared.settings.governance.alarm_a_function:
        assert ["Dimensions" in alarm.properties for alarm in alarms] == [False], "one alarm sums all functions"
        return
    watched = {alarm.text(alarm["Dimensions"][0]["Value"]) for alarm in alarms}
    assert watched == {f"<{function.path}>" for function in declared.functions()}


def test_each_function_has_a_role_of_its_own(declared):
    roles = [function.text(function["Role"]) for function in declared.functions()]
    assert len(set(roles)) == len(roles)
    assert set(roles) == {f"<{function.path}Role.Arn>" for function in declared.functions()}
