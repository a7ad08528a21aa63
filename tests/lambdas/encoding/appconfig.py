"""AppConfig with one profile, as far as the farm's mode needs it: moto has no deployments."""

import io

from botocore.exceptions import ClientError, EndpointConnectionError

NORMAL_VERSION = "1"
IDS = {
    "mode_application": "app",
    "mode_environment": "env",
    "mode_profile": "prof",
}


class AppConfig:
    """Both of its services. What it was given is served at once, unless `slow`: then it is under way until `settle`."""

    def __init__(self, content):
        self.versions = {1: (content, None)}
        self.deployments = [{"DeploymentNumber": 1, "ConfigurationVersion": "1", "State": "COMPLETE"}]
        self.slow = self.away = False

    def settle(self):
        self.deployments[-1]["State"] = "COMPLETE"

    @property
    def served(self):
        newest = next(each for each in reversed(self.deployments) if each["State"] == "COMPLETE")
        return self.versions[int(newest["ConfigurationVersion"])][0]

    def list_deployments(self, **asked):
        _about(asked, ApplicationId="app", EnvironmentId="env")
        return {"Items": list(reversed(self.deployments))[: asked["MaxResults"]]}

    def list_hosted_configuration_versions(self, **asked):
        _about(asked, ApplicationId="app", ConfigurationProfileId="prof")
        found = [
            {"VersionNumber": number} | ({"VersionLabel": label} if label else {})
            for number, (_, label) in sorted(self.versions.items(), reverse=True)
        ]
        return {"Items": found[: asked["MaxResults"]]}

    def create_hosted_configuration_version(self, **asked):
        _about(asked, ApplicationId="app", ConfigurationProfileId="prof", ContentType="application/json")
        self._answer()
        number = max(self.versions) + 1
        self.versions[number] = (asked["Content"], asked["VersionLabel"])
        return {"VersionNumber": number}

    def delete_hosted_configuration_version(self, **asked):
        _about(asked, ApplicationId="app", ConfigurationProfileId="prof")
        del self.versions[asked["VersionNumber"]]

    def start_deployment(self, **asked):
        _about(asked, ApplicationId="app", EnvironmentId="env")
        _about(asked, ConfigurationProfileId="prof", DeploymentStrategyId="strategy")
        self._answer()
        if self.deployments[-1]["State"] == "DEPLOYING":
            raise ClientError({"Error": {"Code": "ConflictException"}}, "StartDeployment")
        _, label = self.versions[int(asked["ConfigurationVersion"])]
        self.deployments.append(
            {
                "DeploymentNumber": len(self.deployments) + 1,
                "ConfigurationVersion": asked["ConfigurationVersion"],
                "State": "DEPLOYING" if self.slow else "COMPLETE",
            }
            | ({"VersionLabel": label} if label else {})
        )

    def start_configuration_session(self, **asked):
        _about(asked, ApplicationIdentifier="app", EnvironmentIdentifier="env", ConfigurationProfileIdentifier="prof")
        self._answer()
        return {"InitialConfigurationToken": "token"}

    def get_latest_configuration(self, **asked):
        _about(asked, ConfigurationToken="token")
        return {"Configuration": io.BytesIO(self.served)}

    def _answer(self):
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://appconfig.example")


def _about(asked, **ids):
    assert {name: asked[name] for name in ids} == ids
