"""What changes between two cloud assemblies, in the order in which a reviewer should know it.

First what is replaced or removed, since data may go with it; then who may do more than before, what is reached from
outside, what is protected less, what it costs while idle; then the rest. References stand as the templates have them,
and constructs are recognised by their paths, so that nothing of an account is needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from math import inf
from typing import Any, NamedTuple

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from models.idle_cost import UnclassifiedResourceError, idle_cost, total
from stacks.assembly import POLICIES, Assembly, AssemblyStack, Resource, Statement, list_of, principals_of

_ANYWHERE = {"0.0.0.0/0", "::/0"}
_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_HOLDS = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::KeyValueStore",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::KMS::ReplicaKey",
        "AWS::Logs::LogGroup",
        "AWS::Route53::HostedZone",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::Transfer::Server",
    }
)
"""What holds data, or an address that others know."""
_KEPT_BY = frozenset(
    {
        "BucketEncryption",
        "LifecycleConfiguration",
        "Replicas",
        "ReplicationConfiguration",
        "SSESpecification",
        "TimeToLiveSpecification",
        "VersioningConfiguration",
    }
)
"""How what holds data keeps it."""
_ROOT = {"root", "0"}


class _Protection(NamedTuple):
    """A property by which a type is protected."""

    type: str
    name: str
    strength: Callable[[Any], float]
    """Of a value, that of none among them; only compared."""


_PROTECTED_BY = (
    _Protection("AWS::Batch::JobDefinition", "ContainerProperties.ReadonlyRootFilesystem", bool),
    _Protection("AWS::Cognito::UserPool", "MfaConfiguration", lambda mfa: {"OPTIONAL": 1, "ON": 2}.get(mfa, 0)),
    _Protection("AWS::KMS::Key", "EnableKeyRotation", bool),
    # A log group without a retention is kept for ever. What a reference stands for is not known.
    _Protection("AWS::Logs::LogGroup", "RetentionInDays", lambda days: days if isinstance(days, int) else inf),
)
_ON_REMOVAL, _ON_REPLACEMENT = "DeletionPolicy", "UpdateReplacePolicy"
_SAFE = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})


class Kind(StrEnum):
    """What a change is about, the gravest first."""

    REPLACED = "replaced or removed"
    WIDENED = "may do more"
    EXPOSED = "reached from outside"
    WEAKENED = "protected less"
    COST = "cost while idle"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change."""

    kind: Kind
    construct: str
    """The construct's path, or the stack."""
    what: str
    grave: bool = False
    """Whether somebody has to agree to it."""


Resources = Mapping[tuple[str, str], Resource]
"""By construct path and type."""


def diff(base: Assembly, head: Assembly) -> tuple[Change, ...]:
    """Return what changes from `base` to `head`, the gravest first, then by construct."""
    old, new = base.resources, head.resources
    changes = [
        *_replaced(old, new),
        *_widened(base, head),
        *_newly(old, new, _rights, Kind.WIDENED),
        *_newly(old, new, _exposures, Kind.EXPOSED),
        *_weakened(old, new),
        *_cost(base.stacks, head.stacks),
        *_others(old, new),
    ]
    order = list(Kind)
    return tuple(sorted(changes, key=lambda change: (order.index(change.kind), change.construct, change.what)))


def _replaced(old: Resources, new: Resources) -> Iterator[Change]:
    for key, resource in old.items():
        now = new.get(key)
        if now is None:
            yield _lost(resource, "is removed", by=_ON_REMOVAL)
        elif now.logical_id != resource.logical_id or now.stack != resource.stack:
            yield _lost(resource, "is made anew, under another logical id", by=_ON_REMOVAL)
        else:
            fixed = _fixed(now.type, now.region)
            changed = {name for name in fixed if _at(resource.properties, name) != _at(now.properties, name)}
            if changed:
                may = "is" if any(fixed[name] for name in changed) else "may be"
                yield _lost(resource, f"{may} replaced: {', '.join(sorted(changed))}", by=_ON_REPLACEMENT)
            yield from _unprotected(resource, now)


def _unprotected(was: Resource, now: Resource) -> Iterator[Change]:
    """Yield that what becomes of a resource's data, when it goes one day, is another thing from now on."""
    for name in (_ON_REMOVAL, _ON_REPLACEMENT):
        before, after = was.body.get(name), now.body.get(name)
        if before != after:
            yield Change(
                kind=Kind.REPLACED,
                construct=now.path,
                what=f"{name}: {before} becomes {after}",
                grave=now.type in _HOLDS and before in _SAFE and after not in _SAFE,
            )


def _lost(resource: Resource, what: str, *, by: str) -> Change:
    """Return the change by which a resource goes; it is grave where it holds anything that does not come again."""
    holds = resource.type in _HOLDS
    kept = resource.body.get(by) in _SAFE
    then = f"; what it holds {'stays behind' if kept else 'is lost'}" if holds else ""
    return Change(kind=Kind.REPLACED, construct=resource.path, what=f"{resource.type} {what}{then}", grave=holds)


@cache
def _fixed(kind: str, region: str) -> Mapping[str, bool]:
    """Return the properties of a type that only a new resource can have otherwise, and whether that is always so."""
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
    except ResourceNotFoundError:
        return {}  # A custom resource says itself what it replaces.
    conditional = dict.fromkeys(schema.get("conditionalCreateOnlyProperties", ()), False)
    found = conditional | dict.fromkeys(schema.get("createOnlyProperties", ()), True)
    return {path.removeprefix("/properties/").replace("/", "."): always for path, always in found.items()}


def _at(properties: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever a template may hold
    found: Any = properties
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _widened(old: Assembly, new: Assembly) -> Iterator[Change]:
    before, after = tuple(old.statements()), tuple(new.statements())
    known, now = ({(one.effect, _terms(one)) for one in statements} for statements in (before, after))
    wider = [one for one in after if one.effect == "Allow" and ("Allow", _terms(one)) not in known]
    yield from _may(wider, "may now {}")
    owners = {path for path, _ in new.resources}
    # What was removed with its resource refuses nobody any more, and there is nothing left to refuse.
    freed = [one for one in before if one.effect == "Deny" and one.path in owners and ("Deny", _terms(one)) not in now]
    yield from _may(freed, "is no longer refused: {}")


def _may(statements: Iterable[Statement], what: str) -> Iterator[Change]:
    """Yield a change for each owner, resource, principal and condition, with all of its actions."""
    actions: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for one in statements:
        actions[one.owner, one.resource, one.principal, one.condition].add(one.action)
    for (owner, resource, principal, condition), named in actions.items():
        by, where = f" by {principal}" if principal else "", f", if {condition}" if condition else ""
        told = f"{', '.join(sorted(named))} on {resource or 'itself'}{by}{where}"
        yield Change(kind=Kind.WIDENED, construct=owner, what=what.format(told), grave=True)


def _terms(one: Statement) -> tuple[str, str, str, str, str]:
    return one.owner, one.action, one.resource, one.principal, one.condition


def _newly(old: Resources, new: Resources, says: Callable[[Resource], Iterator[str]], kind: Kind) -> Iterator[Change]:
    """Yield what is now said of a resource and was not; of a new one, all of it."""
    known = {(key, said) for key, resource in old.items() for said in says(resource)}
    for key, resource in new.items():
        for said in says(resource):
            if (key, said) not in known:
                yield Change(kind=kind, construct=resource.path, what=said, grave=True)


def _weakened(old: Resources, new: Resources) -> Iterator[Change]:
    """Yield by what a resource, that was there before, is protected less."""
    for key in old.keys() & new.keys():
        for one in _PROTECTED_BY:
            before, after = _at(old[key].properties, one.name), _at(new[key].properties, one.name)
            if one.type == new[key].type and one.strength(after) < one.strength(before):
                what = f"{one.name}: {before} becomes {after}"
                yield Change(kind=Kind.WEAKENED, construct=new[key].path, what=what, grave=True)


def _rights(resource: Resource) -> Iterator[str]:
    """Yield what a job's container may do beside what its role allows."""
    if resource.type == "AWS::Batch::JobDefinition":
        container = resource.properties.get("ContainerProperties", {})
        if container.get("Privileged"):
            yield "a privileged container: it may do on its host what root may"
        if str(container.get("User")).partition(":")[0] in _ROOT:
            yield "a container that works as root"


def _exposures(resource: Resource) -> Iterator[str]:
    """Yield by what a resource is reached by everybody."""
    said = resource.properties
    match resource.type:
        case "AWS::S3::Bucket":
            block = said.get("PublicAccessBlockConfiguration", {})
            yield from (f"public access is not blocked: {name}" for name in _BLOCKS if block.get(name) is not True)
        case "AWS::EC2::SecurityGroup":
            for rule in said.get("SecurityGroupIngress", ()):
                yield from _open(rule)
        case "AWS::EC2::SecurityGroupIngress":
            yield from _open(said)
        case "AWS::EC2::Subnet" if said.get("MapPublicIpOnLaunch"):
            yield "what starts in it has a public address"
        case "AWS::Lambda::Url" if said.get("AuthType") == "NONE":
            yield "a function's address that asks for no credentials"
        case "AWS::ApiGatewayV2::Route" if said.get("AuthorizationType", "NONE") == "NONE":
            yield f"a route that asks for no token: {said['RouteKey']}"
        case "AWS::Cognito::UserPool" if not said.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
            yield "a user pool that everybody may sign up to"
        case "AWS::CloudFront::Distribution":
            yield from _open_distribution(said["DistributionConfig"])
        case _:
            pass
    yield from _open_policy(resource)


def _open_distribution(config: Mapping[str, Any]) -> Iterator[str]:
    if not config.get("WebACLId"):
        yield "no web ACL stands before it"
    default = {"PathPattern": "the default path"} | config.get("DefaultCacheBehavior", {})
    for behaviour in (default, *config.get("CacheBehaviors", ())):
        pattern = behaviour["PathPattern"]
        if pattern.startswith("/media") and not behaviour.get("FunctionAssociations"):
            yield f"{pattern} without the check of tokens"
        if behaviour.get("ViewerProtocolPolicy") == "allow-all":
            yield f"{pattern} without TLS"


def _open_policy(resource: Resource) -> Iterator[str]:
    said = resource.properties
    for statement in said.get(POLICIES.get(resource.type, ""), {}).get("Statement", ()):
        everybody = "*" in principals_of(statement)
        if everybody and statement["Effect"] == "Allow" and not statement.get("Condition"):
            yield f"a policy lets everybody {', '.join(list_of(statement['Action']))}"


def _open(rule: Mapping[str, Any]) -> Iterator[str]:
    for source in {rule.get("CidrIp"), rule.get("CidrIpv6")} & _ANYWHERE:
        yield f"ports {rule.get('FromPort', 'all')} to {rule.get('ToPort', 'all')} are open to {source}"


def _cost(before: Iterable[AssemblyStack], after: Iterable[AssemblyStack]) -> Iterator[Change]:
    was, now = (_usd_a_month(stacks) for stacks in (before, after))
    for stack in sorted({*was, *now}):
        old, new = was.get(stack, Decimal(0)), now.get(stack, Decimal(0))
        if old is None or new is None:
            yield Change(kind=Kind.COST, construct=stack, what="cannot be told: see `python -m models.idle_cost`")
        elif old != new:
            yield Change(
                kind=Kind.COST, construct=stack, what=f"{old:,.2f} to {new:,.2f} USD a month ({new - old:+,.2f})"
            )


def _usd_a_month(stacks: Iterable[AssemblyStack]) -> Mapping[str, Decimal | None]:
    """Return what each stack costs while idle; none, if it has a resource that nobody has classified."""
    cost: dict[str, Decimal | None] = {}
    for stack in stacks:
        try:
            cost[stack.stack_name] = total(idle_cost([(stack.stack_name, stack.template)]))
        except UnclassifiedResourceError:
            cost[stack.stack_name] = None
    return cost


def _others(old: Resources, new: Resources) -> Iterator[Change]:
    for key, resource in new.items():
        if key not in old:
            yield Change(kind=Kind.OTHER, construct=resource.path, what=f"{resource.type} is added")
            continue
        before = old[key].properties
        names = {name for name in {*before, *resource.properties} if before.get(name) != resource.properties.get(name)}
        if names and old[key].logical_id == resource.logical_id:
            what = f"{resource.type} changes: {', '.join(sorted(names))}"
            # Who keeps less loses what nobody has removed.
            grave = resource.type in _HOLDS and bool(names & _KEPT_BY)
            yield Change(kind=Kind.OTHER, construct=resource.path, what=what, grave=grave)
