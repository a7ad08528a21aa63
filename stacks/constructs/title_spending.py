"""What encoding a title may cost, and who may look at it and change it."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from lambdas.encoding.environment import CapEnvironment, CapsEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.table import allow, table


class TitleSpending(Construct):
    """The table of what operators have said of versions' caps, and the function by which they say it.

    Parameters
    ----------
    stack
        The encoding stack.
    jobs
        The records of the farm's jobs, from which a version's cost is told.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, jobs: dynamodb.ITableV2) -> None:
        super().__init__(stack, construct_id)
        self._jobs = jobs
        self._caps = table(stack, "Caps", partition_key="version_id", sort_key="at")
        self.environment = CapEnvironment(
            caps_table=self._caps.table_name,
            title_cap_usd=stack.settings.encoding.title_cap_usd,
            jobs_table=jobs.table_name,
        )
        function = ServiceFunction(
            stack,
            "RaiseCap",
            handler="lambdas.encoding.operator_handlers.raise_cap",
            environment=CapsEnvironment(**self.environment.model_dump(exclude={"jobs_table"})),
            description="Notes what an operator lets the encoding of a version cost.",
        )
        allow(self._caps, function, "dynamodb:Query", "dynamodb:PutItem")
        CfnOutput(stack, "CapFunction", value=function.function_name)

    def let_look(self, *functions: ServiceFunction) -> None:
        """Let `functions` hold versions to their caps."""
        for function in functions:
            allow(self._jobs, function, "dynamodb:Query")
            allow(self._caps, function, "dynamodb:Query")
