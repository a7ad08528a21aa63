"""Public SSM parameters, which AWS itself maintains in every account."""

from ministack.core.responses import get_account_id, request_scope
from ministack.services import ssm

from sandbox.extension.functions import PUBLIC_LAYER_ACCOUNT
from sandbox.extension.pinned import Patch, applied, require_pinned_version

_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
_POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/3.37.0"
_LAYER = "AWSLambdaPowertoolsPythonV3-python314-arm64:1"


def apply() -> None:
    """Seed the parameters that the project's templates read."""
    require_pinned_version()
    for region in _REGIONS:
        value = f"arn:aws:lambda:{region}:{PUBLIC_LAYER_ACCOUNT}:layer:{_LAYER}"
        with request_scope(get_account_id(), region):
            ssm._parameters[_POWERTOOLS] = {
                "Name": _POWERTOOLS,
                "Value": value,
                "OriginalValue": value,
                "Type": "String",
                "KeyId": "",
                "Version": 1,
                "ARN": f"arn:aws:ssm:{region}::parameter{_POWERTOOLS}",
                "LastModifiedDate": 0,
                "DataType": "text",
                "Description": "",
                "Tier": "Standard",
                "AllowedPattern": "",
            }
    applied.append(Patch(target="ssm public parameters", why="Stock knows none of AWS's own parameters"))
