"""What playback's tables have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from botocore.exceptions import ClientError
from pydantic import BaseModel

from lambdas.common.attributes import Item, from_dynamodb, to_dynamodb
from lambdas.common.aws import client, condition_failed, transient_errors

RecordT = TypeVar("RecordT", bound=BaseModel)


class Table:
    """One DynamoDB table. Reads are consistent: a session is used the moment after it was made."""

    def __init__(self, name: str) -> None:
        self._name = name

    @transient_errors()
    def _get(self, model: type[RecordT], /, **key: str) -> RecordT | None:
        answer = client("dynamodb").get_item(TableName=self._name, Key=to_dynamodb(key), ConsistentRead=True)
        return model.model_validate(from_dynamodb(answer["Item"])) if "Item" in answer else None

    @transient_errors()
    def _put(self, item: Item, *, condition: str = "", values: Mapping[str, object] | None = None) -> bool:
        """Write `item`; say whether `condition` let it."""
        conditional: Item = {"ConditionExpression": condition} if condition else {}
        if values:
            conditional["ExpressionAttributeValues"] = to_dynamodb(values)
        try:
            client("dynamodb").put_item(TableName=self._name, Item=to_dynamodb(item), **conditional)
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True
