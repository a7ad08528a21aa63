"""What delivery says to AWS while it is deployed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors
from lambdas.common.objects import write_json
from lambdas.delivery.edge_keys import import_document
from lambdas.delivery.models import EdgeKeysProperties, SignInProperties
from lambdas.delivery.sign_in import Client
from lambdas.playback.models import EdgeKey


@transient_errors()
def publish(properties: EdgeKeysProperties) -> EdgeKey:
    """Copy the token key from the secret to where the edge's store imports it from; return it."""
    # Not the process's own client: the secret may lie in another region than the function.
    secrets = boto3.client("secretsmanager", region_name=properties.secret_region)
    answer = secrets.get_secret_value(SecretId=properties.secret_arn)
    key = EdgeKey.model_validate_json(answer["SecretString"])
    write_json(bucket=properties.bucket, key=properties.key, text=import_document(key))
    return key


@transient_errors()
def withdraw(properties: EdgeKeysProperties) -> None:
    """Remove the copy; a bucket that is gone already has taken it along."""
    try:
        client("s3").delete_object(Bucket=properties.bucket, Key=properties.key)
    except ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise


@transient_errors()
def change_client(
    properties: SignInProperties, change: Callable[[Client], dict[str, Any]], *, missing_ok: bool = False
) -> None:
    """Change the client with which the page signs in; with `missing_ok`, one that is gone needs no change."""
    # As above: the pool may lie in another region.
    cognito = client("cognito-idp", region=properties.region)
    try:
        rewrite_client(cognito, user_pool_id=properties.user_pool_id, client_id=properties.client_id, change=change)
    except cognito.exceptions.ResourceNotFoundException:
        if not missing_ok:
            raise


def rewrite_client(
    cognito: Any,  # noqa: ANN401 - boto3 makes it
    *,
    user_pool_id: str,
    client_id: str,
    change: Callable[[Client], dict[str, Any]],
) -> None:
    """Read a client's whole configuration, and write it back as `change` returns it."""
    described = cognito.describe_user_pool_client(UserPoolId=user_pool_id, ClientId=client_id)["UserPoolClient"]
    changed = change(described)
    # What Cognito describes has more fields than it lets anybody write.
    writable = cognito.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members
    cognito.update_user_pool_client(**{name: changed[name] for name in writable if name in changed})
