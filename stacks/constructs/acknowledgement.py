"""Acknowledged policy findings: each on the narrowest construct, with what makes it safe."""

from __future__ import annotations

from aws_cdk import Acknowledgment, CfnElement, Stack, Validations
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


def resource_finding(resource: IConstruct, suffix: str) -> str:
    """Return the id of the finding that a policy names the ARN of `resource` with a wildcard `suffix`."""
    element = resource.node.default_child
    if not isinstance(element, CfnElement):
        message = f"{resource.node.path} is imported: name its finding by its ARN"
        raise TypeError(message)
    return f"AwsSolutions-IAM5[Resource::<{Stack.of(element).get_logical_id(element)}.Arn>{suffix}]"
