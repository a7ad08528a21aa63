"""Who may do what, as a matrix: roles beside stores and services, out of the templates of assemblies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from stacks.assembly import Assembly, Resource, Statement, principals_of

_REFERENCE = re.compile(r"<([^<>]+?)(?:\.\w+)?>")
_ROLES_OWN = re.compile(r"Custom::|[0-9A-F]{32}|CustomResourceProvider|(/StateMachine)?/?(Service)?Role$")
"""What the path of a role has more than the name of what takes it on."""
_OF_EVERY_ROLE = "every role"
_OF_THE_ACCOUNT = "the account"
_MANAGED = "all of the managed policy "

_HEAD = """\
## Matrix

R reads: `Get…`, `List…`, `Query`, `Describe…`, `Receive…` and the like. W writes: `Put…`, `Update…`, `Delete…`,
`Create…`, `Replicate…` and the like. U uses: it calls, starts, stops, sends, publishes, connects, encrypts or decrypts.
M: a managed policy of AWS's; the list names it. An empty cell: no policy of the role allows anything. Which objects of
a bucket, and on which condition, the list says. The functions of a context are one column, and so is a bucket that
stands in several Regions. Roles that may the same are one row; a role is a function's, where nothing else is said.
"""


class UnclassifiedActionError(LookupError):
    """Nobody has said whether an action reads, writes or uses; the message names it and the remedy."""


class Way(StrEnum):
    """What an action does to what it is allowed on, as the matrix has it."""

    READ = "R"
    WRITE = "W"
    USE = "U"
    MANAGED = "M"


_USES = (
    *("Cancel", "Connect", "Decrypt", "Encrypt", "Generate", "Invoke", "Publish", "PutEvents", "ReEncrypt", "Send"),
    *("Start", "Stop", "Submit", "Terminate"),
)
_READS = ("BatchCheck", "BatchGet", "Describe", "Get", "List", "Query", "Receive", "Scan")
_WRITES = (
    *("Abort", "Admin", "Assign", "Authorize", "BatchWrite", "Change", "Create", "Delete", "Put", "Replicate"),
    *("Restore", "Revoke", "Unassign", "Update"),
)
"""How the names of actions begin, by what they do; what uses is asked first, as an event is put to be heard."""

_KINDS: Mapping[str, str] = {
    "AWS::AppConfig::Application": "configuration",
    "AWS::AppConfig::DeploymentStrategy": "configuration",
    "AWS::Batch::JobQueue": "job queue",
    "AWS::CloudFront::KeyValueStore": "key-value store",
    "AWS::Cognito::UserPool": "user pool",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::EC2::VPC": "network",
    "AWS::ElastiCache::ServerlessCache": "Valkey",
    "AWS::Events::EventBus": "event bus",
    "AWS::KMS::Key": "KMS key",
    "AWS::KMS::ReplicaKey": "KMS key",
    "AWS::Lambda::Function": "functions",
    "AWS::Logs::LogGroup": "log groups",
    "AWS::S3::Bucket": "bucket",
    "AWS::SNS::Topic": "topic",
    "AWS::SQS::Queue": "queue",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::StepFunctions::StateMachine": "state machine",
}
_NAMES = ("BucketName", "FunctionName", "ServerlessCacheName")
"""By which properties policies name a resource that they do not refer to: decision 0002."""
_SAYS_LITTLE = {"Application", "AtOnce", "Network", "StateMachine", "Topic", "Valkey"}
"""Last parts of paths that say what a thing is, and not which."""
_ANSWERED_BY: Mapping[str, str] = {
    "batchoperations.s3.amazonaws.com": "batch operations",
    "ec2.amazonaws.com": "hosts",
    "ecs-tasks.amazonaws.com": "jobs",
    "s3.amazonaws.com": "replication",
    "states.amazonaws.com": "state machine",
    "transfer.amazonaws.com": "SFTP",
}
"""Who takes on a role, where it is not a function."""
_SERVICES: Mapping[str, str] = {
    "batch": "Batch jobs",
    "ec2": "Network interfaces",
    "ecr": "Container images",
    "ecs": "ECS tasks",
    "events": "EventBridge rules",
    "kms": "AWS's own keys",
    "logs": "Log delivery",
    "rekognition": "Rekognition",
    "s3": "CDK's assets",
    "ssm": "Parameters",
    "xray": "Traces",
}
_NEARLY_EVERY_ROLES = {"Network interfaces", "Traces"}


class Column(NamedTuple):
    """A store or a service."""

    context: str
    """Whose it is; or `_OF_THE_ACCOUNT`, or `_OF_EVERY_ROLE` for what nearly every role has."""
    kind: str
    name: str


class Role(NamedTuple):
    """Who may."""

    context: str
    name: str
    note: str
    """What takes it on, where that is no function, and in which stack, where its context has several."""

    def __str__(self) -> str:
        """As the matrix has it."""
        return f"`{self.name}`" + (f" ({self.note})" if self.note else "")


class Relation(NamedTuple):
    """That a role may do one thing to one store or service, and the statement that allows it."""

    role: Role
    column: Column
    way: Way
    statement: Statement


def way_of(action: str) -> tuple[Way, ...]:
    """Return what an action does; a wildcard of a whole service does everything.

    Raises
    ------
    UnclassifiedActionError
        If nobody has said so.
    """
    if action.startswith(_MANAGED):
        return (Way.MANAGED,)
    verb = action.rpartition(":")[2]
    if verb == "*":
        return (Way.READ, Way.WRITE, Way.USE)
    for way, verbs in ((Way.USE, _USES), (Way.READ, _READS), (Way.WRITE, _WRITES)):
        if verb.startswith(verbs):
            return (way,)
    raise UnclassifiedActionError(f"{action}: does it read, write or use? Say so in stacks/access_matrix.py")


def relations(assembly: Assembly) -> Iterator[Relation]:
    """Yield what each role of an assembly may do, a relation an action, a resource and a way."""
    named = _Named(assembly)
    for statement in assembly.statements():
        role = named.roles.get(statement.owner)
        if role and statement.effect == "Allow" and not statement.principal:
            column = named.column(statement)
            for way in way_of(statement.action):
                yield Relation(role=role, column=column, way=way, statement=statement)


def matrix(assemblies: Iterable[Assembly]) -> str:
    """Return the matrix of what the roles of any of these assemblies may, a table a context of what they may it on."""
    cells: dict[Column, dict[Role, set[Way]]] = defaultdict(lambda: defaultdict(set))
    for assembly in assemblies:
        for relation in relations(assembly):
            cells[relation.column][relation.role].add(relation.way)
    text = _HEAD
    for context, columns in groupby(sorted(cells, key=_order), key=lambda column: column.context):
        text += f"\n### {_TITLES.get(context, f'On what {context} has')}\n\n" + _table(list(columns), cells)
    return text


_TITLES = {
    _OF_THE_ACCOUNT: "On what the account has, and CDK brings",
    _OF_EVERY_ROLE: "On what nearly every role needs",
}


def _order(column: Column) -> tuple[bool, bool, Column]:
    return column.context == _OF_EVERY_ROLE, column.context == _OF_THE_ACCOUNT, column


def _table(columns: list[Column], cells: Mapping[Column, Mapping[Role, set[Way]]]) -> str:
    """Return the table of some columns, with the roles that may anything in them, under their contexts."""
    rows: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for role in sorted({role for column in columns for role in cells[column]}):
        rows[role.context][tuple(_cell(cells[column].get(role, ())) for column in columns)].append(str(role))
    heads = [f"{column.name}, {column.kind}" if column.kind else column.name for column in columns]
    lines = [["Who", *heads], ["---", *(":---:" for _ in columns)]]
    for context, alike in rows.items():
        lines.append([f"**{context}**", *("" for _ in columns)])
        lines += [[", ".join(names), *row] for row, names in alike.items()]
    # The documentation's stylesheet knows the class.
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f'<div class="matrix" markdown>\n\n{text}\n</div>\n'


def _cell(ways: Collection[Way]) -> str:
    return "".join(way for way in Way if way in ways)


class _Named:
    """What the roles and resources of an assembly are called in the matrix."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._contexts = {stack.id: stack.context for stack in assembly.stacks}

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """The roles, as statements name them."""
        return {f"<{role.path}>": self._role(role) for role in self._assembly.of("AWS::IAM::Role")}

    def column(self, statement: Statement) -> Column:
        """Return what a statement is about."""
        for path in _REFERENCE.findall(statement.resource):
            if path in self._resources:
                return self._of(self._resources[path])
        for name, one in self._by_name.items():
            if re.search(f"[:/]{re.escape(name)}(/|$)", statement.resource):
                return self._of(one)
        if statement.action.startswith(_MANAGED):
            return Column(_OF_THE_ACCOUNT, "", "Managed policy")
        service = statement.action.partition(":")[0]
        name = _SERVICES.get(service, service)
        return Column(_OF_EVERY_ROLE if name in _NEARLY_EVERY_ROLES else _OF_THE_ACCOUNT, "", name)

    @cached_property
    def _resources(self) -> Mapping[str, Resource]:
        return {one.path: one for one in self._assembly.of(*_KINDS)}

    @cached_property
    def _by_name(self) -> Mapping[str, Resource]:
        return {
            self._assembly.text(one[name], one.stack): one
            for one in self._resources.values()
            for name in _NAMES
            if name in one.properties
        }

    def _of(self, resource: Resource) -> Column:
        _, stack, *rest = resource.path.split("/")
        kind = _KINDS[resource.type]
        if kind == "log groups":
            return Column(_OF_EVERY_ROLE, "", "Log groups")
        if rest[-1] == "DeadLetters":
            return Column(_OF_EVERY_ROLE, "", "Dead letters")
        if kind == "functions":
            return Column(self._contexts[stack], "", "Its functions")
        name = rest[-2] if rest[-1] in _SAYS_LITTLE and len(rest) > 1 else rest[-1]
        return Column(self._contexts[stack], kind, _spoken(name))

    def _role(self, role: Resource) -> Role:
        _, stack, *rest = role.path.split("/")
        context = self._contexts[stack]
        path = (
            "/".join(rest).removesuffix("Role").removesuffix("Service").removesuffix("/").removesuffix("/StateMachine")
        )
        path = re.sub(r"Custom::|[0-9A-F]{32}|CustomResourceProvider", "", path)
        document = role.properties.get("AssumeRolePolicyDocument", {})
        services = {who for one in document.get("Statement", ()) for who in map(str, principals_of(one))}
        kinds = sorted(_ANSWERED_BY[service] for service in services if service in _ANSWERED_BY)
        where = [stack.removeprefix(f"{context}-")] if stack != context else []
        return Role(context, path, "; ".join((*kinds, *where)))


def _spoken(name: str) -> str:
    """Return a construct's name as one says it: ``ContentKeys`` is content keys."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Table").removesuffix("StateMachine"))
    return words[:1] + re.sub(r"\b[A-Z](?=[a-z])", lambda found: found[0].lower(), words[1:])
