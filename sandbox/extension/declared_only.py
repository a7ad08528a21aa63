"""Resource types that the embedded cloud accepts but does not run.

They get a deterministic id and ARN, so that stacks which reference them deploy, and each is listed with the
reason, so that nobody mistakes it for running. The list of types is explicit: a type nobody thought about is
refused by CloudFormation, as it should be.
"""

import hashlib
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region

from sandbox.extension.pinned import physical_name, resource
from sandbox.extension.workspace import Workspace

TYPES: Final = {
    "AWS::Budgets::Budget": "nothing here costs money",
    "AWS::CloudFront::RealtimeLogConfig": "the viewer's edge is the local nginx, not CloudFront",
    "AWS::Cognito::ManagedLoginBranding": "the embedded sign-in pages have one look",
    "AWS::FIS::ExperimentTemplate": "faults are injected by the tests themselves",
    "AWS::Route53::HealthCheck": "there is one cloud, and it is up",
    "AWS::S3::StorageLens": "an object's use is not metered here",
    "AWS::WAFv2::LoggingConfiguration": "the viewer's edge is the local nginx, not CloudFront",
}
"""The types, and why each of them does nothing here."""


class DeclaredOnly:
    """Accepts the types above and keeps the list of what it accepted."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.resources: dict[str, dict[str, str]] = {}

    def apply(self) -> None:
        """Register every type."""
        self._save()
        for resource_type, reason in TYPES.items():
            self._register(resource_type, reason)

    def _register(self, resource_type: str, reason: str) -> None:
        def create(logical_id: str, _: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
            name = physical_name(stack, logical_id)
            arn = arn_of(resource_type=resource_type, name=name)
            self.resources[arn] = {
                "type": resource_type,
                "stack": stack,
                "logicalId": logical_id,
                "region": get_region(),
                "arn": arn,
                "reason": reason,
            }
            self._save()
            return arn, Attributes(arn=arn)

        def update(
            physical_id: str, _old: dict[str, Any], _new: dict[str, Any], _stack: str, _logical_id: str
        ) -> tuple[str, dict[str, Any]]:
            return physical_id, Attributes(arn=physical_id)

        def delete(physical_id: str, _: dict[str, Any]) -> None:
            self.resources.pop(physical_id, None)
            self._save()

        resource(resource_type, create=create, update=update, delete=delete, why=f"Declared only, not run: {reason}")

    def _save(self) -> None:
        self._workspace.write_json(self._workspace.declared_only, list(self.resources.values()))


class Attributes(dict[str, Any]):
    """The attributes of a declared resource: whatever a template asks for, derived from the ARN."""

    def __init__(self, *, arn: str) -> None:
        super().__init__(Arn=arn, Id=hashlib.sha256(arn.encode()).hexdigest()[:16])

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return str(self["Arn"] if name.lower().endswith("arn") else self["Id"])


def arn_of(*, resource_type: str, name: str) -> str:
    """A deterministic ARN for a resource that exists only in its declaration."""
    _, service, kind = resource_type.split("::")
    return f"arn:aws:{service.lower()}:{get_region()}:{get_account_id()}:{kind.lower()}/{name}"
