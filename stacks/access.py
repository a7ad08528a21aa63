"""``docs/generated/access.md``: who may do what to which resource, out of the templates."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from stacks.access_matrix import matrix
from stacks.assembly import Assembly
from stacks.declared import Declared, Resource, Statement

PAGE = Path(__file__).resolve().parents[1] / "docs" / "generated" / "access.md"
BY_HANDLER = PAGE.with_name("grants.json")
_BUCKET = "arn:aws:s3:::"
# A resource by its name, its ARN or its URL is one resource.
_REFERENCE = re.compile(r"<([^<>.]+)\.[A-Za-z]+>")
_INTRINSICS = {"Ref", "Fn::GetAtt", "Fn::Join", "Fn::GetStackOutput"}

_HEAD = """\
# Access

Written by `python -m stacks.report`; do not edit. What the policies of each role allow, as the templates have it:
whoever is not on this page may not. Managed policies stand apart, where a role has any. What resources say of
themselves (bucket, queue and key policies) is not in it. The matrix is of all configurations together; the list says
what is in one of them only.

"""
_LIST = """
## List

`<path>` is the construct of a resource, `<profile>` the profile's name.
"""
_TABLE = """
### {title}

| Role | May | On | If | Configurations |
|---|---|---|---|---|
"""


@dataclass(frozen=True, order=True, kw_only=True)
class Grant:
    """What one role may do to one resource.

    `path` is the role's construct, below its profile; `condition` is empty, or what has to be true of the request.
    """

    path: str
    resource: str
    actions: tuple[str, ...]
    condition: str


def grants(declared: Declared) -> Iterator[Grant]:
    """Yield what every role of one configuration may do."""
    for role in declared.of("AWS::IAM::Role"):
        yield from grants_of(declared, role)
        for managed in role.properties.get("ManagedPolicyArns", ()):
            name = role.text(managed).rpartition("policy/")[2].rstrip('"}')
            yield Grant(path=role.path, resource="", actions=(f"managed policy {name}",), condition="")


def grants_of(declared: Declared, role: Resource) -> Iterator[Grant]:
    """Yield what the policies of one role allow."""
    for statement in (found for found in declared.granted(role) if found.effect == "Allow"):
        condition = _condition(role, statement)
        for resource in statement.resources:
            yield Grant(
                path=role.path,
                resource=_alike(resource, declared),
                actions=tuple(sorted(statement.actions)),
                condition=_alike(condition, declared),
            )


def by_handler(configurations: Iterable[Declared]) -> dict[str, dict[str, list[str]]]:
    """Return what each handler's role allows, in whichever configuration.

    Returns
    -------
    dict
        By handler: ``knows``, the fields of its environment by which it knows a resource; and ``may``, actions with the
        field of what they are allowed on (``dynamodb:PutItem on sessions_table``), or alone where no field names that.
    """
    knows: dict[str, set[str]] = defaultdict(set)
    may: dict[str, set[str]] = defaultdict(set)
    for declared in configurations:
        for function in declared.functions():
            fields = _fields(function)
            knows[function["Handler"]] |= set(fields.values())
            for statement in declared.granted(declared.role_of(function)):
                for resource in statement.resources:
                    on = _known_as(resource, fields)
                    may[function["Handler"]] |= {f"{action}{on}" for action in statement.actions}
    return {handler: {"knows": sorted(knows[handler]), "may": sorted(may[handler])} for handler in sorted(may)}


def _fields(function: Resource) -> dict[str, str]:
    """Return the fields of a function's environment that name a resource, by what they name."""
    variables = function.properties.get("Environment", {}).get("Variables", {})
    return {
        _REFERENCE.sub(r"<\1>", function.text(value)): name.lower()
        for name, value in variables.items()
        if isinstance(value, dict)
    }


def _known_as(resource: str, fields: Mapping[str, str]) -> str:
    """Return `` on`` a field and, of an index, its name; nothing, if no field names the resource."""
    plain = _REFERENCE.sub(r"<\1>", resource)
    if plain in fields:
        return f" on {fields[plain]}"
    table, index, name = plain.partition("/index/")
    bucket = plain.removeprefix(_BUCKET).partition("/")[0]
    if index and table in fields:
        return f" on {fields[table]}{index}{name}"
    return f" on {fields[bucket]}" if plain.startswith(_BUCKET) and bucket in fields else ""


def page(configurations: Mapping[str, Iterable[Grant]], assemblies: Iterable[Assembly]) -> str:
    """Return the page's text, from the grants and the assembly of each configuration."""
    where = defaultdict(list)
    for name, found in configurations.items():
        for grant in sorted(set(found)):
            where[grant].append(name)
    text = _HEAD + matrix(assemblies) + _LIST
    for stack, group in groupby(sorted(where), key=lambda grant: grant.path.partition("/")[0]):
        text += _TABLE.format(title=stack)
        for grant in group:
            configured = "all" if len(where[grant]) == len(configurations) else ", ".join(where[grant])
            cells = (
                f"`{grant.path.partition('/')[2]}`",
                "<br>".join(f"`{action}`" for action in grant.actions),
                _code(grant.resource),
                _code(grant.condition),
                configured,
            )
            text += f"| {' | '.join(cells)} |\n"
    return text


def _condition(role: Resource, statement: Statement) -> str:
    return json.dumps(_followed(role, statement.condition), sort_keys=True) if statement.condition else ""


def _followed(role: Resource, value: Any) -> Any:  # noqa: ANN401 - whatever a template may hold
    """Return a condition with its references followed."""
    if isinstance(value, list):
        return [_followed(role, one) for one in value]
    if isinstance(value, dict):
        if len(value) == 1 and set(value) <= _INTRINSICS:
            return role.text(value)
        return {name: _followed(role, one) for name, one in value.items()}
    return value


def _alike(text: str, declared: Declared) -> str:
    """Return `text` as it reads in every profile."""
    return text.replace(f"-{declared.profile}-", "-<profile>-")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
