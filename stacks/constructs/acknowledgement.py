"""Acknowledged policy findings: each on the narrowest construct, with what makes it safe."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, *, reason: str, rules: tuple[str, ...]) -> None:
    """Accept the findings named by `rules` on `construct`, because of `reason`.

    Parameters
    ----------
    construct
        The narrowest construct that the findings are reported on.
    reason
        What makes the finding safe here; it is listed in ``docs/generated/acknowledgements.md``.
    rules
        Exact ids, such as ``AwsSolutions-IAM5[Resource::*]``. A blanket id matches nothing.
    """
    for rule in rules:
        Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def wildcard_finding(scope: IConstruct, arn: str) -> str:
    """Return the id of the finding that a policy names `arn`, with its wildcard and the account's id."""
    return f"AwsSolutions-IAM5[Resource::{arn.replace(Stack.of(scope).account, '<AWS::AccountId>')}]"
