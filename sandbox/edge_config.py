"""The nginx configuration of the edge tier: pure text out of an `EdgeDeployment`.

Every cache behaviour becomes two locations. The outer one is found by the viewer's path, as CloudFront finds
the behaviour, and runs the viewer-request function; the inner one (``/@origin/<n>/…``, not to be asked for
from outside) holds the origin and the cache, so that the cache's key is the path that the function left.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import indent
from urllib.parse import quote

from sandbox.edge_deployment import Behaviour, EdgeDeployment, EdgeDeploymentError, Function, Header

_EDGE = Path(__file__).resolve().parent.parent / "edge"
_VIEWER = {
    "CloudFront-Viewer-Address": "$remote_addr:$remote_port",
    "CloudFront-Viewer-ASN": "",
    "CloudFront-Viewer-Country": "",
    "CloudFront-Viewer-Latitude": "",
    "CloudFront-Viewer-Longitude": "",
}
_UNQUOTABLE = re.compile(r"[$\x00-\x1f\x7f]")

KEY_VALUES_S = 10
"""How long the edge goes by what the key value store said of a key. CloudFront's copies follow within seconds."""

_HTTP = """\
daemon off;
{user}worker_processes 2;
pid nginx.pid;
error_log error.log notice;

events {{
    worker_connections 512;
}}

http {{
    js_path "js";
{imports}
    # What the key value store said of a key, for a part of the minute in which an ended session has to be refused.
    js_shared_dict_zone zone=kvs:1m timeout={kvs_s}s evict;
    log_format edge escape=json '{{"time":"$time_iso8601","method":"$request_method","uri":"$uri",'
        '"status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,'
        '"cache":"$upstream_cache_status","range":"$http_range"}}';
    access_log access.log edge;

    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    proxy_cache_path cache levels=1:2 keys_zone=edge:8m max_size=4g inactive=7d use_temp_path=off;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    client_max_body_size 10m;
    server_tokens off;
    # nginx answers ranges out of a whole cached object, as CloudFront does.
    proxy_force_ranges on;
    # One request fills the cache, however many viewers ask for the segment at the same moment.
    proxy_cache_lock on;
{maps}
    server {{
        listen 127.0.0.1:{port};
        server_name _;
{locations}    }}
}}
"""


def render(*, deployment: EdgeDeployment, endpoint: str, port: int, user: str | None) -> str:
    """Return the text of ``nginx.conf``; its paths are relative to nginx's prefix, the work directory.

    Parameters
    ----------
    endpoint
        The embedded cloud's URL, without a slash at its end.
    user
        Who owns the workers, ``name group``; needed only where the master is root, whose workers would
        else be `nobody` and could not read the work directory.

    Raises
    ------
    EdgeDeploymentError
        If a value cannot be written into an nginx configuration.
    """
    numbered = list(enumerate(deployment.behaviours))
    blocks = [
        _cognito(endpoint=endpoint),
        _managed_login(endpoint=endpoint),
        *([_root(deployment.root_object)] if deployment.root_object else []),
        *(_outer(n, behaviour) for n, behaviour in numbered),
        *(_inner(n, behaviour, endpoint=endpoint) for n, behaviour in numbered),
    ]
    imports = sorted({_module(function) for function in _functions(deployment)})
    return _HTTP.format(
        user=f"user {user};\n" if user else "",
        kvs_s=KEY_VALUES_S,
        imports="".join(f"    js_import {module} from {module}.js;\n" for module in imports),
        maps=indent("".join(_maps(n, behaviour) for n, behaviour in numbered), " " * 4),
        locations=indent("\n".join(blocks), " " * 8),
        port=port,
    )


def modules(*, deployment: EdgeDeployment, endpoint: str) -> dict[str, str]:
    """Return the files of the ``js`` directory, by name: the functions, and the key value store's module.

    Parameters
    ----------
    endpoint
        The embedded cloud's URL, without a slash at its end: its key value store is asked for later entries.

    Raises
    ------
    EdgeDeploymentError
        If two functions have different stores: njs knows one module of the name ``cloudfront``.
    """
    functions = _functions(deployment)
    stores = {(json.dumps(dict(function.entries), sort_keys=True), function.store_arn) for function in functions}
    if len(stores) > 1:
        message = "the functions have different key value stores: the embedded edge knows one"
        raise EdgeDeploymentError(message)
    adapter = (_EDGE / "nginx-adapter.js").read_text(encoding="utf-8")
    store = (_EDGE / "nginx-keyvaluestore.js").read_text(encoding="utf-8")
    entries, arn = next(iter(stores), ("{}", None))
    live = json.dumps(_live(arn, endpoint=endpoint) if arn else None)
    return {
        "cloudfront": f"const entries = {entries};\nconst live = {live};\n{store}",
        **{f"{_module(function)}.js": function.code + adapter for function in functions},
    }


def _live(arn: str, *, endpoint: str) -> dict[str, str]:
    """Return where a store answers for one key."""
    scope = "20260101/us-east-1/cloudfront-keyvaluestore/aws4_request"
    return {
        "url": f"{endpoint}/key-value-stores/{quote(arn, safe='')}/keys/",
        # It says which service and account are meant; the signature is checked by nobody.
        "authorization": f"AWS4-HMAC-SHA256 Credential=embedded/{scope}, SignedHeaders=host, Signature=0",
    }


def _functions(deployment: EdgeDeployment) -> list[Function]:
    return [behaviour.function for behaviour in deployment.behaviours if behaviour.function]


def _module(function: Function) -> str:
    return "fn_" + re.sub(r"\W", "_", function.name)


def _cognito(*, endpoint: str) -> str:
    """Where the page finds the embedded Cognito, which in an account has its own host name."""
    return f"""\
location = /cognito/ {{
    limit_except POST {{ deny all; }}
    proxy_pass {endpoint}/;
}}
"""


def _managed_login(*, endpoint: str) -> str:
    """Where viewers sign in, which in an account is a domain of the user pool."""
    return f"""\
location ~ "^/(oauth2/(authorize|token|revoke)|login|logout)\\z" {{
    limit_except GET POST {{ deny all; }}
    proxy_pass {endpoint};
}}
"""


def _root(root_object: str) -> str:
    return f"""\
location = / {{
    rewrite ^ {_quoted("/" + root_object)} last;
}}
"""


def _outer(number: int, behaviour: Behaviour) -> str:
    """Where the viewer's path arrives. Regular expressions match in order, as CloudFront's patterns do."""
    inner = f"/@origin/{number}"
    if behaviour.function:
        action = f"set $edge_origin {inner};\n    js_content {_module(behaviour.function)}.nginxServe;"
    else:
        action = f"rewrite ^(.*)$ {inner}$1 last;"
    return f"""\
location ~ {_quoted(_regex(behaviour.pattern))} {{
{_header_lines(number, behaviour)}\
    {action}
}}
"""


def _inner(number: int, behaviour: Behaviour, *, endpoint: str) -> str:
    """Where the origin and the cache are. `^~` keeps the outer expressions from catching the path again."""
    origin = behaviour.origin
    if origin.kind == "bucket":
        path = f"/{origin.name}{origin.path}/"
        # As behind an origin access control, the bucket sees nothing of the viewer but what a range needs.
        forwarded = ["proxy_pass_request_headers off;", "proxy_pass_request_body off;"]
        if not behaviour.caching:
            forwarded += ["proxy_set_header Range $http_range;", "proxy_set_header If-Range $http_if_range;"]
    else:
        path = f"{origin.path}/"
        forwarded = [f"proxy_set_header Host {origin.name}.execute-api.localhost;"]
        # What CloudFront would say of a viewer: on one machine there is an address, and no place.
        forwarded += [f'proxy_set_header {name} "{value}";' for name, value in _VIEWER.items()]
        forwarded += [f"proxy_set_header {name} {_quoted(value)};" for name, value in origin.told]
    lines = "".join(f"    {line}\n" for line in [*forwarded, *_caching_lines(behaviour)])
    return f"""\
location ^~ /@origin/{number}/ {{
    internal;
    limit_except {" ".join(behaviour.methods)} {{ deny all; }}
{_header_lines(number, behaviour)}\
{lines}\
    proxy_pass {endpoint}{path};
}}
"""


def _caching_lines(behaviour: Behaviour) -> list[str]:
    caching = behaviour.caching
    if not caching:
        return []
    return [
        "proxy_cache edge;",
        f"proxy_cache_key $uri{'$is_args$args' if caching.by_query else ''};",
        f"proxy_cache_valid 200 {caching.default_ttl_s}s;",
        'more_set_headers "X-Cache: $upstream_cache_status";',
    ]


def _maps(number: int, behaviour: Behaviour) -> str:
    """A variable for each header that the origin may set otherwise: its value, else the policy's."""
    return "".join(
        f"""\
map {_from_origin(header)} ${_variable(number, index)} {{
    default {_from_origin(header)};
    "" {_quoted(header.value)};
}}
"""
        for index, header in enumerate(behaviour.headers.set)
        if not header.override
    )


def _header_lines(number: int, behaviour: Behaviour) -> str:
    removed = [f"more_clear_headers {_quoted(name)};" for name in behaviour.headers.removed]
    added = [
        f"more_set_headers {_quoted(f'{header.name}: {header.value}')};"
        if header.override
        else f'more_set_headers "{header.name}: ${_variable(number, index)}";'
        for index, header in enumerate(behaviour.headers.set)
    ]
    return "".join(f"    {line}\n" for line in [*removed, *added])


def _from_origin(header: Header) -> str:
    return "$upstream_http_" + header.name.lower().replace("-", "_")


def _variable(number: int, index: int) -> str:
    return f"edge_header_{number}_{index}"


def _regex(pattern: str) -> str:
    """Return CloudFront's pattern as a regular expression; a missing slash at its start is meant."""
    rooted = pattern if pattern.startswith(("/", "*")) else f"/{pattern}"
    wild = {"*": ".*", "?": "."}
    # The end is `\\z` because a dollar sign would start a variable's name.
    return "^" + "".join(wild.get(character) or re.escape(character) for character in rooted) + r"\z"


def _quoted(value: str) -> str:
    """Return `value` as one quoted word of an nginx configuration."""
    if _UNQUOTABLE.search(value):
        message = f"{value!r} cannot stand in an nginx configuration: take out dollar signs and control characters"
        raise EdgeDeploymentError(message)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
