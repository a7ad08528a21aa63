"""How studios are told: a letter of each event that matters to them, by e-mail and to their webhooks."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.ingestion.notices import TOLD
from lambdas.ingestion.status_environment import NotifyEnvironment, WebhookEnvironment
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.bus_subscription import subscribe_to_any
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.queue_access import let_take
from stacks.constructs.service_function import ServiceFunction

_HANDLERS = "lambdas.ingestion.notify_handlers"
_ATTEMPTS = 8
"""With waits from 15 s to a quarter of an hour between them: half an hour in all."""
_BATCH = 5
_WEBHOOK_TIMEOUT = Duration.minutes(1)
"""Five webhooks of 8 s at most, and some room."""


class Notifications(Construct):
    """A topic that carries letters to studios, and the queue before their webhooks.

    Each message has the attributes ``studio`` and ``event``, by which subscriptions filter. E-mail gets the letter as
    text, a queue gets the event. A webhook's address is a secret, which `marquee studio add` keeps as a parameter.

    Parameters
    ----------
    data_key
        Encrypts the topic.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, bus: events.IEventBus, data_key: kms.IKey) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._data_key = stack, data_key
        self.topic = sns.Topic(self, "Topic", master_key=data_key, enforce_ssl=True)
        self._notify(bus)
        self._webhooks()
        for studio in stack.settings.ingestion.studios:
            if studio.notification_email:
                self.topic.add_subscription(
                    subscriptions.EmailSubscription(
                        studio.notification_email,
                        filter_policy={"studio": sns.SubscriptionFilter.string_filter(allowlist=[studio.name])},
                    )
                )

    def _notify(self, bus: events.IEventBus) -> None:
        function = ServiceFunction(
            self._stack,
            "Notify",
            handler=f"{_HANDLERS}.notify",
            environment=NotifyEnvironment(topic_arn=self.topic.topic_arn),
            description="Writes the letter of an event to its studio.",
        )
        function.execution_role.add_to_principal_policy(
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.topic.topic_arn])
        )
        function.execution_role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self._data_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"sns.{self._stack.region}.amazonaws.com"}},
            )
        )
        subscribe_to_any(self._stack, "TellStudios", TOLD, bus=bus, function=function)

    def _webhooks(self) -> None:
        dead_letters = self._stack.dead_letters
        queue = sqs.Queue(
            self,
            "Webhooks",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Six times the function's own time, as Lambda asks for.
            visibility_timeout=Duration.seconds(_WEBHOOK_TIMEOUT.to_seconds() * 6),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_ATTEMPTS),
            removal_policy=self._stack.removal_policy,
        )
        self.topic.add_subscription(
            subscriptions.SqsSubscription(queue, raw_message_delivery=True, dead_letter_queue=dead_letters)
        )
        parameters = f"/{self._stack.settings.namespace}/{self._stack.settings.profile}/studios"
        function = ServiceFunction(
            self._stack,
            "Webhook",
            handler=f"{_HANDLERS}.webhook",
            environment=WebhookEnvironment(
                parameter_prefix=parameters,
                dead_letters_url=dead_letters.queue_url,
                queue_url=queue.queue_url,
                loopback=self._stack.settings.ingestion.loopback_webhooks,
            ),
            description="Posts letters to the webhooks of studios.",
            timeout=_WEBHOOK_TIMEOUT,
        )
        let_take(queue, function.execution_role)
        # Of a letter that is to be tried again later, the function itself says when.
        queue.grant(function, "sqs:ChangeMessageVisibility")
        batches = lambda_.EventSourceMapping(
            self,
            "Batches",
            target=function,
            event_source_arn=queue.queue_arn,
            batch_size=_BATCH,
            report_batch_item_failures=True,
        )
        acknowledge(
            batches,
            reason="Lambda offers queues no destination of its own: the queue's redrive policy is it.",
            rules=("Serverless-LambdaEventSourceMappingDestination",),
        )
        arn = Stack.of(self).format_arn(
            service="ssm",
            resource="parameter",
            resource_name=f"{parameters.removeprefix('/')}/*/webhook",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        role = function.execution_role
        # Decryption needs no grant: the key of Parameter Store admits whoever may read the parameter.
        role.add_to_principal_policy(iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[arn]))
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue_arn])
        )
        acknowledge(
            role,
            reason="One parameter a studio, and studios come while the platform runs; it reaches their webhooks only.",
            rules=(wildcard_finding(self, arn),),
        )
