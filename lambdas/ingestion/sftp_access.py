"""What a studio's SFTP user may do: the one text of it, for users of a template and for those that come later.

All studios share one role, which reaches the whole bucket. What confines a studio is the session policy of its user:
Transfer assumes the role with it, and what is not in both is not allowed. The studio's name is written out in it, and
no variable of Transfer's is needed, so it says the same wherever it is read.
"""

from __future__ import annotations

from typing import Any

OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
)
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
LONGEST_POLICY = 2048
"""What Transfer takes, in characters."""


def session_policy(*, studio: str, bucket: str, key_arn: str, region: str) -> dict[str, Any]:
    """Return the session policy of a studio's user.

    Parameters
    ----------
    studio
        Its name: its prefix in the bucket.
    bucket, region
        Where it delivers.
    key_arn
        The key that the bucket is encrypted with.
    """
    bucket_arn = f"arn:aws:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": [*OBJECT_ACTIONS], "Resource": f"{bucket_arn}/{studio}/*"},
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": bucket_arn,
                "Condition": {"StringLike": {"s3:prefix": f"{studio}/*"}},
            },
            {
                "Effect": "Allow",
                "Action": [*KEY_ACTIONS],
                "Resource": key_arn,
                "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
            },
        ],
    }


def home_directory(*, studio: str, bucket: str) -> dict[str, str]:
    """Return the one mapping of a studio's logical home directory: its root is the studio's prefix."""
    return {"Entry": "/", "Target": f"/{bucket}/{studio}"}
