"""The function on the stream of the progress table: it undoes what a global table got wrong.

DynamoDB lets the later write win, and not the later report. So a write of another Region may replace a newer report
here, while the two have not heard of each other.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.attributes import from_dynamodb
from lambdas.common.handling import Payload, entry_point
from lambdas.playback.environment import ReplicationEnvironment
from lambdas.playback.models import Progress
from lambdas.playback.progress import merged
from lambdas.playback.store import ProgressTable

_processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


@entry_point
def merge_progress(event: Payload, context: LambdaContext) -> Payload:
    """Write a report back that an older one has replaced, unless a newer is there by now.

    Whatever is written back is newer than what it replaces, so it comes to an end, however often a record is delivered
    and in whatever order.

    Returns
    -------
    Payload
        ``batchItemFailures``: the first record that could not be handled.
    """
    environment = ReplicationEnvironment.load()

    def handle(record: DynamoDBRecord) -> None:
        images = record.raw_event["dynamodb"]
        replaced, present = (Progress.model_validate(from_dynamodb(images[name])) for name in ("OldImage", "NewImage"))
        if merged(replaced, present) != present:
            ProgressTable(environment.progress_table).put_if_newer(replaced)

    answer: Any = process_partial_response(event=event, record_handler=handle, processor=_processor, context=context)
    return dict(answer)
