"""A secret's ``Ref`` is its ARN, as on AWS; stock gives its name."""

from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]


def apply() -> None:
    """Let stock do the work under the name, and CloudFormation see the ARN."""
    stock = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        _, attributes = stock["create"](logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        _, attributes = stock["update"](_name(physical_id), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    resource(
        "AWS::SecretsManager::Secret",
        create=create,
        update=update,
        delete=lambda physical_id, properties: stock["delete"](_name(physical_id), properties),
        why="Stock gives the secret's name where AWS gives its ARN",
    )


def _name(arn: str) -> str:
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)
