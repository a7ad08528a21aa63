"""How available the platform can be promised to be, and what is lost and for how long when something fails.

What a journey of a viewer or a studio needs is followed through the synthesised templates: from what it asks, through
roles and their policies, to the services behind. Each service counts once a region, at what AWS's service level
agreement promises: that is a promise to pay, and neither a measurement nor a forecast. Failures of different services
are taken for independent, which an outage of a region contradicts; the simulation has such outages of their own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from models.cost import declared_of
from models.figures import Figure

if TYPE_CHECKING:
    from stacks.declared import Declared, Resource

SEED = 20_261_123
MINUTES_A_YEAR = 365 * 24 * 60
TARGET = 0.9999
"""The source document's."""
SWITCH_MINUTES = 2.5
"""Until a second region would take over: three failed health checks of 30 s and a TTL of 60 s, as deliveries have."""
_REGION_OUTAGE_MINUTES = 300.0
_REGION_PERIOD_MINUTES = 3.0 * MINUTES_A_YEAR
"""A region is away for five hours, once in three years. Assumption; it comes on top of what the agreements promise."""
_RECOVERY_KEYS = ("object", "table", "region_deliveries", "region_films", "region_tables", "archive")


class Agreement(NamedTuple):
    """What AWS promises of a service in a region, a month."""

    service: str
    share: float
    source: str


_AGREEMENTS: Mapping[str, Agreement] = {
    "AWS::ApiGatewayV2::Api": Agreement("API Gateway", 0.9995, "aws.amazon.com/api-gateway/sla"),
    "AWS::Batch::JobQueue": Agreement("Batch", 0.999, "aws.amazon.com/batch/sla"),
    "AWS::CloudFront::Distribution": Agreement("CloudFront", 0.999, "aws.amazon.com/cloudfront/sla"),
    "AWS::Cognito::UserPool": Agreement("Cognito", 0.999, "aws.amazon.com/cognito/sla"),
    "AWS::DynamoDB::GlobalTable": Agreement("DynamoDB", 0.9999, "aws.amazon.com/dynamodb/sla: one region"),
    "AWS::Events::EventBus": Agreement("EventBridge", 0.9999, "aws.amazon.com/eventbridge/sla"),
    "AWS::KMS::Key": Agreement("KMS", 0.99999, "aws.amazon.com/kms/sla"),
    "AWS::Lambda::Function": Agreement("Lambda", 0.9995, "aws.amazon.com/lambda/sla"),
    "AWS::S3::Bucket": Agreement("S3", 0.999, "aws.amazon.com/s3/sla: Standard"),
    "AWS::SecretsManager::Secret": Agreement("Secrets Manager", 0.9999, "aws.amazon.com/secrets-manager/sla"),
    "AWS::StepFunctions::StateMachine": Agreement("Step Functions", 0.999, "aws.amazon.com/step-functions/sla"),
    "AWS::Transfer::Server": Agreement("Transfer Family", 0.999, "aws.amazon.com/aws-transfer-family/sla"),
}
"""By resource type, of 2026-11, entered by hand. What has no line here is no service that a request waits for (roles,
log groups, alarms, topics and queues of dead letters), or fails open: the Valkey cache of the rate limits (decision
0034)."""

_THROUGH = frozenset({"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::ApiGatewayV2::Integration"})
"""What is followed on its way to what it names, besides the services that act themselves."""
_ACTORS = frozenset(
    {
        "AWS::Lambda::Function",
        "AWS::StepFunctions::StateMachine",
        "AWS::CloudFront::Distribution",
        "AWS::Batch::JobQueue",
    }
)
"""Services whose own dependencies are followed, too: a table's or a bucket's are AWS's business, but for its key."""


@dataclass(frozen=True, kw_only=True)
class Journey:
    """Something that somebody wants to do, and the constructs that it asks first."""

    name: str
    what: str
    starts: tuple[str, ...]
    avoids: tuple[str, ...] = ()
    """Prefixes of constructs that are named on the way, and not needed for it."""


JOURNEYS = (
    Journey(
        name="sign in",
        what="the page, the user pool, the titles",
        starts=("delivery/Distribution", "playback/Api/HttpApi", "playback/Viewers", "catalog/ListTitles"),
    ),
    Journey(
        name="play",
        what="a session, its manifest, its licence, the first segments; who plays is signed in already",
        starts=(
            "delivery/Distribution",
            "playback/Api/HttpApi",
            "playback/CreateSession",
            "playback/GetManifest",
            "playback/License",
        ),
    ),
    Journey(
        name="watch on",
        what="segments of a film that plays already, from CloudFront; an appliance would not need it",
        starts=("delivery/Distribution",),
        avoids=("playback/", "ingestion/"),
    ),
    Journey(
        name="deliver",
        what="a file by SFTP, until it lies in the raw bucket",
        starts=("ingestion/Sftp/Server", "storage/Raw"),
    ),
    Journey(
        name="encode",
        what="from an accepted source to a packaged version",
        starts=("encoding/Encode a version/StateMachine", "storage/Raw", "storage/Media"),
    ),
)


class Dependency(NamedTuple):
    """A service that a journey needs, in a region, and one of the constructs that show it."""

    service: str
    region: str
    share: float
    path: str


def series(shares: Iterable[float]) -> float:
    """Return the availability of what needs all of its parts: the product."""
    return prod(shares)


def parallel(shares: Iterable[float]) -> float:
    """Return the availability of what needs any one of its parts, at once and without switching."""
    return 1 - prod(1 - share for share in shares)


def switched(share: float, *, outage_minutes: float, switch_minutes: float) -> float:
    """Return the availability of two like parts, of which the second takes over after a while.

    Down is what is down in both, and each outage of the first for as long as switching takes, or as the outage itself:
    u u + u (1 - u) min(1, switch / outage).

    Parameters
    ----------
    share
        Of either part, from 0 to 1.
    outage_minutes
        How long an outage lasts, on average.
    """
    down = 1 - share
    return 1 - down * down - down * share * min(1.0, switch_minutes / outage_minutes)


def minutes_a_year(share: float) -> float:
    """Return the minutes of a year that an availability leaves out."""
    return (1 - share) * MINUTES_A_YEAR


def dependencies(declared: Declared, journey: Journey) -> tuple[Dependency, ...]:
    """Return the services that a journey needs, each once a region, by name.

    Raises
    ------
    KeyError
        If a construct that the journey starts at is not declared.
    """
    graph = _Graph(declared)
    found: dict[tuple[str, str], Dependency] = {}
    for resource in graph.reached([declared.at(path) for path in journey.starts], avoids=journey.avoids):
        agreement = _AGREEMENTS.get(resource.kind)
        if agreement is None:
            continue
        region = "global" if agreement.service == "CloudFront" else declared.synthesis.stacks[resource.stack].region
        key = (agreement.service, region)
        found.setdefault(key, Dependency(agreement.service, region, agreement.share, resource.path))
    return tuple(found[key] for key in sorted(found))


def offered(declared: Declared) -> tuple[Journey, ...]:
    """Return the journeys of which every start is declared: a sandbox may have no SFTP."""
    paths = {resource.path for resource in declared.resources}
    return tuple(journey for journey in JOURNEYS if paths.issuperset(journey.starts))


def promised(declared: Declared, journey: Journey) -> float:
    """Return the availability of a journey that the agreements of its services add up to."""
    return series(dependency.share for dependency in dependencies(declared, journey))


class _Graph:
    """Who names whom, over all stacks."""

    def __init__(self, declared: Declared) -> None:
        self._resources = {(resource.stack, resource.logical_id): resource for resource in declared.resources}
        self._stacks = {stack.stack_name: name for name, stack in declared.synthesis.stacks.items()}
        self._outputs = {name: template.get("Outputs", {}) for name, template in declared.templates.items()}
        self._buckets = {
            _shape(resource["BucketName"]): resource
            for resource in declared.of("AWS::S3::Bucket")
            if "BucketName" in resource.properties
        }
        self._policies: dict[tuple[str, str], list[Resource]] = {}
        for policy in declared.of("AWS::IAM::Policy"):
            for role in policy["Roles"]:
                if "Ref" in role:
                    self._policies.setdefault((policy.stack, role["Ref"]), []).append(policy)

    def reached(self, starts: Iterable[Resource], *, avoids: tuple[str, ...]) -> Iterator[Resource]:
        """Yield what is named from the starts on, themselves included."""
        seen: dict[tuple[str, str], Resource] = {}
        ahead = list(starts)
        while ahead:
            resource = ahead.pop()
            key = (resource.stack, resource.logical_id)
            if key in seen or resource.path.startswith(avoids or ("\0",)):
                continue
            seen[key] = resource
            yield resource
            if resource.kind in _THROUGH or resource.kind in _ACTORS:
                named = self._named(resource.properties, stack=resource.stack)
                ahead += [*named, *self._policies.get(key, ())]
            else:
                ahead += [one for one in self._named(_keys_of(resource), stack=resource.stack) if "KMS" in one.kind]

    def _named(self, value: Any, *, stack: str) -> Iterator[Resource]:  # noqa: ANN401 - whatever a template may hold
        if isinstance(value, list):
            for one in value:
                yield from self._named(one, stack=stack)
        elif isinstance(value, dict):
            if bucket := self._bucket(value):
                yield bucket
            match value:
                case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} if (stack, name) in self._resources:
                    yield self._resources[stack, name]
                case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                    home = self._stacks[other]
                    yield from self._named(self._outputs[home][output]["Value"], stack=home)
                case _:
                    for one in value.values():
                        yield from self._named(one, stack=stack)

    def _bucket(self, value: Mapping[str, Any]) -> Resource | None:
        """Return the bucket that is named in full, as those are that another stack grants access to."""
        text = _shape(value)
        for ahead in ("arn:aws:s3:::", ""):
            name = text.removeprefix(ahead).partition("/")[0].partition(".")[0]
            if name in self._buckets:
                return self._buckets[name]
        return None


def _shape(value: Any) -> str:  # noqa: ANN401 - the same
    """Return a name as text, with what only AWS knows as it stands."""
    match value:
        case str():
            return value
        case {"Fn::Join": ["", list(parts)]}:
            return "".join(_shape(part) for part in parts)
        case _:
            return json.dumps(value)


def _keys_of(resource: Resource) -> Mapping[str, Any]:
    return {
        name: resource.properties[name]
        for name in ("BucketEncryption", "SSESpecification")
        if name in resource.properties
    }


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that fails by itself."""

    name: str
    share: float
    """Of the time that it works, on average."""
    outage_minutes: float = 60.0
    """How long it is away then, on average (exponential). Assumption."""


@dataclass(frozen=True, kw_only=True)
class Years:
    """The minutes that were lost in each simulated year, rising."""

    minutes: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the years."""
        return sum(self.minutes) / len(self.minutes)

    def percentile(self, share: float) -> float:
        """Return the minutes that `share` of the years do not exceed."""
        return self.minutes[max(0, -int(-share * len(self.minutes) // 1) - 1)]

    def within(self, minutes: float) -> float:
        """Return the share of years that lost no more than `minutes`."""
        return sum(1 for lost in self.minutes if lost <= minutes) / len(self.minutes)


def lived(parts: Sequence[Part], *, years: int, seed: int = SEED) -> Years:
    """Simulate years of what needs all its parts; what is away at the same time counts once.

    A part works for an exponential time of mean ``outage * share / (1 - share)``, and is away for one of mean `outage`.
    """
    end = years * float(MINUTES_A_YEAR)
    outages: list[tuple[float, float]] = []
    for part in parts:
        # By name, so that a part that is added changes nothing for the others.
        draw = random.Random(f"{seed} {part.name}")  # noqa: S311 - a model
        if part.share >= 1:
            continue
        works = part.outage_minutes * part.share / (1 - part.share)
        at = draw.expovariate(1 / works)
        while at < end:
            away = draw.expovariate(1 / part.outage_minutes)
            outages.append((at, min(at + away, end)))
            at += away + draw.expovariate(1 / works)
    lost = [0.0] * years
    for begins, ends in _merged(outages):
        at = begins
        while at < ends:
            year = int(at // MINUTES_A_YEAR)
            until = min(ends, (year + 1) * float(MINUTES_A_YEAR))
            lost[min(year, years - 1)] += until - at
            at = until
    return Years(minutes=tuple(sorted(lost)))


def _merged(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    current: tuple[float, float] | None = None
    for begins, ends in sorted(spans):
        if current is None or begins > current[1]:
            if current is not None:
                yield current
            current = (begins, ends)
        else:
            current = (current[0], max(current[1], ends))
    if current is not None:
        yield current


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What a failure costs. Infinite: what is not there yet, nobody can say how long it takes."""

    failure: str
    lost_minutes: float
    """Of data: the recovery point (RPO)."""
    away_minutes: float
    """Of service: the recovery time (RTO)."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Practice:
    """What the templates do not say. Assumptions, all of them: nobody has drilled it on AWS."""

    notice_minutes: float = 15.0
    """Until somebody has heard an alarm and knows what to do."""
    restore_minutes: float = 60.0
    """Of a table, to a point in time."""
    deploy_minutes: float = 90.0
    """Of every stack, into another region."""


_PITR_MINUTES = 5.0
"""Behind which the latest restorable moment of a table typically is: the DynamoDB API's `LatestRestorableDateTime`."""
_BULK_RETRIEVAL_MINUTES = 48 * 60.0
"""Within which bulk retrievals from Glacier Deep Archive come: the S3 guide, "Understanding archive retrieval options".
"""


def recoveries(declared: Declared, practice: Practice | None = None) -> tuple[Recovery, ...]:
    """Return what each kind of failure costs, by what is declared against it."""
    practice = practice or Practice()
    tables = declared.of("AWS::DynamoDB::GlobalTable")
    point = all(
        replica.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
        for table in tables
        for replica in table["Replicas"]
    )
    copied = all(len(table["Replicas"]) > 1 for table in tables)
    media, raw = declared.at("storage/Media"), declared.at("storage/Raw")
    return (
        Recovery(
            failure="an object is overwritten or deleted",
            lost_minutes=0.0 if _versioned(media) and _versioned(raw) else inf,
            away_minutes=practice.notice_minutes,
            why="the media and the raw bucket keep versions",
        ),
        Recovery(
            failure="a table is damaged",
            lost_minutes=_PITR_MINUTES if point else inf,
            away_minutes=practice.notice_minutes + practice.restore_minutes if point else inf,
            why="every table can be restored to a point in time" if point else "not every table can be restored",
        ),
        Recovery(
            failure="the primary region, for deliveries",
            lost_minutes=0.0,
            away_minutes=_endpoint_minutes(declared),
            why="a health check, and a name that leads to the second ingest region; without these, nothing",
        ),
        Recovery(
            failure="the primary region, for films",
            lost_minutes=_lag_minutes(media),
            away_minutes=practice.notice_minutes + practice.deploy_minutes
            if copied and _lag_minutes(media) < inf
            else inf,
            why="the bytes are replicated; without the tables of content keys and of what can be played no copy opens",
        ),
        Recovery(
            failure="the primary region, for accounts, progress and content keys",
            lost_minutes=0.0 if copied else inf,
            away_minutes=practice.notice_minutes + practice.deploy_minutes if copied else inf,
            why="every table has a replica" if copied else "not every table has a replica: not built yet",
        ),
        Recovery(
            failure="a version has to be encoded anew from an archived source",
            lost_minutes=0.0,
            away_minutes=_BULK_RETRIEVAL_MINUTES,
            why="raw sources are in Deep Archive after a year: bulk retrieval, before any encoding",
        ),
    )


def _versioned(bucket: Resource) -> bool:
    return bool(bucket.properties.get("VersioningConfiguration", {}).get("Status") == "Enabled")


def _lag_minutes(bucket: Resource) -> float:
    """Return within what a bucket's copies are promised to be there; without replication time control, by no time."""
    rules = bucket.properties.get("ReplicationConfiguration", {}).get("Rules", ())
    return min(
        (float(rule["Destination"].get("ReplicationTime", {}).get("Time", {}).get("Minutes", inf)) for rule in rules),
        default=inf,
    )


def _endpoint_minutes(declared: Declared) -> float:
    """Return how long it takes until the name of the deliveries leads elsewhere: the checks that fail, and the TTL."""
    checks = [check["HealthCheckConfig"] for check in declared.of("AWS::Route53::HealthCheck")]
    records = [record for record in declared.of("AWS::Route53::RecordSet") if "Failover" in record.properties]
    if not checks or not records:
        return inf
    fails = max(check["RequestInterval"] * check["FailureThreshold"] for check in checks)
    return float(fails + max(int(record["TTL"]) for record in records)) / 60


def parts_of(found: Iterable[Dependency]) -> list[Part]:
    """Return a journey's services as parts that fail, and each of their regions as one more."""
    found = tuple(found)
    services = [Part(name=f"{one.service}, {one.region}", share=one.share) for one in found]
    regions = sorted({one.region for one in found if one.region != "global"})
    return services + [
        Part(
            name=region,
            share=1 - _REGION_OUTAGE_MINUTES / _REGION_PERIOD_MINUTES,
            outage_minutes=_REGION_OUTAGE_MINUTES,
        )
        for region in regions
    ]


def figures() -> dict[str, Figure]:
    """Return the main figures of production; it synthesises the profile."""
    return figures_of(declared_of("production"))


def figures_of(declared: Declared, *, years: int = 2000) -> dict[str, Figure]:
    """Return the main figures of what is declared."""
    results = {
        "target_minutes": Figure(minutes_a_year(TARGET), "minutes a year", "that 99.99 % leaves out"),
    }
    for journey in offered(declared):
        share, key = promised(declared, journey), journey.name.replace(" ", "_")
        simulated = lived(parts_of(dependencies(declared, journey)), years=years)
        results |= {
            f"{key}_share": Figure(share, "share", f"promised: {journey.what}"),
            f"{key}_minutes": Figure(minutes_a_year(share), "minutes a year", "that this leaves out"),
            f"{key}_simulated_mean_minutes": Figure(
                simulated.mean, "minutes a year", "lost in simulated years, outages of the region included"
            ),
            f"{key}_simulated_p95_minutes": Figure(simulated.percentile(0.95), "minutes a year", "of 95 of 100 years"),
            f"{key}_simulated_on_target_share": Figure(
                simulated.within(minutes_a_year(TARGET)), "share", "of simulated years that meet 99.99 %"
            ),
        }
    play = next(journey for journey in JOURNEYS if journey.name == "play")
    found = dependencies(declared, play)
    regional = series(one.share for one in found if one.region != "global")
    edge = series(one.share for one in found if one.region == "global")
    apart = switched(regional, outage_minutes=Part(name="", share=1).outage_minutes, switch_minutes=SWITCH_MINUTES)
    return results | {
        "play_regional_share": Figure(regional, "share", "of playing, what is in one region"),
        "play_two_regions_share": Figure(
            edge * apart, "share", f"of playing, if a second region took over in {SWITCH_MINUTES:g} minutes: not built"
        ),
        "play_two_regions_minutes": Figure(minutes_a_year(edge * apart), "minutes a year", "that this leaves out"),
        "play_two_regions_api_share": Figure(apart, "share", "the same, without the edge's own agreement"),
        **{
            f"{key}_{what}_minutes": Figure(minutes, "minutes", f"{word}: {recovery.failure}")
            for key, recovery in zip(_RECOVERY_KEYS, recoveries(declared), strict=True)
            for what, word, minutes in (
                ("rpo", "of data lost", recovery.lost_minutes),
                ("rto", "of service lost", recovery.away_minutes),
            )
        },
    }
