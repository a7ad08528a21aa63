"""Governance: what every context shares (the event bus, the data key, the alarm topic), and the budget."""

from __future__ import annotations

from aws_cdk import Duration, aws_budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.constructs import key_policy
from stacks.constructs.context_stack import ContextStack
from stacks.settings import Settings


class GovernanceStack(ContextStack):
    """The shared ground of one profile, in its primary region."""

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(
            scope,
            "governance",
            settings=settings,
            region=settings.primary_region,
            description="Marquee: the event bus, the data key, the alarm topic and the budget.",
        )
        self.data_key = kms.Key(
            self,
            "DataKey",
            enable_key_rotation=True,
            multi_region=settings.storage.replica_key,
            removal_policy=self.removal_policy,
            description="Encrypts Marquee's raw and mezzanine media, topics and log groups.",
        )
        self._let_services_use_the_key()
        topic = sns.Topic(self, "Alarms", master_key=self.data_key, enforce_ssl=True)
        if settings.governance.operations_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.governance.operations_email))
        self.alarm_topic = topic
        self.alarms = topic
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=f"{settings.namespace}-{settings.profile}",
            description="The events between Marquee's contexts.",
        )
        if not settings.governance.alarm_a_function:
            self.alarm(
                "FunctionErrors",
                metric=cloudwatch.Metric(
                    namespace="AWS/Lambda", metric_name="Errors", period=Duration.minutes(5), statistic="Sum"
                ),
                description="A function of this region raised an error; the metric without dimensions sums them all.",
            )
        self._budget()

    def _let_services_use_the_key(self) -> None:
        """Let alarms, rules and budgets publish to encrypted topics, and CloudWatch Logs encrypt its groups."""
        services = ("cloudwatch", "events", "budgets")
        self.data_key.add_to_resource_policy(key_policy.publishers(self, "AlarmsRulesAndBudgets", *services))
        self.data_key.add_to_resource_policy(key_policy.log_groups(self))

    def _budget(self) -> None:
        budget = self.settings.governance
        aws_budgets.CfnBudget(
            self,
            "MonthlyBudget",
            budget=aws_budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=aws_budgets.CfnBudget.SpendProperty(amount=budget.monthly_budget_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:project${self.settings.namespace}"]},
            ),
            notifications_with_subscribers=[
                aws_budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=aws_budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=threshold,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[
                        aws_budgets.CfnBudget.SubscriberProperty(
                            address=self.alarm_topic.topic_arn, subscription_type="SNS"
                        )
                    ],
                )
                for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )
        self.alarm_topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Budgets",
                principals=[iam.ServicePrincipal("budgets.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.alarm_topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
