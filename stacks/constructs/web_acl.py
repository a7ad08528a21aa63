"""The web ACL in front of the distribution: AWS's managed rules, and a rate limit an address."""

from __future__ import annotations

from aws_cdk import ArnFormat
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from stacks.constructs.context_stack import ContextStack

_MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
_REQUESTS_PER_FIVE_MINUTES = 6000
_LOGGED = ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")


class WebAcl(Construct):
    """A CloudFront web ACL; it must stand in us-east-1."""

    def __init__(self, stack: ContextStack, construct_id: str) -> None:
        super().__init__(stack, construct_id)
        acl = wafv2.CfnWebACL(
            self,
            "Resource",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("WebAcl"),
            description="Marquee: managed rules and a rate limit an address.",
            rules=[
                wafv2.CfnWebACL.RuleProperty(
                    name="RateLimit",
                    priority=0,
                    action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                            aggregate_key_type="IP", limit=_REQUESTS_PER_FIVE_MINUTES
                        )
                    ),
                    visibility_config=_visibility("RateLimit"),
                ),
                *(
                    wafv2.CfnWebACL.RuleProperty(
                        name=name,
                        priority=priority,
                        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                        statement=wafv2.CfnWebACL.StatementProperty(
                            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                                name=name, vendor_name="AWS"
                            )
                        ),
                        visibility_config=_visibility(name),
                    )
                    for priority, name in enumerate(_MANAGED, start=1)
                ),
            ],
        )
        self.arn = acl.attr_arn
        log_group = stack.log_group(
            "Log", scope=self, name=f"aws-waf-logs-{stack.settings.namespace}-{stack.settings.profile}"
        )
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            # A viewer's token is good for an hour, and the log is kept for longer.
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"})
            ],
            # Of what is let through, CloudFront's own log has a line. Of an audience of production's size, the ACL's
            # would be more than an account's log streams take.
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": action}} for action in _LOGGED],
                    }
                ],
            },
            log_destination_configs=[
                stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log_group.log_group_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
        )


def _visibility(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
