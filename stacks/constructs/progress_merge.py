"""The progress of viewers, taken in several Regions: a function on the table's stream keeps the newer report."""

from __future__ import annotations

from typing import cast

import jsii
from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.playback.environment import ReplicationEnvironment
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow

_ATTEMPTS = 10
_BATCH = 100
_WINDOW = Duration.seconds(1)


@jsii.implements(lambda_.IEventSourceDlq)
class _DeadLetters:
    """A queue that the function may send to already: CDK's own destination lets it look the queue up as well."""

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(
        self,
        target: lambda_.IEventSourceMapping,  # noqa: ARG002 - the interface's
        target_handler: lambda_.IFunction,  # noqa: ARG002 - the interface's
    ) -> lambda_.DlqDestinationConfig:
        """Return where to send what failed."""
        return lambda_.DlqDestinationConfig(destination=self._queue.queue_arn)


class ProgressMerge(Construct):
    """The stream, filtered, and its function.

    A loss shows in the Region whose newer report was replaced, as a record that another Region has written: so it is
    called for no other, and not at all as long as one Region takes reports.

    Parameters
    ----------
    stack
        The playback stack, in the Region of which the table is looked at.
    progress
        A table with replicas, and so with a stream of both images.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, progress: dynamodb.TableV2) -> None:
        super().__init__(stack, construct_id)
        function = ServiceFunction(
            stack,
            "MergeProgress",
            handler="lambdas.playback.replication_handlers.merge_progress",
            environment=ReplicationEnvironment(progress_table=progress.table_name),
            description="Writes a report back that an older one of another Region has replaced.",
        )
        allow(progress, function, "dynamodb:PutItem")
        stream = str(progress.table_stream_arn)
        self._let_read(function.execution_role, progress, stream=stream)
        lambda_.EventSourceMapping(
            self,
            "Replaced",
            target=function,
            event_source_arn=stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH,
            max_batching_window=_WINDOW,
            filters=[
                lambda_.FilterCriteria.filter(
                    {
                        "eventName": lambda_.FilterRule.is_equal("MODIFY"),
                        "dynamodb": {
                            "NewImage": {"written_in": {"S": lambda_.FilterRule.not_equals(stack.region)}},
                        },
                    }
                )
            ],
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=_ATTEMPTS,
            on_failure=_DeadLetters(stack.dead_letters),
        )

    @staticmethod
    def _let_read(role: iam.Role, progress: dynamodb.TableV2, *, stream: str) -> None:
        """Let Lambda read the stream in the role's name; `ListStreams` is granted by table only."""
        for actions, resource in (
            (["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], stream),
            (["dynamodb:ListStreams"], f"{progress.table_arn}/stream/*"),
        ):
            role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        table = cast("dynamodb.CfnGlobalTable", progress.node.default_child)
        acknowledge(
            role,
            reason="ListStreams is granted on the streams of one table, whose names are times; it reads none of them.",
            rules=(f"AwsSolutions-IAM5[Resource::<{progress.stack.get_logical_id(table)}.Arn>/stream/*]",),
        )
