"""What is deployed at the edge, read back from CloudFront's own API.

The embedded cloud stores a distribution and serves nothing from it. The edge tier does not repeat what the
delivery stack declares: it asks the cloud what was deployed, and runs that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

# CloudFront is a service without a region; its API is that of this one.
_REGION = "us-east-1"
_ACCOUNT_IN_HOST = re.compile(r"//\d{12}\.")
_BUCKET_DOMAIN = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]*?)\.s3[.-]")
_API_DOMAIN = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.")


class EdgeError(Exception):
    """The base of the edge tier's errors."""


class EdgeDeploymentError(EdgeError):
    """The deployed distribution has something that the embedded edge cannot run."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a behaviour's requests go: a bucket or an HTTP API of the embedded cloud; `told` are added headers."""

    kind: Literal["bucket", "api"]
    name: str
    path: str = ""
    told: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Header:
    """One header of a response headers policy; without `override` the origin's own wins."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True, kw_only=True)
class HeadersPolicy:
    """What a response headers policy sets and takes away."""

    set: tuple[Header, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Function:
    """A published CloudFront Function, with the entries of its key value store."""

    name: str
    code: str
    entries: Mapping[str, str]
    store_arn: str | None = None
    """Where entries come to stand that the function finds later; none: nothing comes."""


@dataclass(frozen=True, kw_only=True)
class Caching:
    """How long an object without a Cache-Control stays, and whether the query tells objects apart."""

    default_ttl_s: int
    by_query: bool


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One cache behaviour. Its `pattern` has CloudFront's wildcards ``*`` and ``?``."""

    pattern: str
    origin: Origin
    methods: tuple[str, ...] = ("GET", "HEAD")
    function: Function | None = None
    caching: Caching | None = None
    headers: HeadersPolicy = HeadersPolicy()


@dataclass(frozen=True, kw_only=True)
class EdgeDeployment:
    """A distribution: its behaviours in order of precedence, the default one (``*``) last."""

    behaviours: tuple[Behaviour, ...]
    root_object: str


def read_deployment(*, session: boto3.session.Session, endpoint: str, distribution_id: str) -> EdgeDeployment:
    """Read a deployed distribution with everything that it refers to.

    Parameters
    ----------
    session
        Whose credentials say which account of the embedded cloud is meant.
    endpoint
        The embedded cloud's URL, ``http://127.0.0.1:<port>``.
    distribution_id
        The id that the delivery stack put out.

    Raises
    ------
    EdgeDeploymentError
        If something is missing, or is declared that the embedded edge does not model.
    """
    cloudfront = session.client("cloudfront", endpoint_url=endpoint, region_name=_REGION)
    values = key_values_client(session=session, endpoint=endpoint)
    with closing(cloudfront), closing(values):
        return _Reader(cloudfront=cloudfront, values=values).deployment(distribution_id)


def key_values_client(*, session: boto3.session.Session, endpoint: str) -> Any:  # noqa: ANN401 - boto3 makes it
    """Return a client of the key value stores' data plane in the embedded cloud.

    In an account it wants SigV4A, for which boto3 needs the binary package `awscrt`, and the account's number
    in the host's name, which no resolver knows on loopback. The embedded cloud asks for neither.
    """
    values = session.client(
        "cloudfront-keyvaluestore",
        endpoint_url=endpoint,
        region_name=_REGION,
        config=Config(signature_version="v4"),
    )
    values.meta.events.register("before-sign.cloudfront-keyvaluestore", _without_account)
    return values


def _without_account(request: AWSRequest, **_: object) -> None:
    request.url = _ACCOUNT_IN_HOST.sub("//", request.url)


class _Reader:
    def __init__(self, *, cloudfront: Any, values: Any) -> None:  # noqa: ANN401 - boto3 makes them
        self._cloudfront = cloudfront
        self._values = values

    def deployment(self, distribution_id: str) -> EdgeDeployment:
        try:
            answer = self._cloudfront.get_distribution_config(Id=distribution_id)
        except ClientError as error:
            message = f"distribution {distribution_id!r} is not deployed: deploy the delivery stack first"
            raise EdgeDeploymentError(message) from error
        config = answer["DistributionConfig"]
        _refuse(config, "CustomErrorResponses", "OriginGroups", of="the distribution")
        origins = {origin["Id"]: _origin(origin) for origin in config["Origins"]["Items"]}
        listed = [
            *config.get("CacheBehaviors", {}).get("Items", []),
            {"PathPattern": "*", **config["DefaultCacheBehavior"]},
        ]
        return EdgeDeployment(
            behaviours=tuple(self._behaviour(behaviour, origins=origins) for behaviour in listed),
            root_object=config.get("DefaultRootObject", ""),
        )

    def _behaviour(self, behaviour: Mapping[str, Any], *, origins: Mapping[str, Origin]) -> Behaviour:
        pattern = behaviour["PathPattern"]
        _refuse(behaviour, "LambdaFunctionAssociations", "TrustedKeyGroups", of=f"behaviour {pattern!r}")
        policy_id = behaviour.get("ResponseHeadersPolicyId")
        return Behaviour(
            pattern=pattern,
            origin=origins[behaviour["TargetOriginId"]],
            methods=tuple(behaviour.get("AllowedMethods", {}).get("Items", ("GET", "HEAD"))),
            function=self._function(behaviour),
            caching=self._caching(behaviour),
            headers=self._headers(policy_id) if policy_id else HeadersPolicy(),
        )

    def _function(self, behaviour: Mapping[str, Any]) -> Function | None:
        associations = behaviour.get("FunctionAssociations", {}).get("Items", [])
        if not associations:
            return None
        if len(associations) > 1 or associations[0]["EventType"] != "viewer-request":
            message = (
                f"behaviour {behaviour['PathPattern']!r} has {[a['EventType'] for a in associations]}: "
                "the embedded edge runs one viewer-request function a behaviour"
            )
            raise EdgeDeploymentError(message)
        name = associations[0]["FunctionARN"].rsplit("/", 1)[1]
        try:
            code = self._cloudfront.get_function(Name=name, Stage="LIVE")["FunctionCode"].read().decode()
            described = self._cloudfront.describe_function(Name=name, Stage="LIVE")
        except ClientError as error:
            message = f"function {name!r} is not published: set AutoPublish in the delivery stack"
            raise EdgeDeploymentError(message) from error
        stores = described["FunctionSummary"]["FunctionConfig"].get("KeyValueStoreAssociations", {})
        arns = [store["KeyValueStoreARN"] for store in stores.get("Items", [])]
        return Function(
            name=name,
            code=code,
            entries={key: value for arn in arns for key, value in self._entries(arn).items()},
            # CloudFront associates one store with a function.
            store_arn=next(iter(arns), None),
        )

    def _entries(self, arn: str) -> dict[str, str]:
        pages = self._values.get_paginator("list_keys").paginate(KvsARN=arn)
        entries = {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}
        if not entries:
            message = (
                f"the key value store {arn} is empty, so that every token would be refused: "
                "its ImportSource was not imported, or was imported before the keys were published"
            )
            raise EdgeDeploymentError(message)
        return entries

    def _caching(self, behaviour: Mapping[str, Any]) -> Caching | None:
        policy_id = behaviour.get("CachePolicyId")
        if policy_id is None:
            message = f"behaviour {behaviour['PathPattern']!r} has no cache policy: give it a CachePolicyId"
            raise EdgeDeploymentError(message)
        policy = self._cloudfront.get_cache_policy(Id=policy_id)["CachePolicy"]["CachePolicyConfig"]
        # With a default of 0, only what an answer allows is kept: an API of ours allows nothing.
        if policy["DefaultTTL"] == 0:
            return None
        query = policy["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]
        return Caching(default_ttl_s=policy["DefaultTTL"], by_query=query["QueryStringBehavior"] != "none")

    def _headers(self, policy_id: str) -> HeadersPolicy:
        answer = self._cloudfront.get_response_headers_policy(Id=policy_id)
        policy = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
        _refuse(policy, "CorsConfig", of=f"response headers policy {policy['Name']!r}")
        custom = policy.get("CustomHeadersConfig", {}).get("Items", [])
        return HeadersPolicy(
            set=(
                *_security_headers(policy.get("SecurityHeadersConfig", {})),
                *(Header(name=h["Header"], value=h["Value"], override=h["Override"]) for h in custom),
            ),
            removed=tuple(h["Header"] for h in policy.get("RemoveHeadersConfig", {}).get("Items", [])),
        )


def _refuse(config: Mapping[str, Any], *unmodelled: str, of: str) -> None:
    """Refuse what would otherwise be ignored in silence."""
    for name in unmodelled:
        value = config.get(name) or {}
        if value.get("Quantity", 0) if "Quantity" in value else value:
            message = f"{of} declares {name}, which the embedded edge does not model: extend sandbox/edge_config.py"
            raise EdgeDeploymentError(message)


def _origin(origin: Mapping[str, Any]) -> Origin:
    domain, path = origin["DomainName"], origin.get("OriginPath", "")
    if bucket := _BUCKET_DOMAIN.match(domain):
        return Origin(kind="bucket", name=bucket["bucket"], path=path)
    if api := _API_DOMAIN.match(domain):
        told = origin.get("CustomHeaders", {}).get("Items", [])
        pairs = tuple((header["HeaderName"], header["HeaderValue"]) for header in told)
        return Origin(kind="api", name=api["api"], path=path, told=pairs)
    message = f"origin {domain!r} is neither a bucket nor an HTTP API of the embedded cloud"
    raise EdgeDeploymentError(message)


def _security_headers(config: Mapping[str, Any]) -> tuple[Header, ...]:
    """Spell the security headers as CloudFront does."""
    values = {
        "StrictTransportSecurity": ("strict-transport-security", _transport_security),
        "ContentTypeOptions": ("x-content-type-options", lambda _: "nosniff"),
        "FrameOptions": ("x-frame-options", lambda part: part["FrameOption"]),
        "ReferrerPolicy": ("referrer-policy", lambda part: part["ReferrerPolicy"]),
        "ContentSecurityPolicy": ("content-security-policy", lambda part: part["ContentSecurityPolicy"]),
        "XSSProtection": ("x-xss-protection", _xss_protection),
    }
    return tuple(
        Header(name=name, value=spell(config[part]), override=config[part]["Override"])
        for part, (name, spell) in values.items()
        if part in config
    )


def _transport_security(part: Mapping[str, Any]) -> str:
    subdomains = "; includeSubDomains" if part.get("IncludeSubdomains") else ""
    preload = "; preload" if part.get("Preload") else ""
    return f"max-age={part['AccessControlMaxAgeSec']}{subdomains}{preload}"


def _xss_protection(part: Mapping[str, Any]) -> str:
    if not part["Protection"]:
        return "0"
    return "1; mode=block" if part.get("ModeBlock") else "1"
