"""The base of every context's stack: its tags, its dead letters, and the alarms that watch them."""

from __future__ import annotations

from aws_cdk import Duration, Environment, RemovalPolicy, Stack, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge
from stacks.settings import Settings

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    365: logs.RetentionDays.ONE_YEAR,
}


class ContextStack(Stack):
    """The stack of one bounded context.

    Parameters
    ----------
    scope
        The stage.
    context
        The bounded context's name: the value of the ``context`` tag, and the beginning of the stack's id.
    part
        Which stack of the context this is, where it has several: the end of the stack's id.
    settings
        The profile.
    region
        Where the stack is deployed; the account is the deployer's.
    data_key
        The key that encrypts its log groups; a stack without log groups passes none.
    alarms
        The topic that alarms go to; the stack that declares the topic passes none.
    """

    def __init__(
        self,
        scope: Construct,
        context: str,
        *,
        settings: Settings,
        region: str,
        part: str | None = None,
        data_key: kms.IKey | None = None,
        alarms: sns.ITopic | None = None,
        description: str,
    ) -> None:
        construct_id = f"{context}-{part}" if part else context
        tags = {
            "project": settings.namespace,
            "context": context,
            "environment": settings.profile,
            "cost-centre": settings.governance.cost_centre,
        }
        super().__init__(
            scope,
            construct_id,
            env=Environment(region=region),
            stack_name=f"{settings.namespace}-{settings.profile}-{construct_id}",
            description=description,
            termination_protection=settings.production,
            # CloudFormation hands these on to what CDK does not tag: its own providers, the edge's function and store.
            tags=tags,
        )
        self.context = context
        self.settings = settings
        self.alarms = alarms
        self._data_key = data_key
        self._dead_letters: sqs.Queue | None = None
        self.removal_policy = RemovalPolicy.DESTROY if settings.storage.removable else RemovalPolicy.RETAIN
        for key, value in tags.items():
            Tags.of(self).add(key, value)

    @property
    def dead_letters(self) -> sqs.Queue:
        """The context's dead-letter queue: every message in it is an alarm."""
        if self._dead_letters is None:
            self._dead_letters = self.dead_letter_queue("DeadLetters")
        return self._dead_letters

    def dead_letter_queue(self, construct_id: str, *, written_by: str | None = None) -> sqs.Queue:
        """Declare a queue that keeps what could not be processed for 14 days, with an alarm on its depth.

        Parameters
        ----------
        written_by
            Who sends to it, where that is no dead-letter configuration of another resource.
        """
        queue = sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=self.removal_policy,
        )
        acknowledge(
            queue,
            reason="This is a dead-letter queue: what is in it waits for people, and an alarm calls them.",
            rules=("Serverless-SQSRedrivePolicy", *(("AwsSolutions-SQS3",) if written_by else ())),
        )
        self.alarm(
            f"{construct_id}NotEmpty",
            metric=queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            description="Something could not be processed and waits in the dead-letter queue.",
        )
        return queue

    def alarm(
        self,
        construct_id: str,
        *,
        metric: cloudwatch.IMetric,
        description: str,
        threshold: float = 1,
        below: bool = False,
    ) -> None:
        """Declare an alarm that fires as soon as `metric` reaches `threshold`, or falls `below` it."""
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=(
                cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
                if below
                else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        if self.alarms is not None:
            alarm.add_alarm_action(cloudwatch_actions.SnsAction(self.alarms))

    def log_group(self, construct_id: str, *, scope: Construct | None = None, name: str | None = None) -> logs.LogGroup:
        """Declare a log group with the profile's retention; `name` only where AWS prescribes how it begins."""
        return logs.LogGroup(
            scope or self,
            construct_id,
            log_group_name=name,
            encryption_key=self._data_key,
            retention=_RETENTION[self.settings.governance.log_retention_days],
            removal_policy=self.removal_policy,
        )
