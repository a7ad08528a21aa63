"""How encodes are getting on: what AWS Batch says of their jobs is gathered, and told to the bus once a version."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.common.keys import ANY_PLAN, ANY_PREDICTION
from lambdas.encoding.environment import ProgressEnvironment
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.queue_access import let_take
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow

_TOLD_OF = ("RUNNING", "SUCCEEDED", "FAILED")
"""The states of a job that change what its record says."""
_WINDOW = Duration.seconds(10)
_BATCH = 100
"""A state change has some 4 KB, and a batch no more than 6 MB."""
_TIMEOUT = Duration.minutes(1)
_ATTEMPTS = 3
_AT_ONCE = 2
"""The least that Lambda allows: more pollers would cut one version's changes into more batches."""


class FarmProgress(Construct):
    """A rule, a queue and a function.

    A title may be thousands of jobs, each of which changes its state three times and more, and how they stand is told
    from all of their records. So state changes wait up to 10 s for others, and a version is looked at once a batch.

    Parameters
    ----------
    stack
        The encoding stack.
    queues
        Those that encodes wait in.
    jobs
        The records of the jobs.
    mezzanine
        Where plans and predictions lie.
    """

    def __init__(
        self,
        stack: ContextStack,
        construct_id: str,
        *,
        queues: Sequence[batch.IJobQueue],
        jobs: dynamodb.ITableV2,
        mezzanine: MediaBucket,
        bus: events.IEventBus,
    ) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._jobs, self._mezzanine = stack, jobs, mezzanine
        arns = [queue.job_queue_arn for queue in queues]
        self.job_queues = ",".join(arns)
        self._function = ServiceFunction(
            stack,
            "Progress",
            handler="lambdas.encoding.progress_handlers.progress",
            environment=ProgressEnvironment(
                jobs_table=jobs.table_name,
                work_bucket=mezzanine.bucket_name,
                event_bus=bus.event_bus_name,
                job_queues=self.job_queues,
            ),
            description="Tells how encodes are getting on.",
            timeout=_TIMEOUT,
        )
        self.let_look(self._function)
        bus.grant_put_events_to(self._function)
        self._gather(arns)

    def _gather(self, arns: list[str]) -> None:
        changes = sqs.Queue(
            self,
            "StateChanges",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Six times the function's own time, as Lambda asks for.
            visibility_timeout=Duration.seconds(_TIMEOUT.to_seconds() * 6 + _WINDOW.to_seconds()),
            retention_period=Duration.hours(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self._stack.dead_letters, max_receive_count=_ATTEMPTS),
            removal_policy=self._stack.removal_policy,
        )
        events.Rule(
            self,
            "JobsMove",
            description="The state changes of encodes' jobs go to the queue of Progress.",
            event_pattern=events.EventPattern(
                source=["aws.batch"],
                detail_type=["Batch Job State Change"],
                detail={"jobQueue": arns, "status": [*_TOLD_OF]},
            ),
            targets=[targets.SqsQueue(changes, dead_letter_queue=self._stack.dead_letters)],
        )
        let_take(changes, self._function.execution_role)
        batches = lambda_.EventSourceMapping(
            self,
            "Batches",
            target=self._function,
            event_source_arn=changes.queue_arn,
            batch_size=_BATCH,
            max_batching_window=_WINDOW,
            max_concurrency=_AT_ONCE,
            report_batch_item_failures=True,
        )
        acknowledge(
            batches,
            reason="Lambda offers queues no destination of its own: the queue's redrive policy is it.",
            rules=("Serverless-LambdaEventSourceMappingDestination",),
        )

    def let_look(self, function: ServiceFunction) -> None:
        """Let `function` read what there is to know of how a version is getting on, and how busy the farm is."""
        role = function.execution_role
        allow(self._jobs, role, "dynamodb:Query")
        grant_objects(self._mezzanine, role, Access.READ, prefix=ANY_PLAN)
        grant_objects(self._mezzanine, role, Access.READ, prefix=ANY_PREDICTION)
        # ListJobs knows no resources; it tells the names and states of jobs.
        role.add_to_principal_policy(iam.PolicyStatement(actions=["batch:ListJobs"], resources=["*"]))
