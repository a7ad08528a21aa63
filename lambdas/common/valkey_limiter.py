"""What rate limiting says to Valkey: one script, on one connection a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlencode, urlsplit

import boto3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from valkey import CredentialProvider, Valkey
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as LostConnectionError
from valkey.exceptions import ValkeyError
from valkey.retry import Retry

from lambdas.common.breaker import Breaker
from lambdas.common.rate_limits import MICROSECONDS, Policy, Verdict, key_of

SCRIPT = Path(__file__).with_name("sliding_window.lua").read_text(encoding="utf-8")
# A script takes less than a millisecond; a handshake on a small function takes some tens of them.
_TIMEOUT_S = 0.2
_TOKEN_S = 900


class LimiterAwayError(Exception):
    """Valkey gave no verdict: it is away, or slow, or is left alone since it was."""


class ValkeyLimiter:
    """Asks Valkey for verdicts.

    A dead or slow server costs two requests of a process `_TIMEOUT_S` each, and then one in 5 s, one in 10 s, and so
    on up to a minute: the others do not ask.

    Parameters
    ----------
    url
        ``valkeys://name@host:port``; `name` is the cache's and the user's. A host of the machine itself is spoken to
        without TLS and without a token.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = Breaker(failures=2, pause_s=5, longest_pause_s=60, clock=clock)
        self._ask = _connection(urlsplit(url)).register_script(SCRIPT)

    def verdict(self, policy: Policy, *, viewer_id: str) -> Verdict:
        """Count a request of a viewer, and return whether it is within the policy.

        Raises
        ------
        LimiterAwayError
            If there is no verdict to be had.
        """
        if not self._breaker.allows:
            raise LimiterAwayError("Valkey did not answer, and is left alone for a while")
        arguments = [policy.quota, round(policy.window_s * MICROSECONDS)]
        try:
            granted, remaining, reset_us, at_us = self._ask(keys=[key_of(policy, viewer_id=viewer_id)], args=arguments)
        except (ValkeyError, OSError) as error:
            self._breaker.failed()
            raise LimiterAwayError(f"Valkey gave no verdict: {error}") from error
        self._breaker.succeeded()
        return Verdict(granted=bool(granted), remaining=remaining, reset_us=reset_us, at_us=at_us)


@cache
def limiter(url: str) -> ValkeyLimiter:
    """Return this process's limiter."""
    return ValkeyLimiter(url)


def _connection(url: SplitResult) -> Valkey:
    host, port, name = url.hostname or "", url.port or 6379, url.username or ""
    local = _is_loopback(host)
    return Valkey(
        host=host,
        port=port,
        protocol=2,
        # Neither is worth a round trip, or a permission.
        lib_name=None,
        lib_version=None,
        socket_connect_timeout=_TIMEOUT_S,
        socket_timeout=_TIMEOUT_S,
        # Lambda freezes a process between requests, and the server closes what is idle: one more try, on a new
        # connection. What timed out would time out again.
        retry=Retry(NoBackoff(), 1, supported_errors=(LostConnectionError,)),
        retry_on_error=[LostConnectionError],
        ssl=not local,
        credential_provider=None if local else IamToken(name),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class IamToken(CredentialProvider):
    """The name and a fresh IAM token for each new connection, as ElastiCache takes them for a password.

    The token is a request to connect, presigned by Signature Version 4, without its scheme:
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def get_credentials(self) -> tuple[str, str]:
        """Return the user's name and a token that is good for a quarter of an hour."""
        session = boto3.Session()
        query = urlencode({"Action": "connect", "User": self._name, "ResourceType": "ServerlessCache"})
        request = AWSRequest(method="GET", url=f"http://{self._name}/?{query}")
        credentials = session.get_credentials()
        SigV4QueryAuth(credentials, "elasticache", session.region_name, expires=_TOKEN_S).add_auth(request)
        return self._name, str(request.url).removeprefix("http://")
