"""Secrets declared in a template."""

import pytest

pytestmark = pytest.mark.embedded


def test_a_secret_is_referred_to_by_its_arn(aws, deploy):
    def resources(description):
        properties = {"Description": description, "SecretString": "s"}
        return {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}

    arn = deploy(resources("one"), {"Ref": {"Ref": "Secret"}})["Ref"]
    secrets = aws("secretsmanager")
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "s"
    deploy.update(deploy.stack, resources("two"))
    assert secrets.describe_secret(SecretId=arn)["Description"] == "two"
    deploy.delete(deploy.stack)
    assert arn not in [secret["ARN"] for secret in secrets.list_secrets()["SecretList"]]
