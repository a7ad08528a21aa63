"""A cloud assembly on disk: its stacks, as synthesis has written them. Reading one needs no CDK."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

Template = dict[str, Any]
_PATH = "aws:cdk:path"
_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
_NAMESPACE = "Annotation::"
"""CDK writes it before the id of each rule that is acknowledged."""
POLICIES = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::KMS::ReplicaKey": "KeyPolicy",
}
_OWN = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
"""Whose policies say nothing of who: it is the roles that they are attached to."""


class AssemblyUnreadableError(Exception):
    """A folder holds no cloud assembly; the message names it and the remedy."""


class Finding(NamedTuple):
    """What a rule pack found, and nobody has acknowledged."""

    pack: str
    rule: str
    construct: str
    stops: bool
    """Whether its pack lets the synthesis fail."""


class Acknowledgement(NamedTuple):
    """A rule that is accepted on a construct, and on all that is below it."""

    path: str
    """The construct's, beginning with its profile."""
    rule: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AssemblyStack:
    """One stack of an assembly."""

    id: str
    """What it is called within its profile."""
    stack_name: str
    """By which CloudFormation knows it."""
    context: str
    """The bounded context that it belongs to."""
    region: str
    template: Template

    @property
    def profile(self) -> str:
        """The profile's name, with which every path begins."""
        return next((self.path_of(name).partition("/")[0] for name in self.template["Resources"]), "")

    def path_of(self, logical_id: str) -> str:
        """Return the construct path of a resource; of one that CDK wrote without, its logical id."""
        metadata = self.template["Resources"][logical_id].get("Metadata", {})
        return (
            str(metadata.get(_PATH, f"{self.stack_name}/{logical_id}"))
            .removesuffix("/Resource")
            .removesuffix("/Default")
        )


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    path: str
    """Its construct's."""
    logical_id: str
    type: str
    stack: str
    region: str
    body: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever a template may hold
        return self.properties[name]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, as the template has them."""
        found: Mapping[str, Any] = self.body.get("Properties", {})
        return found


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, taken apart to one action, one resource and one principal. References are named."""

    owner: str
    """Whom it is about: a role, or the resource that the policy stands in."""
    path: str
    effect: str
    action: str
    resource: str
    principal: str
    condition: str


@dataclass(frozen=True)
class Assembly:
    """What synthesis has written."""

    stacks: tuple[AssemblyStack, ...]

    @property
    def profile(self) -> str:
        """The name of the profile that it was made from."""
        return next((stack.profile for stack in self.stacks if stack.profile), "")

    @cached_property
    def resources(self) -> Mapping[tuple[str, str], Resource]:
        """Every resource, by construct path and type."""
        found = (
            Resource(stack.path_of(logical_id), logical_id, body["Type"], stack.stack_name, stack.region, body)
            for stack in self.stacks
            for logical_id, body in stack.template["Resources"].items()
        )
        return {(resource.path, resource.type): resource for resource in found}

    def of(self, *types: str) -> list[Resource]:
        """Return the resources of some types."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def statements(self) -> Iterator[Statement]:
        """Yield what every policy says."""
        for resource in self.resources.values():
            if resource.type == "AWS::Lambda::Permission":
                yield self._permission(resource)
            if resource.type == "AWS::IAM::Role":
                yield from self._of_role(resource)
            if resource.type in POLICIES:
                owners = [resource.path]
                if resource.type in _OWN:
                    roles = (self.text(role, resource.stack) for role in resource.properties.get("Roles", ()))
                    owners = list(roles) or owners
                yield from self._said(resource.properties.get(POLICIES[resource.type], {}), resource, owners)

    def _of_role(self, role: Resource) -> Iterator[Statement]:
        """Yield what is attached to a role, and what is written into it."""
        owner = f"<{role.path}>"
        for policy in role.properties.get("ManagedPolicyArns", ()):
            named = self.text(policy, role.stack).rpartition("policy/")[2].rstrip('"}')
            yield Statement(
                owner=owner,
                path=role.path,
                effect="Allow",
                action=f"all of the managed policy {named}",
                resource="what it names",
                principal="",
                condition="",
            )
        for inline in role.properties.get("Policies", ()):
            yield from self._said(inline["PolicyDocument"], role, [owner])

    def _said(self, document: Mapping[str, Any], resource: Resource, owners: Iterable[str]) -> Iterator[Statement]:
        for statement in document.get("Statement", ()):
            condition = statement.get("Condition")
            for owner, action, on, who in product(
                owners,
                list_of(statement.get("Action", f"all but {statement.get('NotAction')}")),
                list_of(statement.get("Resource", "")),
                principals_of(statement) or [""],
            ):
                yield Statement(
                    owner=owner,
                    path=resource.path,
                    effect=statement["Effect"],
                    action=action,
                    resource=self.text(on, resource.stack),
                    principal=self.text(who, resource.stack),
                    condition=self.text(condition, resource.stack) if condition else "",
                )

    def _permission(self, resource: Resource) -> Statement:
        said = resource.properties
        conditions = {name: said[name] for name in ("SourceArn", "SourceAccount") if name in said}
        called = self.text(said["FunctionName"], resource.stack)
        return Statement(
            owner=called,
            path=resource.path,
            effect="Allow",
            action=said["Action"],
            resource=called,
            principal=self.text(said["Principal"], resource.stack),
            condition=self.text(conditions, resource.stack) if conditions else "",
        )

    def text(self, value: Any, stack: str) -> str:  # noqa: ANN401 - whatever a template may hold
        """Return a value of a stack with its references named by construct, ``<path>`` or ``<path.Attribute>``.

        Logical ids may change, and mean nothing to a reader.
        """
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            [(function, argument)] = value.items()
            match function:
                case "Ref":
                    return f"<{self._path(stack, argument)}>"
                case "Fn::GetAtt":
                    return f"<{self._path(stack, argument[0])}.{argument[1]}>"
                case "Fn::GetStackOutput" if argument["StackName"] in self._templates:
                    outputs = self._templates[argument["StackName"]]["Outputs"]
                    return self.text(outputs[argument["OutputName"]]["Value"], argument["StackName"])
                case "Fn::Join":
                    return str(argument[0]).join(self.text(part, stack) for part in argument[1])
                case _:
                    pass
        if isinstance(value, Mapping):
            return json.dumps({name: self.text(one, stack) for name, one in value.items()}, sort_keys=True)
        return json.dumps(value, sort_keys=True)

    @cached_property
    def _templates(self) -> Mapping[str, Template]:
        return {stack.stack_name: stack.template for stack in self.stacks}

    @cached_property
    def _paths(self) -> Mapping[tuple[str, str], str]:
        return {(resource.stack, resource.logical_id): resource.path for resource in self.resources.values()}

    def _path(self, stack: str, logical_id: str) -> str:
        return self._paths.get((stack, logical_id), logical_id)


def read(folder: Path) -> Assembly:
    """Return an assembly, with what is in assemblies within it.

    Raises
    ------
    AssemblyUnreadableError
        If the folder has no manifest.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        message = f"{folder} holds no cloud assembly: name a folder that `marquee synth` or `cdk synth` has written"
        raise AssemblyUnreadableError(message)
    stacks: list[AssemblyStack] = []
    for name, artefact in sorted(json.loads(manifest.read_text())["artifacts"].items()):
        properties = artefact.get("properties", {})
        if artefact["type"] == "cdk:cloud-assembly":
            stacks += read(folder / properties["directoryName"]).stacks
        if artefact["type"] == "aws:cloudformation:stack":
            stacks.append(
                AssemblyStack(
                    id=artefact.get("displayName", name).rpartition("/")[2],
                    stack_name=properties.get("stackName", name),
                    context=properties.get("tags", {}).get("context", ""),
                    region=artefact["environment"].rpartition("/")[2],
                    template=json.loads((folder / properties["templateFile"]).read_text()),
                )
            )
    return Assembly(tuple(stacks))


def findings_of(folder: Path) -> tuple[Finding, ...]:
    """Return what the rule packs, and CDK's own checks, found in an assembly and nobody has acknowledged."""
    report = json.loads((folder / "validation-report.json").read_text())
    return tuple(
        Finding(
            pack=plugin.get("pluginName", ""),
            rule=violation.get("ruleName", ""),
            construct=construct.get("constructPath", ""),
            stops=plugin["conclusion"] != "success",
        )
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    )


def acknowledgements_of(folder: Path) -> tuple[Acknowledgement, ...]:
    """Return what is acknowledged in an assembly, on stacks and below.

    What is acknowledged on a whole profile, CDK writes into no file.
    """
    return tuple(
        one
        for metadata in sorted(folder.glob("assembly-*/*.metadata.json"))
        for path, entries in json.loads(metadata.read_text()).items()
        for entry in entries
        for one in acknowledged(path.removeprefix("/"), entry["type"], entry.get("data"))
    )


def acknowledged(path: str, kind: str, data: Any) -> Iterator[Acknowledgement]:  # noqa: ANN401 - any metadata's
    """Yield what an entry of a construct's metadata acknowledges: nothing, if it is another kind of entry."""
    if kind == _ACKNOWLEDGED:
        for rule, reason in data.items():
            yield Acknowledgement(path, rule.removeprefix(_NAMESPACE), reason)


def principals_of(statement: Mapping[str, Any]) -> list[Any]:
    """Return whom a statement of a resource's policy names; of a role's own, nobody."""
    principal = statement.get("Principal", [])
    if isinstance(principal, Mapping):
        return [who for whose in principal.values() for who in list_of(whose)]
    return list_of(principal)


def list_of(value: Any) -> list[Any]:  # noqa: ANN401 - whatever a template may hold
    """Return what stands alone or in a list, as a list."""
    return value if isinstance(value, list) else [value]
