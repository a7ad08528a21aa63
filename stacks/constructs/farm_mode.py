"""The farm's mode: the document in AppConfig that the planner reads, the trail of its changes, and who changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import CfnOutput, CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_appconfig as appconfig
from aws_cdk import aws_batch as batch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambdas.encoding.environment import KeepModeEnvironment, ModeEnvironment
from lambdas.encoding.farm_mode_store import initial_content, schema
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.rounds import go_round
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table

HANDLERS = "lambdas.encoding.farm_mode_handlers"


class FarmModeSwitch(Construct):
    """One freeform configuration, handed out to everybody at once, and the functions that change it.

    Parameters
    ----------
    stack
        The encoding stack.
    queues
        Those that encodes wait in: what waits there is the backlog.
    bus
        Where changes are announced.
    """

    def __init__(
        self, stack: ContextStack, construct_id: str, *, queues: Sequence[batch.IJobQueue], bus: events.IEventBus
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._bus = stack, bus
        self._application = appconfig.Application(self, "Application", description="Switches of the encoding farm.")
        self._environment = appconfig.Environment(
            self, "Environment", application=self._application, environment_name=stack.settings.profile
        )
        self._strategy = appconfig.DeploymentStrategy(
            self,
            "AtOnce",
            description="Everybody at once, and no waiting: it is an operator's decision, and taken back the same way.",
            rollout_strategy=appconfig.RolloutStrategy.linear(
                growth_factor=100, deployment_duration=Duration.minutes(0), final_bake_time=Duration.minutes(0)
            ),
        )
        self._configuration = appconfig.HostedConfiguration(
            self,
            "Mode",
            application=self._application,
            description="How much trouble is taken over each title.",
            content=appconfig.ConfigurationContent.from_inline_json(initial_content()),
            validators=[appconfig.JsonSchemaValidator.from_inline(schema())],
            deployment_strategy=self._strategy,
            deploy_to=[self._environment],
        )
        # CDK keeps it, and AppConfig deletes no profile that has one.
        for kept in self._configuration.node.find_all():
            if isinstance(kept, appconfig.CfnHostedConfigurationVersion):
                kept.apply_removal_policy(RemovalPolicy.DESTROY)
        self._changes = table(stack, "FarmModes", partition_key="farm", sort_key="revision")
        self._operators()
        self._keeper(queues)

    @property
    def variables(self) -> dict[str, str]:
        """The document's place, as environment contracts call it."""
        return {
            "mode_application": self._application.application_id,
            "mode_environment": self._environment.environment_id,
            "mode_profile": self._configuration.configuration_profile_id,
        }

    def let_read(self, role: iam.IRole) -> None:
        """Let `role` read the document, and no other."""
        configuration = f"{self._environment.environment_arn}/configuration/{self.variables['mode_profile']}"
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"],
                resources=[configuration],
            )
        )

    def _operators(self) -> None:
        function = ServiceFunction(
            self._stack,
            "SetFarmMode",
            handler=f"{HANDLERS}.set_farm_mode",
            environment=ModeEnvironment(**self._common()),
            description="Degrades the farm for some hours, returns it to normal, tells its mode.",
        )
        self._let_change(function)
        CfnOutput(self._stack, "FarmModeFunction", value=function.function_name)

    def _keeper(self, queues: Sequence[batch.IJobQueue]) -> None:
        description = "Ends a degraded mode when its time or its backlog is over."
        function = ServiceFunction(
            self._stack,
            "KeepFarmMode",
            handler=f"{HANDLERS}.keep_farm_mode",
            environment=KeepModeEnvironment(
                **self._common(),
                job_queues=",".join(queue.job_queue_arn for queue in queues),
                drained_below=self._stack.settings.encoding.drained_below,
            ),
            description=description,
        )
        self._let_change(function)
        role = function.execution_role
        # It knows no resources; that is acknowledged with the traces.
        role.add_to_policy(iam.PolicyStatement(actions=["batch:ListJobs"], resources=["*"]))
        profile = self._configuration
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["appconfig:DeleteHostedConfigurationVersion"],
                resources=[
                    self._application.application_arn,
                    profile.configuration_profile_arn,
                    self._versions_of(self._application.application_id, profile.configuration_profile_id),
                ],
            )
        )
        named = self._versions_of(
            self._id_of(self._application, appconfig.CfnApplication),
            self._id_of(profile, appconfig.CfnConfigurationProfile),
        )
        acknowledge(
            role,
            reason="AppConfig numbers the versions of this one document, of which those that are over are deleted.",
            rules=(wildcard_finding(self, named),),
        )
        go_round(self._stack, function, schedule_id="KeepFarmModeSchedule", description=description)

    def _common(self) -> dict[str, str]:
        return {
            **self.variables,
            "mode_strategy": self._strategy.deployment_strategy_id,
            "normal_version": cast("str", self._configuration.version_number),
            "modes_table": self._changes.table_name,
            "event_bus": self._bus.event_bus_name,
        }

    def _let_change(self, function: ServiceFunction) -> None:
        """Let a function write a change down, hand it out, and announce it."""
        allow(self._changes, function, "dynamodb:Query", "dynamodb:PutItem")
        self._bus.grant_put_events_to(function)
        application = self._application.application_arn
        for actions, resources in (
            (
                ["appconfig:CreateHostedConfigurationVersion", "appconfig:ListHostedConfigurationVersions"],
                [application, self._configuration.configuration_profile_arn],
            ),
            (["appconfig:ListDeployments"], [application, self._environment.environment_arn]),
            (
                ["appconfig:StartDeployment"],
                [
                    application,
                    self._configuration.configuration_profile_arn,
                    self._environment.environment_arn,
                    self._strategy.deployment_strategy_arn,
                ],
            ),
        ):
            function.execution_role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))

    def _versions_of(self, application: str, profile: str) -> str:
        return self._stack.format_arn(
            service="appconfig",
            resource="application",
            resource_name=f"{application}/configurationprofile/{profile}/hostedconfigurationversion/*",
        )

    def _id_of(self, construct: Construct, kind: type[CfnResource]) -> str:
        """Return a reference as the policy check writes it."""
        [found] = [child for child in construct.node.find_all() if isinstance(child, kind)]
        return f"<{self._stack.resolve(found.logical_id)}>"
