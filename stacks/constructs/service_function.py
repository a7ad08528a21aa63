"""One Lambda function: its role, log group, tracing, dead letters and alarm, and its environment contract."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, IgnoreMode, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm

from lambdas.common.environment import Environment
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.python_layer import PurePythonLayer
from stacks.constructs.rate_limiter import RateLimit

REPOSITORY = Path(__file__).resolve().parents[2]
POWERTOOLS_VERSION = "3.37.0"
LAYER = ("valkey",)
"""What the functions import that neither Lambda nor Powertools brings: pure Python only."""
_RUNTIME = lambda_.Runtime.PYTHON_3_14
_LAYERS_ID = "Layers"


class ServiceFunction(lambda_.Function):
    """A function of ``lambdas/``.

    Its role can write its own log group and its traces, and nothing else until something is granted.
    What it fails to process asynchronously goes to the context's dead letters; an error raises an alarm, its own or
    the region's.

    Parameters
    ----------
    stack
        The context's stack.
    construct_id
        The function's name within the stack.
    handler
        The handler's path, such as ``lambdas.playback.handlers.create_session``.
    environment
        The handler's environment contract.
    description
        What the function does, in one sentence.
    scratch
        Its disk; by default the 512 MiB that come with every function.
    limit
        How often one viewer may ask it, where that is counted.
    quiet
        Whether Lambda writes no line of its own when a call begins and ends: of what players call all the time, those
        would be more than an account's logs take. What the handler says, and what goes wrong, is logged.
    name
        Its physical name, where another region has to know it in advance; by default one is generated.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        handler: str,
        environment: Environment,
        description: str,
        timeout: Duration | None = None,
        memory_mib: int = 512,
        scratch: Size | None = None,
        limit: RateLimit | None = None,
        quiet: bool = False,
        name: str | None = None,
    ) -> None:
        log_group = stack.log_group(f"{construct_id}Logs")
        role = iam.Role(
            stack,
            f"{construct_id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Runs {handler}",
        )
        super().__init__(
            stack,
            construct_id,
            runtime=_RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(
                str(REPOSITORY),
                exclude=["*", "!lambdas", "!lambdas/**", "**/__pycache__"],
                ignore_mode=IgnoreMode.GIT,
            ),
            function_name=name,
            handler=handler,
            description=description,
            environment={
                **environment.variables(),
                **(limit.environment.variables() if limit else {}),
                "POWERTOOLS_SERVICE_NAME": stack.node.id,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
            layers=list(_layers(stack)),
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON if quiet else None,
            system_log_level_v2=lambda_.SystemLogLevel.WARN if quiet else None,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout or Duration.seconds(15),
            memory_size=memory_mib,
            ephemeral_storage_size=scratch,
            dead_letter_queue=stack.dead_letters,
            vpc=limit.network if limit else None,
            security_groups=[limit.asker] if limit else None,
        )
        self.execution_role = role
        log_group.grant_write(role)
        if limit:
            limit.let(role)
        acknowledge(
            role,
            reason="X-Ray's PutTraceSegments and PutTelemetryRecords know no resources; they only write traces."
            + (" Nor do EC2's calls by which Lambda joins a network." if limit else ""),
            rules=("AwsSolutions-IAM5[Resource::*]",),
        )
        if stack.settings.governance.alarm_a_function:
            stack.alarm(
                f"{construct_id}Errors",
                metric=self.metric_errors(period=Duration.minutes(5), statistic="Sum"),
                description=f"{handler} raised an error.",
            )


def _layers(stack: Stack) -> tuple[lambda_.ILayerVersion, lambda_.ILayerVersion]:
    """Return the stack's two layers: Powertools as AWS publishes it, and our pure-Python dependencies."""
    existing = stack.node.try_find_child(_LAYERS_ID)
    if existing is None:
        existing = PurePythonLayer(stack, _LAYERS_ID, distributions=LAYER, runtime=_RUNTIME)
        lambda_.LayerVersion.from_layer_version_arn(
            stack,
            "Powertools",
            ssm.StringParameter.value_for_string_parameter(
                stack,
                f"/aws/service/powertools/python/arm64/{_RUNTIME.name}/{POWERTOOLS_VERSION}",
            ),
        )
    return stack.node.find_child("Powertools"), existing  # type: ignore[return-value]  # found by the ids above
