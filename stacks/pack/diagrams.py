"""Graphs of an assembly in Graphviz's language: how stacks depend on each other, who hears what, who touches what."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from lambdas.common.events import Event
from stacks.assembly import Assembly, AssemblyStack, Resource

_STYLE = (
    'graph [rankdir=LR, fontname="Helvetica", fontsize=12, bgcolor="white", nodesep=0.25, ranksep=0.9, pad=0.3];\n'
    'node [shape=box, fontname="Helvetica", fontsize=11, color="#5b6777"];\n'
    'edge [fontname="Helvetica", fontsize=9, color="#7a8796", arrowsize=0.7];'
)
_SHOWN: Mapping[str, tuple[str, str]] = {
    "AWS::ApiGatewayV2::Api": ("HTTP API", "#f7d9e8"),
    "AWS::Batch::JobDefinition": ("Batch job", "#fde3c8"),
    "AWS::Batch::JobQueue": ("Batch queue", "#fde3c8"),
    "AWS::CloudFront::Distribution": ("CloudFront", "#e6dcf7"),
    "AWS::CloudFront::KeyValueStore": ("key-value store", "#e6dcf7"),
    "AWS::Cognito::UserPool": ("user pool", "#f9d6d5"),
    "AWS::DynamoDB::GlobalTable": ("table", "#d5e3fb"),
    "AWS::ElastiCache::ServerlessCache": ("Valkey", "#d5e3fb"),
    "AWS::Events::EventBus": ("event bus", "#f7d9e8"),
    "AWS::Events::Rule": ("rule", "#f7d9e8"),
    "AWS::KMS::Key": ("KMS key", "#f9d6d5"),
    "AWS::Lambda::Function": ("function", "#fdeacb"),
    "AWS::S3::Bucket": ("bucket", "#d7efd8"),
    "AWS::SNS::Topic": ("topic", "#f7d9e8"),
    "AWS::SQS::Queue": ("queue", "#f7d9e8"),
    "AWS::SecretsManager::Secret": ("secret", "#f9d6d5"),
    "AWS::StepFunctions::StateMachine": ("state machine", "#f7d9e8"),
    "AWS::Transfer::Server": ("SFTP server", "#d7efd8"),
}
"""What a picture of a context shows: what it is called, and its colour."""
_REFERENCE = re.compile(r"<([^<>]+?)(?:\.\w+)?>")
# Every function has them, and a picture of everything shows nothing.
_EVERYWHERE = ("logs:", "xray:", "ec2:")
_WRITES = re.compile(
    r":(Put|Update|Delete|Write|Send|Start|Publish|Create|Invoke|BatchWrite|Submit|Terminate|Generate|Encrypt|Restore)"
)
_OUTPUT = "Fn::GetStackOutput"


def diagrams(assembly: Assembly) -> Iterator[tuple[str, str]]:
    """Yield each picture: its name and its graph."""
    yield "stacks", stacks(assembly)
    yield "events", events(assembly)
    for stack in assembly.stacks:
        yield f"context-{stack.id}", context(assembly, stack)


def stacks(assembly: Assembly) -> str:
    """Return how the stacks depend on each other: an arrow points to where a value comes from."""
    named = {stack.stack_name: stack.id for stack in assembly.stacks}
    lines = [
        _node(stack.id, f"{stack.id}\n{len(stack.template['Resources'])} resources\n{stack.region}")
        for stack in assembly.stacks
    ]
    for stack in assembly.stacks:
        outputs: dict[str, set[str]] = defaultdict(set)
        for found in _outputs(stack.template):
            outputs[found["StackName"]].add(found["OutputName"])
        for other, values in sorted(outputs.items()):
            said = f"{len(values)} value{'s' * (len(values) > 1)}"
            lines.append(_edge(stack.id, named.get(other, other), said))
    return _graph(lines, title="Stacks, and whose values they use")


def events(assembly: Assembly) -> str:
    """Return who hears which event of ours, and which context it comes from."""
    sources = {event.detail_type(): event.source.removeprefix("marquee.") for event in Event.__subclasses__()}
    lines = []
    for rule in assembly.of("AWS::Events::Rule"):
        heard = [kind for kind in rule.properties.get("EventPattern", {}).get("detail-type", ()) if kind in sources]
        for target in rule["Targets"] if heard else ():
            hears = _inner(assembly.text(target["Arn"], rule.stack))
            _, where, *rest = hears.split("/")
            lines.append(_node(hears, f"{where}\n{'/'.join(rest)}", fill="#fdeacb"))
            for kind in heard:
                source = f"from {sources[kind]}"
                lines += [_node(kind, kind, shape="ellipse", fill="#f7d9e8"), _edge(kind, hears)]
                lines += [_node(source, sources[kind]), _edge(source, kind)]
    return _graph(_once(lines), title="Events on the bus: from whom, what, and who hears it")


def context(assembly: Assembly, stack: AssemblyStack) -> str:
    """Return what one stack has, and what of it touches what: by its roles, its rules, its routes."""
    shown = {
        resource.path: resource
        for resource in assembly.of(*_SHOWN)
        # Every function of a context has the same one.
        if not resource.path.endswith("/DeadLetters")
    }
    mine = {path for path, resource in shown.items() if resource.stack == stack.stack_name}
    edges = [
        (giver, taker, said)
        for giver, taker, said in _touches(assembly, shown)
        if giver in mine or (taker in mine and giver in shown)
    ]
    touched = mine | {end for giver, taker, _ in edges for end in (giver, taker)}
    lines = []
    for path in sorted(touched):
        what, colour = _SHOWN[shown[path].type]
        parts = path.split("/")
        name = "/".join(parts[2:]) if path in mine else f"{parts[1]}: {'/'.join(parts[2:])}"
        lines.append(_node(path, f"{name}\n{what}", fill=colour, dashed=path not in mine))
    lines += [_edge(giver, taker, said) for giver, taker, said in edges]
    return _graph(_once(lines), title=f"{stack.id}: who touches what; dashed is another stack's")


def _touches(assembly: Assembly, shown: Mapping[str, Resource]) -> Iterator[tuple[str, str, str]]:
    """Yield who touches what, and how."""
    how: dict[tuple[str, str], set[str]] = defaultdict(set)
    for giver, taker, way in (*_granted(assembly, shown), *_called(assembly)):
        if giver != taker and giver in shown and taker in shown:
            how[giver, taker].add(way)
    for (giver, taker), ways in sorted(how.items()):
        yield giver, taker, ", ".join(sorted(ways))


def _granted(assembly: Assembly, shown: Mapping[str, Resource]) -> Iterator[tuple[str, str, str]]:
    """Yield what whoever has a role may touch by it."""
    users = defaultdict(list)
    for resource in shown.values():
        container = resource.properties.get("ContainerProperties", {})
        roles = (resource.properties.get("Role"), resource.properties.get("RoleArn"), container.get("JobRoleArn"))
        for role in filter(None, roles):
            users[_inner(assembly.text(role, resource.stack))].append(resource.path)
    for one in assembly.statements():
        if one.effect == "Allow" and not one.action.startswith(_EVERYWHERE):
            way = "writes" if _WRITES.search(one.action) else "reads"
            for target in _REFERENCE.findall(one.resource):
                yield from ((user, target, way) for user in users.get(_inner(one.owner), ()))


def _called(assembly: Assembly) -> Iterator[tuple[str, str, str]]:
    """Yield who calls whom: rules their targets, routes their functions, queues who works on them."""
    for rule in assembly.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            yield rule.path, _inner(assembly.text(target["Arn"], rule.stack)), "calls"
    for integration in assembly.of("AWS::ApiGatewayV2::Integration"):
        api = _inner(assembly.text(integration["ApiId"], integration.stack))
        uri = assembly.text(integration.properties.get("IntegrationUri", ""), integration.stack)
        yield from ((api, called, "calls") for called in _REFERENCE.findall(uri))
    for mapping in assembly.of("AWS::Lambda::EventSourceMapping"):
        source = _inner(assembly.text(mapping["EventSourceArn"], mapping.stack))
        yield source, _inner(assembly.text(mapping["FunctionName"], mapping.stack)), "calls"


def _inner(text: str) -> str:
    found = _REFERENCE.search(text)
    return found[1] if found else text


def _outputs(value: object) -> Iterator[Mapping[str, str]]:
    if isinstance(value, dict):
        if _OUTPUT in value:
            yield value[_OUTPUT]
        for one in value.values():
            yield from _outputs(one)
    elif isinstance(value, list):
        for one in value:
            yield from _outputs(one)


def _node(name: str, label: str, *, shape: str = "box", fill: str = "#eef2f7", dashed: bool = False) -> str:
    style = "rounded,filled,dashed" if dashed else "rounded,filled"
    said = {"label": label, "shape": shape, "fillcolor": fill, "style": style}
    return f"{json.dumps(name)} [{', '.join(f'{key}={json.dumps(value)}' for key, value in said.items())}];"


def _edge(one: str, other: str, label: str = "") -> str:
    return f"{json.dumps(one)} -> {json.dumps(other)} [label={json.dumps(label)}];"


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _graph(lines: Iterable[str], *, title: str) -> str:
    inner = "\n".join(lines)
    return f"digraph {{\n{_STYLE}\nlabel={json.dumps(title)}; labelloc=t; fontsize=16;\n{inner}\n}}\n"
