"""What a deployed platform costs a month: a bill of materials from its templates, usage, and dated prices.

What is there comes from the synthesised templates: functions and their memory, routes, tables, buckets with their
lifecycles and replicas, compute environments, tags, the budget. How much it is used is a `Workload`, whose defaults are
the source document's figures and say so; prices are in `models.prices`, `models.use_prices`, `models.idle_cost` and
``lambdas/encoding/prices.json``. List prices, no free tier, no contract: a bill of this size is negotiated.

Not counted: appliances and what they are connected by, people, support, tax, vendors of DRM; telemetry; Valkey's
requests; requests to S3 (few: objects are segments that caches keep; but S3's own logs of them, too), logs of the farm
and of workflows, alarms' messages, what operators and studios ask of their APIs.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from models.bandwidth import STATED_PB_A_MONTH
from models.farm import Demand, host_usd_an_hour, vcpus_needed
from models.figures import Figure
from models.idle_cost import PRICES as IDLE_PRICES
from models.idle_cost import idle_cost
from models.prices import GB_A_PB, PRICES, Rate, Step
from models.session_calls import CALLS_A_SESSION
from models.storage import Catalog
from models.use_prices import USE_PRICES
from stacks.settings import Settings

if TYPE_CHECKING:
    from stacks.declared import Declared, Resource

DAYS_A_MONTH = 30
_SECONDS_AN_HOUR = 3600
_SECONDS_A_MONTH = DAYS_A_MONTH * 24 * _SECONDS_AN_HOUR
_MIB_A_GB = 1024
_KBITS_A_GB = 8_000_000
_BYTES_A_GB = 1e9
_BYTES_A_MB = 1e6
_IDLE = "while idle: "
_FARM_SPOT, _FARM_ON_DEMAND = "farm vCPU-hour, spot", "farm vCPU-hour, on demand"
_DAYS_A_YEAR = 365
_VIEWERS, _VIEWERS_API = "playback/Viewers", "playback/Api/HttpApi"
_EDGE_LOGS = "storage/AccessLogs"
_ACL_LOG_BYTES_FREE = 500.0
"""Of the web ACL's log, what the price of each of its requests has in it: 500 MB a million."""
_SHORT_WORKFLOW = 60.0
"""Transitions of an execution of ingestion or of a restore. Assumption."""
_CLASSES = {
    "GLACIER": "S3 Glacier Flexible",
    "DEEP_ARCHIVE": "S3 Glacier Deep Archive",
    # Mostly nobody reads what comes there: its infrequent tier.
    "INTELLIGENT_TIERING": "S3 Standard-IA",
}


def _catalog_pb(kind: str) -> float:
    return fsum(one.pb for one in Catalog().kinds if one.name.startswith(kind))


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A month's use. What is not from the source document is an assumption, and says so."""

    subscribers: float = 200e6
    """Source document. Each signs in, and is a monthly user of Cognito."""
    viewing_hours: float = 1e9 * DAYS_A_MONTH
    """Source document: a billion a day."""
    session_hours: float = 1.0
    """Assumption."""
    kbps: float = 5000.0
    """Of a stream, on average. Source document."""
    appliance_share: float = 0.95
    """Of the bytes, those that appliances of Open Connect serve. Source document."""
    progress_s: float = 30.0
    """Between two reports of where a viewer is. Source document; the heartbeat's is in the settings."""
    segment_s: float = 4.0
    """Each is a request, of picture and of sound."""
    demand: Demand = field(default_factory=Demand)
    """What is encoded."""
    label_minutes_a_title: float = 120.0
    """Of content labels, where the settings switch them on."""
    source_gb_a_title: float = field(default_factory=lambda: 1000 * Catalog().raw_tb_a_film)
    """Of what a studio delivers: the source of one film of two hours, as `models.storage` has it."""
    sftp_share: float = 0.5
    """Of deliveries, those by SFTP and not by the upload API. Assumption."""
    media_gb_a_title: float = 40.0
    """Of what is packaged: two hours of production's fixed ladder are 30 GB of 1080 lines and 60 of 2160."""
    raw_pb: float = field(default_factory=lambda: _catalog_pb("sources"))
    """Of the source document's 175 PB, by what a film of it takes of each kind: as `models.storage` has it."""
    media_pb: float = field(default_factory=lambda: _catalog_pb("encodes"))
    catalog_years: float = 5.0
    """In which what is stored has come, evenly. Assumption: lifecycles go by age."""
    call_s: float = 0.05
    """That a function works for a call. Assumption; nobody has measured it on AWS."""
    log_bytes_a_call: float = 1000.0
    """Of a function that is not quiet. Assumption."""
    gateway_log_bytes: float = 250.0
    """Of a request, in the log of the viewers' API: the seven fields that its stage declares. Assumption."""
    acl_log_bytes: float = 1500.0
    """Of a request, in the log of the web ACL: all of its headers are there. Assumption."""
    acl_matched_share: float = 0.005
    """Of requests, those that a rule of the web ACL blocks or counts. Assumption."""
    edge_log_bytes: float = 100.0
    """Of a request, in CloudFront's log, which comes compressed. Assumption."""
    log_compression: float = 0.15
    """Of a log in CloudWatch, what is left of it to store. Assumption."""
    trace_share: float = 0.05
    """Of calls, those that are traced: X-Ray's default of one in twenty beyond the first a second."""
    transitions_a_title: float = 3000.0
    """Of state machines; some 2,000 jobs with what is around them. Assumption."""

    @property
    def titles(self) -> float:
        """Encoded a month."""
        return self.demand.titles_a_day * DAYS_A_MONTH

    @property
    def sessions(self) -> float:
        """Begun a month."""
        return self.viewing_hours / self.session_hours

    @property
    def viewed_gb(self) -> float:
        """To viewers, from wherever."""
        return self.viewing_hours * _SECONDS_AN_HOUR * self.kbps / _KBITS_A_GB


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what terms things are bought, and what is done about the bill."""

    spot_share: float = 1.0
    """Of the farm's vCPU-hours."""
    farm_commitment: float = 0.0
    """By which what is not spot is cheaper for a commitment, from 0 to 1."""
    function_commitment: float = 0.0
    """By which the duration of functions is cheaper for a Compute Savings Plan: up to 0.17."""
    tiering: bool = True
    """Whether the templates' lifecycles are in force; without, all stays in S3 Standard."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """So much of one price, by one resource."""

    context: str
    path: str
    price: str
    quantity: float
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the bill; `usd` of a price with steps is its share of what the whole amount costs."""

    use: Use
    usd: float


@dataclass(frozen=True, kw_only=True)
class _Calls:
    """What happens to a function: how often, and what a call does."""

    count: float
    reads: float = 0.0
    writes: float = 0.0
    kms: float = 0.0


_SERVICES: Mapping[str, tuple[str, ...]] = {
    "S3": ("S3 ", "retrieval, ", "transfer between regions", "replication time control"),
    "CloudFront": ("CloudFront", "edge function run"),
    "WAF": ("web ACL",),
    "API Gateway": ("HTTP API request",),
    "Lambda": ("Lambda ", "scheduled call"),
    "DynamoDB": ("DynamoDB ",),
    "Cognito": ("monthly user",),
    "CloudWatch": ("log GB", "alarm metric", "high-resolution alarm metric"),
    "X-Ray": ("trace",),
    "EC2": ("farm vCPU-hour",),
    "VPC": ("NAT gateway", "public IPv4 address", "interface endpoint"),
    "KMS": ("KMS ",),
    "Step Functions": ("state transition",),
    "Transfer Family": ("SFTP GB", "Transfer Family "),
    "Rekognition": ("label minute",),
    "Secrets Manager": ("secret",),
    "Route 53": ("hosted zone", "health check"),
    "SQS": ("polled queue",),
    "ElastiCache": ("Valkey cache",),
}
"""What each service of AWS asks for, by how the price's name begins."""
_A_CALL: Mapping[str, _Calls] = {
    "catalog/ListTitles": _Calls(count=1, reads=1),
    "playback/ContinueWatching": _Calls(count=1, reads=1),
    "playback/CreateSession": _Calls(count=1, reads=5, writes=4),
    "playback/GetManifest": _Calls(count=1, reads=2),
    "playback/License": _Calls(count=1, reads=3, kms=1),
    "playback/EndSession": _Calls(count=1, writes=1),
    "playback/Heartbeat": _Calls(count=1, writes=1),
    "playback/Progress": _Calls(count=1, writes=1),
}
"""What each of viewers' calls does, by the function's path; reads and writes as the use cases do them."""
_BY_TITLE = frozenset({"ingestion", "encoding", "catalog", "storage"})
"""Contexts whose functions are called once a title, give or take; what rounds do by the clock is idle cost."""


def uses(declared: Declared, workload: Workload, terms: Terms | None = None) -> Iterator[Use]:
    """Yield what a month of `workload` uses of what is declared."""
    terms = terms or Terms()
    contexts = {name: stack.context for name, stack in declared.synthesis.stacks.items()}
    tags = {name: _stack_tags(declared, name) for name in contexts}

    def use(resource: Resource, price: str, quantity: float) -> Iterator[Use]:
        if quantity:
            yield Use(
                context=contexts[resource.stack],
                path=resource.path,
                price=price,
                quantity=quantity,
                tags=tags_of(resource) or tags[resource.stack],
            )

    yield from _idle(declared)
    for resource in declared.resources:
        for price, quantity in _of(resource, contexts[resource.stack], workload, terms, declared.settings):
            yield from use(resource, price, quantity)


def bill(declared: Declared, workload: Workload | None = None, terms: Terms | None = None) -> tuple[Line, ...]:
    """Return the bill of a month, a line a resource and price, the dearest first."""
    terms = terms or Terms()
    found = list(uses(declared, workload or Workload(), terms))
    whole: defaultdict[str, float] = defaultdict(float)
    for use in found:
        whole[use.price] += use.quantity
    rates = {name: _rate(name, declared.settings, terms) for name in whole}
    unit_usd = {name: rates[name].cost_usd(amount) / amount for name, amount in whole.items()}
    lines = (Line(use=use, usd=use.quantity * unit_usd[use.price]) for use in found)
    return tuple(sorted(lines, key=lambda line: -line.usd))


def total(lines: Iterable[Line]) -> float:
    """Return the sum in USD a month."""
    return fsum(line.usd for line in lines)


def by_context(lines: Iterable[Line]) -> dict[str, float]:
    """Return USD a month by bounded context, the dearest first."""
    return _grouped((line.use.context, line.usd) for line in lines)


def by_price(lines: Iterable[Line]) -> dict[str, float]:
    """Return USD a month by what is billed, the dearest first."""
    return _grouped((line.use.price, line.usd) for line in lines)


def by_service(lines: Iterable[Line]) -> dict[str, float]:
    """Return USD a month by the service of AWS that asks for it, the dearest first."""
    return _grouped((_service(line.use.price), line.usd) for line in lines)


def by_tag(lines: Iterable[Line], tag: str) -> dict[str, float]:
    """Return USD a month by the values of a tag, the dearest first: a chargeback. What lacks it is ``(untagged)``."""
    return _grouped((line.use.tags.get(tag, "(untagged)"), line.usd) for line in lines)


def tags_of(resource: Resource) -> dict[str, str]:
    """Return a resource's own tags, however its type writes them; empty, if it has none."""
    properties = resource.properties
    replicas = properties.get("Replicas", ())
    found = next(
        (
            properties[name]
            for name in ("Tags", "UserPoolTags", "HostedZoneTags", "HealthCheckTags", "ResourceTags")
            if name in properties
        ),
        replicas[0].get("Tags", {}) if replicas else {},
    )
    pairs = found.items() if isinstance(found, Mapping) else ((tag["Key"], tag["Value"]) for tag in found)
    return {str(key): str(value) for key, value in pairs}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A month against the budget that the templates declare."""

    limit_usd: float
    spent_usd: float
    warns_at: float
    """The share of the limit that the alarm topic hears of."""

    @property
    def share(self) -> float:
        """Of the limit that is spent."""
        return self.spent_usd / self.limit_usd

    @property
    def verdict(self) -> Literal["within", "warned", "exceeded"]:
        """What becomes of it."""
        if self.share > 1:
            return "exceeded"
        return "warned" if self.share > self.warns_at else "within"


def budget(declared: Declared, lines: Sequence[Line]) -> Budget:
    """Hold a bill against the declared budget."""
    found = declared.only("AWS::Budgets::Budget")
    warnings = [
        notification["Notification"]["Threshold"] / 100
        for notification in found["NotificationsWithSubscribers"]
        if notification["Notification"]["NotificationType"] == "ACTUAL"
    ]
    limit = float(found["Budget"]["BudgetLimit"]["Amount"])
    return Budget(limit_usd=limit, spent_usd=total(lines), warns_at=min(warnings))


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """Something to do about a bill, or to be glad of having done."""

    what: str
    workload: Workload
    terms: Terms


def remedies(workload: Workload) -> dict[str, Remedy]:
    """Return the what-ifs, by name; each changes one thing."""
    terms = Terms()
    return {
        "no spot": Remedy(what="the farm on demand", workload=workload, terms=replace(terms, spot_share=0)),
        "committed": Remedy(
            what="the farm on demand, 40 % cheaper for a commitment (the source document's figure)",
            workload=workload,
            terms=replace(terms, spot_share=0, farm_commitment=0.4),
        ),
        "savings plan": Remedy(
            what="functions' duration under a Compute Savings Plan, 12 % cheaper (one year, assumption)",
            workload=workload,
            terms=replace(terms, function_commitment=0.12),
        ),
        "no tiering": Remedy(
            what="no lifecycle: all in S3 Standard", workload=workload, terms=replace(terms, tiering=False)
        ),
        "appliances 98 %": Remedy(
            what="98 % of the bytes from appliances", workload=replace(workload, appliance_share=0.98), terms=terms
        ),
        "no appliances": Remedy(
            what="every byte from CloudFront", workload=replace(workload, appliance_share=0.0), terms=terms
        ),
        "progress each minute": Remedy(
            what="progress is reported half as often", workload=replace(workload, progress_s=60), terms=terms
        ),
    }


@cache
def declared_of(profile: str) -> Declared:
    """Return what a profile declares, synthesised once in a process; it takes some seconds."""
    # The model itself needs no CDK, and importing CDK takes seconds.
    from stacks import settings  # noqa: PLC0415
    from stacks.declared import Declared  # noqa: PLC0415
    from stacks.synthesis import synthesise  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        declared = Declared(synthesise(settings.profile(profile), Path(folder)))
        # Read while the folder is there.
        _ = declared.resources
        return declared


WORKLOADS: Mapping[str, Workload] = {
    "production": Workload(),
    "sandbox": Workload(
        subscribers=3,
        viewing_hours=20,
        appliance_share=0.0,
        demand=Demand(titles_a_day=2 / DAYS_A_MONTH, minutes=10, uhd_share=0),
        label_minutes_a_title=10,
        source_gb_a_title=15,
        media_gb_a_title=1,
        raw_pb=1e-4,
        media_pb=1e-5,
        catalog_years=1,
        transitions_a_title=400,
    ),
}
"""What a profile is used for by default. Of the sandbox it is an assumption: two clips, and twenty hours of trying."""


def figures() -> dict[str, Figure]:
    """Return the main figures of production, with the default workload; it synthesises the profile."""
    return figures_of(declared_of("production"), WORKLOADS["production"])


def figures_of(declared: Declared, workload: Workload) -> dict[str, Figure]:
    """Return the main figures of what is declared under `workload`."""
    lines = bill(declared, workload)
    acl_logs = [log.properties for log in declared.of("AWS::WAFv2::LoggingConfiguration")]
    acl_bytes = acl_log_bytes_a_second(acl_logs, workload, declared.settings)
    whole_bytes = acl_log_bytes_a_second(acl_logs, replace(workload, acl_matched_share=1), declared.settings)
    functions = {function.path: function.properties for function in declared.of("AWS::Lambda::Function")}
    spent, held = total(lines), budget(declared, lines)
    unwatched = replace(workload, viewing_hours=0, subscribers=0)
    unencoded = replace(workload, demand=replace(workload.demand, titles_a_day=0))
    calls = fsum(line.use.quantity for line in lines if line.use.price == "HTTP API request")
    calls_a_second = calls / _SECONDS_A_MONTH
    watched = spent - total(bill(declared, unwatched))
    encoded = spent - total(bill(declared, unencoded))
    results = {
        "month_usd": Figure(spent, "USD a month", "everything that is counted"),
        "year_usd": Figure(12 * spent, "USD a year", "the same"),
        "idle_usd": Figure(
            fsum(line.usd for line in lines if line.use.price.startswith(_IDLE)), "USD a month", "without any use"
        ),
        "budget_usd": Figure(held.limit_usd, "USD a month", "the budget that the templates declare"),
        "budget_share": Figure(held.share, "share", "of the budget that the bill takes"),
        "thousand_hours_usd": Figure(
            watched / workload.viewing_hours * 1000, "USD", "what 1,000 hours of viewing add to the bill"
        ),
        "title_usd": Figure(encoded / workload.titles, "USD", "what a title adds: ingestion, encoding, replication"),
        "calls_a_second": Figure(calls_a_second, "requests a second", "of the API, on average"),
        "times_the_throttle": Figure(
            calls_a_second / declared.settings.playback.api_rate_per_s, "times", "what the API's throttle admits"
        ),
        "calls_a_viewing_hour": Figure(
            calls_a_second * _SECONDS_A_MONTH / workload.viewing_hours, "requests", "of the API, an hour of viewing"
        ),
        "pulses_a_viewing_hour": Figure(
            _SECONDS_AN_HOUR / declared.settings.playback.heartbeat_s + _SECONDS_AN_HOUR / workload.progress_s,
            "requests",
            "of these, heartbeats and words of progress",
        ),
        "raw_pb": Figure(workload.raw_pb, "PB", "of sources, stored"),
        "media_pb": Figure(workload.media_pb, "PB", "of packages, stored"),
        "times_the_stated_volume": Figure(
            workload.viewed_gb / GB_A_PB / STATED_PB_A_MONTH, "times", "the 270 PB a month that the document states"
        ),
        "logs_usd": Figure(fsum(line.usd for line in lines if _is_log(line.use)), "USD a month", "of all logs"),
        "acl_log_mb_a_second": Figure(acl_bytes / _BYTES_A_MB, "MB a second", "that the web ACL logs, on average"),
        "acl_log_whole_gb_a_second": Figure(
            whole_bytes / _BYTES_A_GB, "GB a second", "the same, if it logged every request"
        ),
        "calls_log_gb_a_second": Figure(
            calls_log_bytes_a_second(functions, workload, declared.settings) / _BYTES_A_GB,
            "GB a second",
            "that functions and the viewers' API log of viewers' calls, on average",
        ),
        "edge_requests_a_second": Figure(
            edge_requests_a_second(workload, declared.settings), "requests a second", "of the distribution, on average"
        ),
    }
    for context, usd in by_context(lines).items():
        results[f"{context}_usd"] = Figure(usd, "USD a month", f"of the context {context}")
    for service, usd in by_service(lines).items():
        key = service.lower().replace(" ", "_").replace("-", "_")
        results[f"service_{key}_usd"] = Figure(usd, "USD a month", f"that {service} asks for")
    for name, remedy in remedies(workload).items():
        key = name.replace(" %", "").replace(" ", "_")
        change = total(bill(declared, remedy.workload, remedy.terms)) - spent
        results[f"if_{key}_usd"] = Figure(change, "USD a month", f"more or less, if: {remedy.what}")
    return results


def _service(price: str) -> str:
    what = price.removeprefix(_IDLE)
    return next(service for service, names in _SERVICES.items() if what.startswith(names))


def _is_log(use: Use) -> bool:
    """Whether it is of a log: in CloudWatch, or CloudFront's in S3."""
    return use.price.startswith("log ") or (use.price, use.context) == ("S3 Standard", "delivery")


def _rate(name: str, settings: Settings, terms: Terms) -> Rate:
    """Return what one unit of a price costs, on `terms`."""
    if name.startswith(_IDLE):
        return _flat(float(IDLE_PRICES[name.removeprefix(_IDLE)].a_month), unit="piece")
    if name in {_FARM_SPOT, _FARM_ON_DEMAND}:
        spot = name == _FARM_SPOT
        usd = host_usd_an_hour(settings.encoding, spot=spot) / settings.encoding.job_vcpus
        return _flat(usd if spot else usd * (1 - terms.farm_commitment), unit="vCPU-hour")
    rate = {**PRICES, **USE_PRICES}[name]
    if name == "Lambda GB-second" and terms.function_commitment:
        steps = tuple(Step(step.above, step.usd * (1 - terms.function_commitment)) for step in rate.steps)
        return replace(rate, steps=steps)
    return rate


def _flat(usd: float, *, unit: str) -> Rate:
    return Rate(steps=(Step(0, usd),), unit=unit, source="lambdas/encoding/prices.json and models/idle_cost.py")


def _idle(declared: Declared) -> Iterator[Use]:
    """Yield what bills without use: of a stack, as `models.idle_cost` does not say of which resource."""
    for name, stack in declared.synthesis.stacks.items():
        for item in idle_cost([(stack.context, declared.templates[name])]):
            yield Use(
                context=stack.context,
                path=name,
                price=f"{_IDLE}{item.price}",
                quantity=item.quantity,
                tags=_stack_tags(declared, name),
            )


def _stack_tags(declared: Declared, stack: str) -> Mapping[str, str]:
    """Return the tags of a stack, as its resources have them: CloudFormation hands on a stack's own to all it can."""
    every = (tags_of(resource) for resource in declared.resources if resource.stack == stack)
    return next((tags for tags in every if tags), {})


def _of(
    resource: Resource, context: str, workload: Workload, terms: Terms, settings: Settings
) -> Iterator[tuple[str, float]]:
    """Yield the prices that a resource's use is billed by, and how much of each."""
    match resource.kind:
        case "AWS::Lambda::Function":
            yield from _function(resource, context, workload, settings)
        case (
            "AWS::ApiGatewayV2::Api"
            | "AWS::ApiGatewayV2::Stage"
            | "AWS::CloudFront::Distribution"
            | "AWS::WAFv2::WebACL"
            | "AWS::WAFv2::LoggingConfiguration"
        ):
            yield from _asked(resource, workload, settings)
        case "AWS::Cognito::UserPool" if resource.path == _VIEWERS:
            yield f"monthly user, {resource.properties.get('UserPoolTier', 'ESSENTIALS').title()}", workload.subscribers
        case "AWS::Batch::ComputeEnvironment":
            spot = "SPOT" in resource["ComputeResources"]["Type"]
            share = terms.spot_share if spot else 1 - terms.spot_share
            yield _FARM_SPOT if spot else _FARM_ON_DEMAND, share * _vcpu_hours(workload, settings)
        case "AWS::S3::Bucket":
            yield from _bucket(resource, workload, terms)
        case "AWS::Transfer::Server" if resource.stack == context:
            yield "SFTP GB", workload.titles * workload.source_gb_a_title * workload.sftp_share
        case "AWS::StepFunctions::StateMachine":
            each = workload.transitions_a_title if context == "encoding" else _SHORT_WORKFLOW
            yield "state transition", workload.titles * each


def _asked(resource: Resource, workload: Workload, settings: Settings) -> Iterator[tuple[str, float]]:
    """Yield what stands before the functions bills by the request, its logs included."""
    calls, segments = _viewers_calls(workload, settings), _edge_requests(workload)
    match resource.kind:
        case "AWS::ApiGatewayV2::Api" if resource.path == _VIEWERS_API:
            yield "HTTP API request", calls
        case "AWS::ApiGatewayV2::Stage" if resource.text(resource["ApiId"]) == f"<{_VIEWERS_API}>":
            if "AccessLogSettings" in resource.properties:
                yield from _logged(resource, workload, lines=calls, line_bytes=workload.gateway_log_bytes)
        case "AWS::CloudFront::Distribution":
            yield "CloudFront", workload.viewed_gb * (1 - workload.appliance_share)
            yield "CloudFront request", segments + calls
            yield "edge function run", segments
            if "Logging" in resource["DistributionConfig"]:
                months = _days_kept(resource.declared.at(_EDGE_LOGS)) / DAYS_A_MONTH
                yield "S3 Standard", (segments + calls) * workload.edge_log_bytes / _BYTES_A_GB * months
        case "AWS::WAFv2::WebACL":
            yield "web ACL request", segments + calls
        case "AWS::WAFv2::LoggingConfiguration":
            yield from _logged(
                resource,
                workload,
                lines=(segments + calls) * acl_logged_share(resource.properties, workload),
                line_bytes=workload.acl_log_bytes,
                free_bytes=(segments + calls) * _ACL_LOG_BYTES_FREE,
            )


def _function(resource: Resource, context: str, workload: Workload, settings: Settings) -> Iterator[tuple[str, float]]:
    viewers = _viewers_functions(workload, settings)
    if not resource["Handler"].startswith("lambdas."):
        return
    if resource.path in viewers:
        calls = viewers[resource.path]
    elif context in _BY_TITLE:
        calls = _Calls(count=workload.titles, reads=2, writes=2)
    else:
        # Operators' and rare: a rounding error of what viewers do.
        return
    yield "Lambda request", calls.count
    yield "Lambda GB-second", calls.count * workload.call_s * resource["MemorySize"] / _MIB_A_GB
    yield "DynamoDB read", calls.count * calls.reads
    yield "DynamoDB write", calls.count * calls.writes
    yield "KMS request", calls.count * calls.kms
    line_bytes = logged_a_call(resource.properties, workload)
    yield from _logged(resource, workload, lines=calls.count, line_bytes=line_bytes)
    yield "trace", calls.count * workload.trace_share
    if resource.path == "ingestion/CollectLabels" and settings.ingestion.rekognition:
        yield "label minute", workload.titles * workload.label_minutes_a_title


def _viewers_functions(workload: Workload, settings: Settings) -> dict[str, _Calls]:
    """Return how often viewers' requests call what, by the function's path."""
    sessions, watched_s = workload.sessions, workload.viewing_hours * _SECONDS_AN_HOUR
    counts = {
        **dict.fromkeys(CALLS_A_SESSION, sessions),
        "playback/Heartbeat": watched_s / settings.playback.heartbeat_s,
        "playback/Progress": watched_s / workload.progress_s,
    }
    calls = {path: replace(_A_CALL[path], count=count) for path, count in counts.items()}
    # A report is written once a region that has the table: a replicated write costs as much as another.
    reports, regions = calls["playback/Progress"], 1 + len(settings.playback.progress_replica_regions)
    return {**calls, "playback/Progress": replace(reports, writes=reports.writes * regions)}


def _viewers_calls(workload: Workload, settings: Settings) -> float:
    return fsum(calls.count for calls in _viewers_functions(workload, settings).values())


def edge_requests_a_second(workload: Workload, settings: Settings) -> float:
    """Return the requests that the distribution answers, on average: segments that it serves, and the API's calls."""
    return (_edge_requests(workload) + _viewers_calls(workload, settings)) / _SECONDS_A_MONTH


def acl_log_bytes_a_second(logs: Iterable[Mapping[str, Any]], workload: Workload, settings: Settings) -> float:
    """Return what web ACLs log, on average; `logs` are their logging configurations, as templates have them."""
    asked = edge_requests_a_second(workload, settings) * workload.acl_log_bytes
    return fsum(asked * acl_logged_share(log, workload) for log in logs)


def acl_logged_share(logging: Mapping[str, Any], workload: Workload) -> float:
    """Return which of its requests a web ACL logs: with a filter, those that a rule blocks or counts."""
    dropped = logging.get("LoggingFilter", {}).get("DefaultBehavior") == "DROP"
    return workload.acl_matched_share if dropped else 1.0


def calls_log_bytes_a_second(
    functions: Mapping[str, Mapping[str, Any]], workload: Workload, settings: Settings
) -> float:
    """Return what viewers' calls leave in the logs of functions and of their API, on average.

    `functions` are theirs, by path, as templates have them; and others.
    """
    a_month = fsum(
        calls.count * (logged_a_call(functions[path], workload) + workload.gateway_log_bytes)
        for path, calls in _viewers_functions(workload, settings).items()
    )
    return a_month / _SECONDS_A_MONTH


def logged_a_call(function: Mapping[str, Any], workload: Workload) -> float:
    """Return the bytes that a function logs of a call in which nothing is said and nothing goes wrong."""
    quiet = function.get("LoggingConfig", {}).get("SystemLogLevel") == "WARN"
    return 0.0 if quiet else workload.log_bytes_a_call


def _edge_requests(workload: Workload) -> float:
    """Return the segments that CloudFront serves: one of picture and one of sound at a time."""
    return 2 * workload.viewing_hours * _SECONDS_AN_HOUR / workload.segment_s * (1 - workload.appliance_share)


def _logged(
    resource: Resource, workload: Workload, *, lines: float, line_bytes: float, free_bytes: float = 0.0
) -> Iterator[tuple[str, float]]:
    """Yield what a log in CloudWatch costs: what comes in, and what is kept of it for as long as its stack keeps logs.

    Parameters
    ----------
    free_bytes
        Of all lines together, what comes in without a charge.
    """
    groups = resource.declared.of("AWS::Logs::LogGroup", stack=resource.stack)
    months = max(group["RetentionInDays"] for group in groups) / DAYS_A_MONTH
    yield "log GB", max(0.0, lines * line_bytes - free_bytes) / _BYTES_A_GB
    yield "log GB-month", lines * line_bytes / _BYTES_A_GB * workload.log_compression * months


def _days_kept(bucket: Resource) -> float:
    """Return after how many days an object of a bucket is gone, its last version included."""
    rules = bucket["LifecycleConfiguration"]["Rules"]
    expires = min(rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule)
    kept = (
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules if "NoncurrentVersionExpiration" in rule
    )
    return float(expires + min(kept, default=0))


def _vcpu_hours(workload: Workload, settings: Settings) -> float:
    return vcpus_needed(workload.demand, settings.encoding) * 24 * DAYS_A_MONTH


def _bucket(resource: Resource, workload: Workload, terms: Terms) -> Iterator[tuple[str, float]]:
    name = resource.path.rpartition("/")[2].removesuffix("Replica")
    if name not in {"Raw", "Media"}:
        return
    stored_gb = GB_A_PB * (workload.raw_pb if name == "Raw" else workload.media_pb)
    new_gb = workload.titles * (workload.source_gb_a_title if name == "Raw" else workload.media_gb_a_title)
    rules = resource["LifecycleConfiguration"]["Rules"] if terms.tiering else []
    for price, share in classes(rules, years=workload.catalog_years).items():
        yield price, share * stored_gb
    for rule in resource.properties.get("ReplicationConfiguration", {}).get("Rules", ()):
        yield "transfer between regions", new_gb
        if "ReplicationTime" in rule["Destination"]:
            yield "replication time control", new_gb


def classes(rules: Iterable[Mapping[str, Any]], *, years: float) -> dict[str, float]:
    """Return the share of a bucket in each storage class, if what it holds has come evenly over `years`.

    Parameters
    ----------
    rules
        A bucket's lifecycle, as its template has it; rules for a prefix or a tag are about something else.
    """
    moves = sorted(
        (float(move["TransitionInDays"]), _CLASSES[move["StorageClass"]])
        for rule in rules
        if "Prefix" not in rule and "TagFilters" not in rule
        for move in rule.get("Transitions", ())
    )
    steps = [(0.0, "S3 Standard"), *moves]
    days = years * _DAYS_A_YEAR
    ends = [*(after for after, _ in moves), days]
    shares: defaultdict[str, float] = defaultdict(float)
    for (begins, name), ends_at in zip(steps, ends, strict=True):
        shares[name] += max(0.0, min(ends_at, days) - min(begins, days)) / days
    return {name: share for name, share in shares.items() if share}


def _grouped(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for key, usd in pairs:
        sums[key] += usd
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))
