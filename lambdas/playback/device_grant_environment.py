"""The environment of each function of the device grant."""

from __future__ import annotations

from lambdas.common.environment import Environment


class DeviceCodeEnvironment(Environment):
    """Of `device_code`."""

    device_grants_table: str
    device_client_id: str
    user_pool_id: str
    page_client_id: str


class DeviceTokenEnvironment(Environment):
    """Of `device_token`."""

    device_grants_table: str
    device_client_id: str


class ApproveEnvironment(Environment):
    """Of `approve_device`."""

    device_grants_table: str
    security_table: str
    page_client_id: str


class DeviceGrantsEnvironment(Environment):
    """Of `device_request` and `challenge`."""

    device_grants_table: str
