"""The data plane of CloudFront's key value stores."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import boto3

from lambdas.common.clock import now
from lambdas.common.errors import ConflictError, TransientError
from lambdas.delivery.sigv4a import Credentials, signed_headers

_SERVICE = "cloudfront-keyvaluestore"
_PATIENCE_S = 5
_CONFLICT, _PRECONDITION = 409, 412


class KeyValueStore:
    """One store, by its ARN.

    Every change names the state that it was decided on (``ETag``), so that none is made on top of another's unseen.
    """

    def __init__(self, arn: str) -> None:
        account = arn.split(":")[4]
        # As the SDK does, which cannot sign for this service without a compiled part.
        endpoint = os.environ.get("AWS_ENDPOINT_URL", f"https://{account}.cloudfront-kvs.global.api.aws")
        self._url = f"{endpoint}/key-value-stores/{quote(arn, safe='')}"

    def etag(self) -> str:
        """Return the name of the store's state."""
        return self._send("GET", self._url)[1]

    def entries(self) -> dict[str, str]:
        """Return everything in the store."""
        found: dict[str, str] = {}
        token: str | None = None
        while True:
            asked = {"MaxResults": "50", **({"NextToken": token} if token else {})}
            page, _ = self._send("GET", f"{self._url}/keys?{urlencode(sorted(asked.items()), quote_via=quote)}")
            found |= {item["Key"]: item["Value"] for item in page.get("Items", ())}
            token = page.get("NextToken")
            if not token:
                return found

    def change(self, change: Mapping[str, Any], *, etag: str) -> str:
        """Put and delete entries, all or none; return the name of the new state.

        Raises
        ------
        ConflictError
            If the store's state is not `etag` any more.
        """
        return self._send("POST", f"{self._url}/keys", body=json.dumps(change).encode(), headers={"if-match": etag})[1]

    @staticmethod
    def _send(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> tuple[Any, str]:
        found = boto3.Session().get_credentials()
        if found is None:
            raise TransientError("there are no credentials to sign with")
        current = found.get_frozen_credentials()
        signed = signed_headers(
            method=method,
            url=url,
            body=body,
            headers={"content-type": "application/json", **(headers or {})},
            credentials=Credentials(
                access_key=current.access_key, secret_key=current.secret_key, token=current.token or None
            ),
            service=_SERVICE,
            now=now(),
        )
        request = urllib.request.Request(url, data=body or None, method=method, headers=signed)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310 - the same
                return json.loads(answer.read() or b"{}"), str(answer.headers.get("etag", ""))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in {_CONFLICT, _PRECONDITION}:
                    raise ConflictError("the store was changed by somebody else: read it again") from error
                raise TransientError(f"the key value store answered {error.code}") from error
        except OSError as error:
            raise TransientError(f"the key value store could not be reached: {type(error).__name__}") from error
