"""What AWS charges for requests and computing: list prices of the same region and month as `models.prices`.

Storage and transfer are there, what bills while idle in `models.idle_cost`, the farm's hosts in
``lambdas/encoding/prices.json``. Entered by hand: check them against the pages before money depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.prices import Rate, Step

_MILLION = 1_000_000


def _rate(*steps: tuple[float, float], unit: str, source: str) -> Rate:
    return Rate(steps=tuple(Step(above, usd) for above, usd in steps), unit=unit, source=f"aws.amazon.com/{source}")


def _by_the_million(usd: float, source: str) -> Rate:
    return _rate((0, usd / _MILLION), unit="request", source=source)


USE_PRICES: Mapping[str, Rate] = {
    "Lambda request": _by_the_million(0.20, "lambda/pricing: requests"),
    "Lambda GB-second": _rate(
        (0, 0.0000133334),
        (7_500_000_000, 0.0000120001),
        (18_750_000_000, 0.0000106667),
        unit="GB-second",
        source="lambda/pricing: duration on Arm, the first 7.5 billion, the next 11.25, and what is over",
    ),
    "HTTP API request": _rate(
        (0, 1.00 / _MILLION),
        (300 * _MILLION, 0.90 / _MILLION),
        unit="request",
        source="api-gateway/pricing: HTTP APIs, the first 300 million and what is over",
    ),
    "DynamoDB write": _by_the_million(
        0.625, "dynamodb/pricing/on-demand: write request units; a transaction takes two"
    ),
    "DynamoDB read": _by_the_million(0.125, "dynamodb/pricing/on-demand: read request units, consistent reads of 4 KB"),
    "state transition": _by_the_million(25.0, "step-functions/pricing: standard workflows"),
    "KMS request": _by_the_million(3.0, "kms/pricing: 0.03 for 10,000 requests"),
    "log GB": _rate(
        (0, 0.50),
        (10_000, 0.25),
        (30_000, 0.10),
        (50_000, 0.05),
        unit="GB",
        source="cloudwatch/pricing: vended logs to CloudWatch Logs, standard class, as those of functions, HTTP APIs "
        "and web ACLs are: the first 10 TB, the next 20, the next 20, and what is over",
    ),
    "log GB-month": _rate((0, 0.03), unit="GB-month", source="cloudwatch/pricing: logs stored, compressed"),
    "trace": _by_the_million(5.0, "xray/pricing: traces recorded"),
    "CloudFront request": _by_the_million(1.0, "cloudfront/pricing: HTTPS requests, United States: 0.01 for 10,000"),
    "edge function run": _by_the_million(0.10, "cloudfront/pricing: CloudFront Functions"),
    "web ACL request": _by_the_million(
        0.60, "waf/pricing: requests, up to 1,500 units of rules' capacity; 500 MB of log a million are in it"
    ),
    "monthly user, Lite": _rate((0, 0.0055), unit="user", source="cognito/pricing: monthly active users, Lite"),
    "monthly user, Essentials": _rate((0, 0.015), unit="user", source="cognito/pricing: the same, Essentials"),
    "monthly user, Plus": _rate((0, 0.020), unit="user", source="cognito/pricing: the same, Plus"),
    "label minute": _rate((0, 0.10), unit="minute", source="rekognition/pricing: labels of stored video"),
    "SFTP GB": _rate((0, 0.04), unit="GB", source="aws-transfer-family/pricing: data uploaded"),
}
