"""AWS Signature Version 4A, which CloudFront's key value stores ask for; boto3 has it only with a compiled package.

Source: "Asymmetric Signature Version 4 (SigV4a)" of the IAM user guide, and NIST SP 800-108 for the derived key. The
tests compare it with `awscrt`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ALGORITHM = "AWS4-ECDSA-P256-SHA256"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (SEC 2, 2.4.2)."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Whose signature it is."""

    access_key: str
    secret_key: str
    token: str | None = None


def signed_headers(
    *,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    credentials: Credentials,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """Return `headers` with what signs a request for any region.

    Parameters
    ----------
    url
        As it is sent, percent-encoded, with its query's parameters in alphabetical order.
    """
    parts = urlsplit(url)
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    everything = {
        **{name.lower(): value for name, value in headers.items()},
        "host": parts.netloc,
        "x-amz-date": moment,
        "x-amz-region-set": "*",
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    if credentials.token:
        everything["x-amz-security-token"] = credentials.token
    names = sorted(everything)
    canonical = "\n".join(
        (
            method,
            # Every service but S3 encodes the path once more.
            quote(parts.path, safe="/~"),
            parts.query,
            *(f"{name}:{everything[name].strip()}" for name in names),
            "",
            ";".join(names),
            everything["x-amz-content-sha256"],
        )
    )
    scope = f"{now:%Y%m%d}/{service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = signing_key(credentials.access_key, credentials.secret_key)
    signature = key.sign(to_sign.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return everything | {
        "authorization": f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    }


@cache
def signing_key(access_key: str, secret_key: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key that a secret access key stands for."""
    for counter in range(1, 255):
        fixed = b"\x00\x00\x00\x01" + ALGORITHM.encode() + b"\x00" + access_key.encode() + bytes([counter])
        derived = hmac.digest(b"AWS4A" + secret_key.encode(), fixed + b"\x00\x00\x01\x00", "sha256")
        candidate = int.from_bytes(derived, "big")
        if candidate <= _ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1())
    raise ValueError("no key can be derived of these credentials")  # of one in 2^8000
