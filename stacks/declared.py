"""What one configuration declares: its resources by construct path, with references followed across stacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacks.settings import Settings

if TYPE_CHECKING:
    from stacks.assembly import Assembly, AssemblyStack, Template
    from stacks.synthesis import Synthesis

_CUSTOMERS_CODE = "lambdas."


@dataclass(frozen=True)
class Statement:
    """One statement of an IAM policy; references are rendered."""

    effect: str
    actions: frozenset[str]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    condition: Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource of a template.

    `path` is its construct's, below the profile: ``storage/Raw``.
    """

    stack: str
    logical_id: str
    path: str
    kind: str
    body: Mapping[str, Any] = field(repr=False)
    declared: Declared = field(repr=False)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever a template may hold
        return self.properties[name]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, as the template has them."""
        found: Mapping[str, Any] = self.body.get("Properties", {})
        return found

    def text(self, value: Any) -> str:  # noqa: ANN401 - the same
        """Return `value`, which stands in this resource, with its references followed."""
        return self.declared.text(value, stack=self.stack)

    def statements(self, document: Mapping[str, Any]) -> Iterator[Statement]:
        """Yield the statements of a policy that stands in this resource."""
        for statement in document["Statement"]:
            principal = statement.get("Principal", {})
            named = [principal] if isinstance(principal, str) else [p for who in principal.values() for p in _list(who)]
            yield Statement(
                effect=statement["Effect"],
                actions=frozenset(_list(statement["Action"])),
                resources=tuple(self.text(resource) for resource in _list(statement.get("Resource", []))),
                principals=tuple(self.text(who) for who in named),
                condition=statement.get("Condition", {}),
            )


@dataclass(frozen=True, kw_only=True)
class Written:
    """A configuration that was synthesised before, as it lies on disk. Reading it needs no CDK."""

    assembly: Assembly
    directory: Path
    settings: Settings
    """By which it was synthesised."""

    @cached_property
    def templates(self) -> Mapping[str, Template]:
        """The templates, by the id of their stack."""
        return {stack.id: stack.template for stack in self.assembly.stacks}

    @cached_property
    def stacks(self) -> Mapping[str, AssemblyStack]:
        """The stacks, by id."""
        return {stack.id: stack for stack in self.assembly.stacks}


@dataclass(frozen=True)
class Declared:
    """The resources of every stack of one configuration."""

    synthesis: Synthesis | Written

    @property
    def settings(self) -> Settings:
        """Of the platform that was synthesised."""
        return self.synthesis.settings

    @property
    def profile(self) -> str:
        """The profile's name."""
        return self.settings.profile

    @property
    def directory(self) -> Path:
        """The cloud assembly of the whole app."""
        return self.synthesis.directory

    @property
    def templates(self) -> Mapping[str, Template]:
        """The templates, by the id of their stack."""
        return self.synthesis.templates

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The resources of every template."""
        return tuple(
            Resource(stack, logical_id, self._path(body, stack=stack, logical_id=logical_id), body["Type"], body, self)
            for stack, template in self.templates.items()
            for logical_id, body in template["Resources"].items()
        )

    @cached_property
    def _by_logical_id(self) -> Mapping[tuple[str, str], Resource]:
        return {(resource.stack, resource.logical_id): resource for resource in self.resources}

    @cached_property
    def _by_path(self) -> Mapping[str, Resource]:
        return {resource.path: resource for resource in self.resources}

    @cached_property
    def _stack_by_name(self) -> Mapping[str, str]:
        return {stack.stack_name: name for name, stack in self.synthesis.stacks.items()}

    def of(self, kind: str, *, stack: str | None = None) -> list[Resource]:
        """Return the resources of a type."""
        return [found for found in self.resources if found.kind == kind and stack in {None, found.stack}]

    def only(self, kind: str, *, stack: str | None = None) -> Resource:
        """Return the one resource of a type."""
        [found] = self.of(kind, stack=stack)
        return found

    def at(self, path: str) -> Resource:
        """Return the resource of a construct."""
        return self._by_path[path]

    def functions(self) -> list[Resource]:
        """Return our own functions; CDK's, which run at deployment, are CDK's."""
        return [found for found in self.of("AWS::Lambda::Function") if found["Handler"].startswith(_CUSTOMERS_CODE)]

    def role_of(self, function: Resource) -> Resource:
        """Return the role that a function runs as."""
        return self._by_logical_id[function.stack, function["Role"]["Fn::GetAtt"][0]]

    def granted(self, role: Resource) -> list[Statement]:
        """Return what the policies of a role allow: those attached to it, and those written into it."""
        policies = [
            (policy, policy["PolicyDocument"])
            for policy in self.of("AWS::IAM::Policy", stack=role.stack)
            if {"Ref": role.logical_id} in policy["Roles"]
        ]
        policies += [(role, policy["PolicyDocument"]) for policy in role.properties.get("Policies", ())]
        return [statement for where, document in policies for statement in where.statements(document)]

    def text(self, value: Any, *, stack: str) -> str:  # noqa: ANN401 - whatever a template may hold
        """Return `value` as text: names where they are known, ``<path.Attribute>`` where only AWS will know."""
        if not isinstance(value, dict):
            return str(value)
        [(function, argument)] = value.items()
        match function:
            case "Ref":
                return self._reference(argument, stack=stack)
            case "Fn::GetAtt":
                return self._attribute(*argument, stack=stack)
            case "Fn::GetStackOutput":
                other = self._stack_by_name[argument["StackName"]]
                return self.text(self.templates[other]["Outputs"][argument["OutputName"]]["Value"], stack=other)
            case "Fn::Join":
                return str(argument[0]).join(self.text(part, stack=stack) for part in argument[1])
            case _:
                return json.dumps(value)

    def _reference(self, name: str, *, stack: str) -> str:
        resource = self._by_logical_id.get((stack, name))
        if resource is None:
            return f"<{name}>"
        known = resource.properties.get("BucketName")
        return resource.text(known) if known else f"<{resource.path}>"

    def _attribute(self, name: str, attribute: str, *, stack: str) -> str:
        resource = self._by_logical_id[stack, name]
        if attribute == "Arn" and "BucketName" in resource.properties:
            return f"arn:aws:s3:::{resource.text(resource['BucketName'])}"
        return f"<{resource.path}.{attribute}>"

    def _path(self, body: Mapping[str, Any], *, stack: str, logical_id: str) -> str:
        path: str = body.get("Metadata", {}).get("aws:cdk:path", f"{self.profile}/{stack}/{logical_id}")
        return path.removeprefix(f"{self.profile}/").removesuffix("/Resource").removesuffix("/Default")


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - the same
    return value if isinstance(value, list) else [value]
