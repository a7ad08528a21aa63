"""Graphs of an assembly in Graphviz's language: how stacks depend on each other, who hears what, who touches what.

A node of a known kind has its service's icon, by the name that `stacks.pack.icons` has for it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import NamedTuple

from lambdas.common.events import Event
from stacks.assembly import Assembly, AssemblyStack, Resource

_STYLE = (
    'graph [rankdir=LR, fontname="Helvetica", bgcolor="white", nodesep=0.12, ranksep=1.1, pad=0.3];\n'
    'node [shape=box, fontname="Helvetica", fontsize=11, color="#5b6777", margin="0.06,0.02", height=0.3];\n'
    'edge [fontname="Helvetica", fontsize=9, color="#7a8796", arrowsize=0.7];'
)

# Stacks stand on each other in many layers: from left to right, that is wider than a page.
_DOWNWARDS = "\ngraph [rankdir=TB, ranksep=0.5];"


DARK: Mapping[str, str] = {
    "white": "#1e2129",
    "#eef2f7": "#2b3240",
    "#fbeaf2": "#43283a",
    "#fef2e2": "#423422",
    "#e8effd": "#26334f",
    "#e9f6ea": "#223c29",
    "#fcebea": "#482a27",
    "#f1ecfb": "#332a4d",
    "#232f3e": "#e2e8f0",
    "#5b6777": "#b4bfcd",
    "#7a8796": "#8f9cad",
    "#8a2a5b": "#f5a9cf",
    "#b3491c": "#f28b82",
}
"""What each colour becomes where the page is dark; icons stay as they are (decision 0041)."""
DARK_TEXT = "#e2e8f0"


class UnknownEventError(LookupError):
    """A rule hears an event of ours that the code does not have; the message names both and the remedy."""


class Kind(NamedTuple):
    """How a type of resource is drawn."""

    name: str
    colour: str
    icon: str
    """Of its service, as `stacks.pack.icons` has it."""


_WORKERS = {"AWS::Lambda::Function", "AWS::Batch::JobDefinition"}
_MESSAGES, _WORK, _STORES, _FILES, _SECRETS, _EDGE = "#fbeaf2", "#fef2e2", "#e8effd", "#e9f6ea", "#fcebea", "#f1ecfb"
SHOWN: Mapping[str, Kind] = {
    "AWS::ApiGatewayV2::Api": Kind("HTTP API", _MESSAGES, "application_integration/api_gateway/service_icon"),
    "AWS::Batch::JobDefinition": Kind("Batch job", _WORK, "compute/batch/service_icon"),
    "AWS::Batch::JobQueue": Kind("Batch queue", _WORK, "compute/batch/service_icon"),
    "AWS::CloudFront::Distribution": Kind("CloudFront", _EDGE, "networking_content_delivery/cloudfront/service_icon"),
    "AWS::CloudFront::KeyValueStore": Kind(
        "key-value store", _EDGE, "networking_content_delivery/cloudfront/service_icon"
    ),
    "AWS::Cognito::UserPool": Kind("user pool", _SECRETS, "security_identity_compliance/cognito/service_icon"),
    "AWS::DynamoDB::GlobalTable": Kind("table", _STORES, "database/dynamodb/service_icon"),
    "AWS::ElastiCache::ServerlessCache": Kind("Valkey", _STORES, "database/elasticache/service_icon"),
    "AWS::Events::EventBus": Kind("event bus", _MESSAGES, "application_integration/eventbridge/service_icon"),
    "AWS::KMS::Key": Kind("KMS key", _SECRETS, "security_identity_compliance/key_management_service/service_icon"),
    "AWS::Lambda::Function": Kind("function", _WORK, "compute/lambda/service_icon"),
    "AWS::S3::Bucket": Kind("bucket", _FILES, "storage/s3/service_icon"),
    "AWS::SNS::Topic": Kind("topic", _MESSAGES, "application_integration/sns/service_icon"),
    "AWS::SQS::Queue": Kind("queue", _MESSAGES, "application_integration/sqs/service_icon"),
    "AWS::SecretsManager::Secret": Kind(
        "secret", _SECRETS, "security_identity_compliance/secrets_manager/service_icon"
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        "state machine", _MESSAGES, "application_integration/step_functions/service_icon"
    ),
    "AWS::Transfer::Server": Kind("SFTP server", _FILES, "migration_transfer/transfer_family/service_icon"),
}
"""What a picture of a context shows."""
_REFERENCE = re.compile(r"<([^<>]+?)(?:\.\w+)?>")
_BUCKET = re.compile(r"arn:aws:s3:::([^/]+)")
_EVERY = re.compile(r"rate\((?:1 )?(.+)\)")
# Every function has them, and a picture of everything shows nothing.
_EVERYWHERE = ("logs:", "xray:", "ec2:")
_LEFT_OUT = re.compile(r"/(DeadLetters|DataKey)$|/Custom::")
_CALLS = re.compile(r":(Invoke|StartExecution|SubmitJob)")
_WRITES = re.compile(
    r":(\*|Put|Update|Delete|Write|Send|Start|Stop|Publish|Create|BatchWrite|Terminate|Cancel|Generate|Encrypt|Restore)"
)
_LINES = {
    "calls": 'color="#232f3e", penwidth=1.4',
    "writes": 'color="#b3491c"',
    "reads": 'color="#7a8796", style=dashed',
}
"""How it is drawn that something touches something; of several, the first that holds."""
_LEGEND = (
    '<BR/><FONT POINT-SIZE="5"> </FONT><BR/><FONT POINT-SIZE="10" COLOR="#232f3e">thick: calls</FONT>'
    '<FONT POINT-SIZE="10" COLOR="#b3491c">   red: writes</FONT>'
    '<FONT POINT-SIZE="10" COLOR="#5b6777">   dashed: only reads   dashed node: another stack\'s</FONT>'
    '<BR/><FONT POINT-SIZE="10" COLOR="#5b6777">'
    "left out: logs and traces, dead letters, the data key, CDK's own functions</FONT>"
)
_OUTPUT = "Fn::GetStackOutput"
_OURS = "marquee."
"""How the sources of the platform's own events begin."""


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
        _node(stack.id, [stack.id], note=f"{len(stack.template['Resources'])} resources, {stack.region}")
        for stack in assembly.stacks
    ]
    for stack in assembly.stacks:
        outputs: dict[str, set[str]] = defaultdict(set)
        for found in _outputs(stack.template):
            outputs[found["StackName"]].add(found["OutputName"])
        for other, values in sorted(outputs.items()):
            said = f"{len(values)} value{'s' * (len(values) > 1)}"
            lines.append(_edge(stack.id, named.get(other, other), said))
    return _graph(lines, title="Stacks, and whose values they use", style=_DOWNWARDS)


def events(assembly: Assembly) -> str:
    """Return who hears which event of ours, and which context it comes from: that, the code says.

    Raises
    ------
    UnknownEventError
        If a rule hears one that the code does not have.
    """
    sources = {event.detail_type(): event.source.removeprefix(_OURS) for event in _below(Event)}
    kinds = {resource.path: SHOWN[resource.type] for resource in assembly.of(*SHOWN)}
    lines = []
    for rule in assembly.of("AWS::Events::Rule"):
        pattern = rule.properties.get("EventPattern", {})
        ours = any(source.startswith(_OURS) for source in pattern.get("source", ()))
        heard = pattern.get("detail-type", ()) if ours else ()
        if unknown := sorted(set(heard) - sources.keys()):
            message = f"{rule.path} hears {', '.join(unknown)}: no class of lambdas/common/events.py is called that"
            raise UnknownEventError(f"{message}; correct the rule, or write the class")
        for target in rule["Targets"] if heard else ():
            hears = _inner(assembly.text(target["Arn"], rule.stack))
            _, where, *rest = hears.split("/")
            lines.append(_node(hears, ["/".join(rest)], note=where, kind=kinds.get(hears)))
            for kind in heard:
                source = f"from {sources[kind]}"
                lines += [_node(kind, [kind], shape="ellipse", fill=_MESSAGES), _edge(kind, hears)]
                lines += [_node(source, [sources[kind]]), _edge(source, kind)]
    return _graph(_once(lines), title="Events on the bus: from whom, what, and who hears it")


def _below(event: type[Event]) -> Iterator[type[Event]]:
    """Yield the classes below one, at every depth."""
    for one in event.__subclasses__():
        yield one
        yield from _below(one)


def context(assembly: Assembly, stack: AssemblyStack) -> str:
    """Return what one stack has, and what of it touches what: by its roles, its rules, its routes.

    Functions that touch the same in the same way, and are started by the same, are one node; so are jobs. A rule is no
    node: it is told of whom it starts.
    """
    shown = {resource.path: resource for resource in assembly.of(*SHOWN) if not _LEFT_OUT.search(resource.path)}
    mine = {path for path, resource in shown.items() if resource.stack == stack.stack_name}
    touches = {(giver, taker): way for giver, taker, way in _touches(assembly, shown) if giver in mine or taker in mine}
    starts = defaultdict(tuple, {path: kinds for path, kinds in _starts(assembly) if path in mine})
    lines = []
    nodes = _alike(shown, mine.union(*touches), touches, starts)
    for node, paths in _grouped(nodes).items():
        one, names = shown[node], sorted("/".join(path.split("/")[2:]) for path in paths)
        kind, where = SHOWN[one.type], node.split("/")[1]
        what = kind.name if len(names) == 1 else f"{len(names)} {kind.name}s"
        note = what if node in mine else f"{what} of {where}"
        lines.append(_node(node, _wrapped(names), note=note, when=starts[node], kind=kind, dashed=node not in mine))
    lines += [_edge(nodes[giver], nodes[taker], way=way) for (giver, taker), way in touches.items()]
    return _graph(_once(lines), title=f"{stack.id}: who touches what", legend=_LEGEND)


def _alike(
    shown: Mapping[str, Resource],
    paths: Iterable[str],
    touches: Mapping[tuple[str, str], str],
    starts: Mapping[str, tuple[str, ...]],
) -> Mapping[str, str]:
    """Return of each resource who stands for it: of a stack's functions, or jobs, that are alike in all, the first."""
    about: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for (giver, taker), way in touches.items():
        about[giver].add((taker, way, True))
        about[taker].add((giver, way, False))
    nodes: dict[str, str] = {}
    first: dict[object, str] = {}
    for path in sorted(paths):
        one, does = shown[path], frozenset(about[path])
        alike = (one.stack, one.type, starts[path], does) if does and one.type in _WORKERS else path
        nodes[path] = first.setdefault(alike, path)
    return nodes


def _grouped(nodes: Mapping[str, str]) -> Mapping[str, list[str]]:
    groups = defaultdict(list)
    for path, node in nodes.items():
        groups[node].append(path)
    return groups


def _starts(assembly: Assembly) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what starts a resource, beside who calls it: the clock, and events."""
    clocks: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for rule in assembly.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            path = _inner(assembly.text(target["Arn"], rule.stack))
            kinds[path].update(rule.properties.get("EventPattern", {}).get("detail-type", ()))
            if schedule := rule.properties.get("ScheduleExpression"):
                every = _EVERY.fullmatch(schedule)
                clocks[path].add(f"every {every[1]}" if every else schedule)
    for path, heard in kinds.items():
        first, *others = sorted(heard) or [""]
        yield path, (*sorted(clocks[path]), *([f"on {first}", *others] if first else ()))


def _touches(assembly: Assembly, shown: Mapping[str, Resource]) -> Iterator[tuple[str, str, str]]:
    """Yield who touches what, and how: the most of it that is allowed."""
    how: dict[tuple[str, str], set[str]] = defaultdict(set)
    for giver, taker, way in (*_granted(assembly, shown), *_called(assembly)):
        if giver != taker and giver in shown and taker in shown:
            how[giver, taker].add(way)
    for (giver, taker), ways in sorted(how.items()):
        yield giver, taker, next(way for way in _LINES if way in ways)


def _granted(assembly: Assembly, shown: Mapping[str, Resource]) -> Iterator[tuple[str, str, str]]:
    """Yield what whoever has a role may touch by it."""
    users, buckets = defaultdict(list), _buckets(assembly)
    for resource in shown.values():
        container = resource.properties.get("ContainerProperties", {})
        roles = (resource.properties.get("Role"), resource.properties.get("RoleArn"), container.get("JobRoleArn"))
        for role in filter(None, roles):
            users[_inner(assembly.text(role, resource.stack))].append(resource.path)
    for one in assembly.statements():
        if one.effect == "Allow" and not one.action.startswith(_EVERYWHERE):
            way = "calls" if _CALLS.search(one.action) else "writes" if _WRITES.search(one.action) else "reads"
            named = [buckets[name] for name in _BUCKET.findall(one.resource) if name in buckets]
            for target in named or _REFERENCE.findall(one.resource):
                yield from ((user, target, way) for user in users.get(_inner(one.owner), ()))


def _called(assembly: Assembly) -> Iterator[tuple[str, str, str]]:
    """Yield who calls whom: routes their functions, queues who works on them, the edge its origins."""
    for integration in assembly.of("AWS::ApiGatewayV2::Integration"):
        api = _inner(assembly.text(integration["ApiId"], integration.stack))
        uri = assembly.text(integration.properties.get("IntegrationUri", ""), integration.stack)
        yield from ((api, called, "calls") for called in _REFERENCE.findall(uri))
    for mapping in assembly.of("AWS::Lambda::EventSourceMapping"):
        source = _inner(assembly.text(mapping["EventSourceArn"], mapping.stack))
        yield source, _inner(assembly.text(mapping["FunctionName"], mapping.stack)), "calls"
    buckets = _buckets(assembly)
    for distribution in assembly.of("AWS::CloudFront::Distribution"):
        for origin in distribution["DistributionConfig"]["Origins"]:
            host = assembly.text(origin["DomainName"], distribution.stack)
            bucket = buckets.get(host.partition(".s3.")[0])
            yield from (
                [(distribution.path, bucket, "reads")]
                if bucket
                else ((distribution.path, api, "calls") for api in _REFERENCE.findall(host))
            )


def _buckets(assembly: Assembly) -> Mapping[str, str]:
    """Return buckets' paths by their names, which stand in full where they are meant: decision 0002."""
    named = (bucket for bucket in assembly.of("AWS::S3::Bucket") if "BucketName" in bucket.properties)
    return {assembly.text(bucket["BucketName"], bucket.stack): bucket.path for bucket in named}


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


def _node(
    name: str,
    lines: Iterable[str],
    *,
    note: str = "",
    when: Iterable[str] = (),
    kind: Kind | None = None,
    shape: str = "box",
    fill: str = "#eef2f7",
    dashed: bool = False,
) -> str:
    """Return a node: its lines, what it is and what starts it; of a known kind, with its icon and in its colour."""
    said = [escape(line) for line in lines]
    said += [_small(note, "#5b6777")] if note else []
    said += [_small(line, "#8a2a5b") for line in _wrapped(when)]
    text = '<BR ALIGN="LEFT"/>'.join(said) + '<BR ALIGN="LEFT"/>' if kind else "<BR/>".join(said)
    if kind:
        icon = f'<TD FIXEDSIZE="TRUE" WIDTH="28" HEIGHT="28"><IMG SRC="{kind.icon}"/></TD>'
        text = (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"><TR>{icon}<TD>{text}</TD></TR></TABLE>'
        )
    style = "rounded,filled,dashed" if dashed else "rounded,filled"
    colour = kind.colour if kind else fill
    return f'{json.dumps(name)} [label=<{text}>, shape={shape}, fillcolor="{colour}", style="{style}"];'


def _small(text: str, colour: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="{colour}">{escape(text)}</FONT>'


def _wrapped(words: Iterable[str], *, width: int = 40) -> list[str]:
    """Return words in lines, with commas between them."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f", {word}"
        else:
            lines = [*lines[:-1], *(f"{line}," for line in lines[-1:]), word]
    return lines


def _edge(one: str, other: str, label: str = "", *, way: str = "") -> str:
    said = f"{_LINES[way]}, tooltip={json.dumps(way)}" if way else f"label={json.dumps(label)}"
    return f"{json.dumps(one)} -> {json.dumps(other)} [{said}];"


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _graph(lines: Iterable[str], *, title: str, legend: str = "", style: str = "") -> str:
    inner = "\n".join(lines)
    said = f'<FONT POINT-SIZE="16">{escape(title)}</FONT>{legend}'
    return f"digraph {{\n{_STYLE}{style}\nlabel=<{said}>; labelloc=t;\n{inner}\n}}\n"
