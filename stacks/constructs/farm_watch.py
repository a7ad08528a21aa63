"""The farm's watch: what counts its queues, ends what is stuck in them, and tells operators of both."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambdas.encoding.environment import DescribeEnvironment, WatchEnvironment
from lambdas.encoding.watch import DRAIN_METRIC, METRICS, STUCK_METRIC, UNCOUNTED_METRIC, WAIT_METRIC
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.rounds import go_round, let_end_jobs, let_see_jobs
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow

HANDLERS = "lambdas.encoding.watch_handlers"
_TIMEOUT = Duration.minutes(2)


class FarmWatch(Construct):
    """A function that looks at the queues every five minutes, one that tells of them, and the alarms.

    Parameters
    ----------
    stack
        The encoding stack.
    queues
        The farm's, by name.
    jobs
        The table in which encodes claim what they do.
    """

    def __init__(
        self, stack: ContextStack, construct_id: str, *, queues: Mapping[str, batch.IJobQueue], jobs: dynamodb.ITableV2
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._jobs = stack, jobs
        encoding = stack.settings.encoding
        environment = WatchEnvironment(
            queues=json.dumps({name: queue.job_queue_arn for name, queue in queues.items()}),
            jobs_table=jobs.table_name,
            heartbeat_minutes=encoding.heartbeat_minutes,
            starting_minutes=encoding.starting_minutes,
            runnable_minutes=encoding.runnable_minutes,
        )
        watch = ServiceFunction(
            stack,
            "WatchFarm",
            handler=f"{HANDLERS}.watch_farm",
            environment=environment,
            description="Counts what waits in the farm, and ends jobs that are stuck so that they are tried again.",
            timeout=_TIMEOUT,
        )
        self._let_look(watch)
        let_end_jobs(stack, watch, action="batch:TerminateJob")
        go_round(stack, watch, schedule_id="WatchFarmSchedule", description="Looks at the farm's queues.")
        describe = ServiceFunction(
            stack,
            "DescribeFarm",
            handler=f"{HANDLERS}.describe_farm",
            environment=DescribeEnvironment(
                **environment.model_dump(),
                first_pause_s=encoding.first_retry_pause_s,
                most_memory_mib=encoding.most_memory_mib,
            ),
            description="Tells how the farm's queues are, and why a job is where it is.",
            timeout=_TIMEOUT,
        )
        self._let_look(describe)
        CfnOutput(stack, "FarmFunction", value=describe.function_name)
        self._alarms(queues)

    def _let_look(self, function: ServiceFunction) -> None:
        """Let `function` read queues, jobs, their tasks and their claims."""
        let_see_jobs(function)
        role, task = function.execution_role, self._stack.format_arn(service="ecs", resource="task", resource_name="*")
        role.add_to_policy(iam.PolicyStatement(actions=["ecs:DescribeTasks"], resources=[task]))
        acknowledge(
            role,
            reason="AWS Batch draws its clusters' names and ECS its tasks' ids; the role may only describe them.",
            rules=(wildcard_finding(self, task),),
        )
        allow(self._jobs, role, "dynamodb:Query")

    def _alarms(self, queues: Mapping[str, batch.IJobQueue]) -> None:
        """Declare the alarms; where an alarm for each function is too many, stuck jobs are all that is watched."""
        stack, encoding = self._stack, self._stack.settings.encoding
        stack.alarm(
            "JobsStuck",
            metric=self._metric(STUCK_METRIC),
            description="Jobs of the farm are stuck: `marquee queue` says which and why.",
        )
        if not stack.settings.governance.alarm_a_function:
            return
        for name in queues:
            beginning = name.title().replace("-", "")
            stack.alarm(
                f"{beginning}WaitsLong",
                metric=self._metric(WAIT_METRIC, queue=name),
                threshold=Duration.hours(encoding.longest_wait_hours).to_seconds(),
                description=f"A job of the queue {name} has waited for more than {encoding.longest_wait_hours} hours.",
            )
            stack.alarm(
                f"{beginning}BehindSla",
                metric=self._metric(DRAIN_METRIC, queue=name),
                threshold=Duration.hours(encoding.sla_hours).to_seconds(),
                description=f"At its pace the queue {name} takes more than {encoding.sla_hours} hours to drain.",
            )
            stack.alarm(
                f"{beginning}Uncounted",
                metric=self._metric(UNCOUNTED_METRIC, queue=name),
                description=f"The queue {name} has more jobs than were counted: it waits and drains longer than told.",
            )

    def _metric(self, name: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS,
            metric_name=name,
            dimensions_map={"service": self._stack.node.id, **dimensions},
            # Two rounds: one of them is always in it.
            period=Duration.minutes(10),
            statistic="Maximum",
        )
