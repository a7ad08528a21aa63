"""What delivery says to AWS while it is deployed."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.objects import write_json
from lambdas.delivery.edge_keys import import_document
from lambdas.delivery.models import EdgeKeysProperties
from lambdas.playback.models import EdgeKey


@transient_errors()
def publish(properties: EdgeKeysProperties) -> None:
    """Copy the token key from the secret to where the edge's store imports it from."""
    # Not the process's own client: the secret may lie in another region than the function.
    secrets = boto3.client("secretsmanager", region_name=properties.secret_region)
    answer = secrets.get_secret_value(SecretId=properties.secret_arn)
    document = import_document(EdgeKey.model_validate_json(answer["SecretString"]))
    write_json(bucket=properties.bucket, key=properties.key, text=document)


@transient_errors()
def withdraw(properties: EdgeKeysProperties) -> None:
    """Remove the copy; a bucket that is gone already has taken it along."""
    try:
        client("s3").delete_object(Bucket=properties.bucket, Key=properties.key)
    except ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
