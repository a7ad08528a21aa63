"""Tables of an assembly, as Markdown: what is in it, who may do what, what it costs, what it needs, what it holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import fsum
from pathlib import Path
from typing import Any

from models.cost import WORKLOADS, bill, budget, by_context, by_service, figures_of
from models.idle_cost import idle_cost, total
from models.prices import DATED as PRICES_DATED
from models.prices import REGION
from stacks.access_matrix import matrix
from stacks.assembly import Assembly, Resource, acknowledgements_of, findings_of
from stacks.declared import Declared, Written
from stacks.pack.classification import Class, alike, holding_of
from stacks.pack.quotas import DATED, QUOTAS
from stacks.settings import profile

_STORES = {
    "AWS::CloudFront::KeyValueStore": "key-value store",
    "AWS::Cognito::UserPool": "user pool",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::ElastiCache::ServerlessCache": "cache",
    "AWS::S3::Bucket": "bucket",
    "AWS::SNS::Topic": "topic",
    "AWS::SQS::Queue": "queue",
    "AWS::SecretsManager::Secret": "secret",
}
_AWS_KEY = "AWS's own key"
_RAISE = 0.8
_VERDICTS = {"within": "kept", "warned": "kept, and warned of", "exceeded": "**exceeded**"}
_NOT_IN_IT = (
    "What templates say of roles and of resources. Not in it: what AWS's managed policies hold, what a network's "
    "endpoints admit, and what the administrators of the account may."
)
_AUDIENCE = "What an audience needs is that of the default workload of `marquee model cost`."


def sheets(assembly: Assembly, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each sheet: its name and its text; `folder` is the assembly's."""
    yield "inventory", inventory(assembly)
    yield "access", access(assembly)
    yield "findings", findings(folder)
    yield "cost", cost(assembly, folder)
    yield "quotas", quotas(assembly)
    yield "data", data(assembly)


def inventory(assembly: Assembly) -> str:
    """Return how many of what each stack has, and all of them by name."""
    counts = {
        stack.id: Counter(body["Type"] for body in stack.template["Resources"].values()) for stack in assembly.stacks
    }
    types = sorted({kind for count in counts.values() for kind in count})
    text = "# Resource inventory\n\n" + table(
        ("Type", *counts, "All"),
        (
            (
                f"`{kind}`",
                *(str(count[kind] or "") for count in counts.values()),
                str(sum(count[kind] for count in counts.values())),
            )
            for kind in types
        ),
    )
    for stack in assembly.stacks:
        text += f"\n## {stack.id}\n\n`{stack.stack_name}`, {stack.region}\n\n"
        mine = sorted(
            (one.path, one.type, one.logical_id) for one in assembly.resources.values() if one.stack == stack.stack_name
        )
        text += table(
            ("Construct", "Type", "Logical id"), ((f"`{below(path)}`", kind, f"`{name}`") for path, kind, name in mine)
        )
    return text


def access(assembly: Assembly) -> str:
    """Return who may do what to which resource: the policies of roles, and those of resources."""
    grouped: dict[tuple[str, str, str, str, str], set[str]] = defaultdict(set)
    for one in assembly.statements():
        who = one.owner if not one.principal else f"{one.principal} (policy of {below(one.path)})"
        grouped[one.effect, who, one.resource, one.condition, one.path.split("/")[1]].add(one.action)
    text = f"# Who may do what\n\n{_NOT_IN_IT} The matrix is of roles alone.\n\n{matrix([assembly])}"
    for effect in ("Allow", "Deny"):
        rows = sorted(
            (where, who, ", ".join(sorted(actions)), resource, condition)
            for (said, who, resource, condition, where), actions in grouped.items()
            if said == effect
        )
        text += f"\n## {effect}\n\n" + table(("Stack", "Who", "Actions", "Resource", "If"), rows)
    return text


def findings(folder: Path) -> str:
    """Return what the rule packs found and nobody has acknowledged, and what was acknowledged, with its reason."""
    open_ones = [(found.pack, found.rule, found.construct) for found in findings_of(folder)]
    accepted = sorted(acknowledgements_of(folder))
    text = f"# Policy findings\n\n{len(open_ones)} open, {len(accepted)} acknowledged.\n"
    if open_ones:
        text += "\n## Open\n\n" + table(("Pack", "Rule", "Construct"), open_ones)
    return text + "\n## Acknowledged\n\n" + table(("Construct", "Rule", "Why it is safe"), accepted)


def cost(assembly: Assembly, folder: Path) -> str:
    """Return what the platform bills while nobody uses it, and what its use adds, by the profile's default workload."""
    items = sorted(
        idle_cost((stack.id, stack.template) for stack in assembly.stacks), key=lambda item: (item.context, item.price)
    )
    rows = [(item.context, item.price, f"{item.quantity:,}", f"{item.usd_a_month:,.2f}") for item in items]
    rows.append(("**all**", "", "", f"**{total(items):,.2f}**"))
    name = assembly.profile
    declared = Declared(Written(assembly=assembly, directory=folder, settings=profile(name)))
    used, lines = figures_of(declared, WORKLOADS[name]), bill(declared, WORKLOADS[name])
    said = (used[key] for key in ("idle_usd", "thousand_hours_usd", "title_usd", "month_usd", "budget_usd"))
    times = used["times_the_throttle"].value
    throttled = (
        f"The workload's calls are, on average, {times:,.0f} times what the API stage's throttle admits; "
        "it refuses the rest."
        if times > 1
        else "The workload's calls are, on average, within what the API stage's throttle admits."
    )
    held = budget(declared, lines)
    return (
        f"# Cost\n\nUSD, list prices of {REGION} as of {PRICES_DATED}; what is not counted, `models/cost.py` says.\n\n"
        f"## In short\n\nIn use is: by the workload of `{name}` that `marquee model cost` has by default.\n\n"
        + table(("What", "Figure", "Unit"), ((one.what, f"{one.value:,.2f}", one.unit) for one in said))
        + f"\nThe budget is {_VERDICTS[held.verdict]}: the month takes {held.share:,.1%} of it.\n{throttled}\n"
        + f"\n## While idle\n\n{table(('Stack', 'What bills', 'Number', 'USD a month'), rows)}"
        + f"\n## In use, by context\n\n{_shares('Context', by_context(lines))}"
        + f"\n## In use, by service\n\n{_shares('Service', by_service(lines))}"
    )


def _shares(by: str, sums: Mapping[str, float]) -> str:
    """Return a table of a month's bill, divided."""
    month = fsum(sums.values())
    return table(
        (by, "USD a month", "Share"), ((name, f"{usd:,.2f}", f"{usd / month:.1%}") for name, usd in sums.items())
    )


def quotas(assembly: Assembly) -> str:
    """Return what to raise before production, the most urgent first."""
    needed = [(quota, quota.needs(assembly)) for quota in QUOTAS]
    needed.sort(key=lambda one: one[1] / one[0].default, reverse=True)
    rows = (
        (quota.service, quota.name, f"{needs:,}", f"{quota.default:,}",
         ("raise it" if quota.code else "fixed, or for a support case") if needs > _RAISE * quota.default else "",
         f"`{quota.code}`" if quota.code else "", quota.why)
        for quota, needs in needed
    )  # fmt: skip
    head = f"# Quotas\n\nWhat the templates ask for, beside a new account's default as of {DATED}. {_AUDIENCE}\n\n"
    return head + table(("Service", "Quota", "Needs", "Default", "Remedy", "Code", "For"), rows)


def data(assembly: Assembly) -> str:
    """Return what each store holds, how secret that is, and how it is kept."""
    secure = {
        one.resource.split(".Arn")[0].lstrip("<")
        for one in assembly.statements()
        if one.effect == "Deny" and "aws:SecureTransport" in one.condition
    }
    rows = []
    for resource in assembly.of(*_STORES):
        held = holding_of(resource.path)
        rows.append(
            (list(Class).index(held.classified), below(resource.path), _STORES[resource.type], held.classified.value,
             held.what, _encryption(assembly, resource), _transport(resource, secure), _kept(resource))
        )  # fmt: skip
    rows += _many(assembly)
    head = "# Data: classification and encryption\n\n"
    columns = ("Store", "Kind", "Class", "Holds", "Encrypted by", "In transit", "Kept")
    return head + table(columns, (row[1:] for row in sorted(rows)))


def _many(assembly: Assembly) -> Iterator[tuple[int, str, str, str, str, str, str, str]]:
    """Yield a row a pattern, encryption and retention of log groups, and of launch templates' volumes."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for group in assembly.of("AWS::Logs::LogGroup"):
        days = group.properties.get("RetentionInDays")
        key = _key(assembly, group, group.properties.get("KmsKeyId"))
        found[group.path, "log group", key, f"{days} days" if days else "for ever"] += 1
    for template in assembly.of("AWS::EC2::LaunchTemplate"):
        for volume in template["LaunchTemplateData"].get("BlockDeviceMappings", ()):
            ebs = volume.get("Ebs", {})
            key = _key(assembly, template, ebs.get("KmsKeyId")) if ebs.get("Encrypted") else "nothing"
            found[template.path, "volume", key, "while its host is" if ebs.get("DeleteOnTermination") else ""] += 1
    grouped: Counter[tuple[str, str, str, str]] = Counter()
    for (path, kind, key, kept), number in found.items():
        grouped[alike(path)[0], kind, key, kept] += number
    held = dict(alike(path) for path, *_ in found)
    for (pattern, kind, key, kept), number in grouped.items():
        what = held[pattern]
        yield (list(Class).index(what.classified), f"`{pattern}`, {number} of them", kind, what.classified.value,
               what.what, key, "TLS only" if kind == "log group" else "", kept)  # fmt: skip


def _encryption(assembly: Assembly, resource: Resource) -> str:
    said = resource.properties
    match resource.type:
        case "AWS::S3::Bucket":
            [rule] = said["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            default = rule["ServerSideEncryptionByDefault"]
            return (
                _key(assembly, resource, default.get("KMSMasterKeyID")) if default["SSEAlgorithm"] != "AES256" else "S3"
            )
        case "AWS::DynamoDB::GlobalTable":
            keys = [one.get("SSESpecification", {}).get("KMSMasterKeyId") for one in said.get("Replicas", ())]
            return (
                _key(assembly, resource, next((key for key in keys if key), None))
                if "SSESpecification" in said
                else "DynamoDB"
            )
        case "AWS::SQS::Queue":
            return _key(assembly, resource, said["KmsMasterKeyId"]) if "KmsMasterKeyId" in said else "SQS"
        case "AWS::SNS::Topic":
            return _key(assembly, resource, said.get("KmsMasterKeyId"))
        case _:
            return _key(assembly, resource, said.get("KmsKeyId"))


def _key(assembly: Assembly, resource: Resource, key: Any) -> str:  # noqa: ANN401 - whatever a template may hold
    return _AWS_KEY if key is None else below(assembly.text(key, resource.stack).strip("<>").removesuffix(".Arn"))


def _transport(resource: Resource, secure: set[str]) -> str:
    if resource.type in {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"}:
        return (
            "TLS, or refused" if any(resource.path in one or one in resource.path for one in secure) else "TLS offered"
        )
    if resource.type == "AWS::DynamoDB::GlobalTable":
        return "TLS offered, and used by the SDK"
    return "TLS only"


def _kept(resource: Resource) -> str:
    said = resource.properties
    match resource.type:
        case "AWS::S3::Bucket":
            rules = said.get("LifecycleConfiguration", {}).get("Rules", ())
            days = sorted({rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule})
            ways = [f"parts go after {', '.join(map(str, days))} days"] if days else []
            ways += ["versions"] if said.get("VersioningConfiguration") else []
            ways += ["replicated"] if said.get("ReplicationConfiguration") else []
            return ", ".join(ways)
        case "AWS::DynamoDB::GlobalTable":
            ways = ["until its time"] if said.get("TimeToLiveSpecification") else []
            restorable = all(
                one.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
                for one in said["Replicas"]
            )
            ways += ["restorable to the second"] if restorable else []
            ways += ["in several Regions"] if len(said["Replicas"]) > 1 else []
            return ", ".join(ways)
        case "AWS::SQS::Queue":
            hours = said.get("MessageRetentionPeriod", 345_600) // 3600
            return f"{hours // 24} days" if hours >= 24 else f"{hours} h"  # noqa: PLR2004 - a day's
        case _:
            return ""


def by_profile(texts: Mapping[str, str]) -> str:
    """Return one page of a sheet of several profiles, a section each."""
    titles = {text.partition("\n")[0] for text in texts.values()}
    page = f"{', '.join(titles)}\n\nWritten by `python -m stacks.report` from the templates; do not edit.\n"
    for name, text in texts.items():
        below_title = text.partition("\n")[2].replace("\n## ", "\n### ")
        page += f"\n## {name}\n{below_title}"
    return page


def below(path: str) -> str:
    """Return a construct's path below its profile."""
    return path.strip("<>").partition("/")[2] or path


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    names = tuple(columns)
    lines = [
        names,
        ["---"] * len(names),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
