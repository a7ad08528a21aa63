from datetime import UTC, datetime

import boto3
import pytest

from lambdas.catalog.store import CatalogStore
from lambdas.common.aws import client

TABLE = "titles"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def table(aws):
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "listing", "name")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "published",
                "KeySchema": [
                    {"AttributeName": "listing", "KeyType": "HASH"},
                    {"AttributeName": "name", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return boto3.resource("dynamodb").Table(TABLE)


@pytest.fixture
def store(table):
    return CatalogStore(TABLE)
