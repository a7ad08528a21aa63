"""What the embedded cloud adds to the emulator it is built on, one module a service."""

from collections.abc import Callable

from sandbox.extension.pinned import require_pinned_version
from sandbox.extension.workspace import Workspace

__all__ = ["apply"]


def apply(workspace: Workspace) -> Callable[[], None]:
    """Extend the emulator in this process; call it before the emulator starts.

    Parameters
    ----------
    workspace
        Where state goes.

    Returns
    -------
    Callable
        Stops every process that jobs and functions started.

    Raises
    ------
    UnsupportedEmulatorError
        The installed emulator is not the pinned version.
    """
    require_pinned_version()
    # The emulator reads its settings from the environment when it is imported.
    from sandbox.extension import (  # noqa: PLC0415
        admin,
        archive,
        batch,
        bucket_deployment,
        cdn,
        cloudformation,
        cloudwatch,
        dynamodb,
        events,
        function_failures,
        functions,
        http_api,
        keys,
        multipart,
        network,
        on_disk,
        parameters,
        passing_time,
        replicas,
        secrets,
        sftp,
        sign_in,
        stepfunctions,
        storage,
        valkey,
    )
    from sandbox.extension.declared_only import DeclaredOnly  # noqa: PLC0415

    scheduler, api = batch.apply(workspace)
    multipart.apply(workspace)
    stop_caches = valkey.apply(workspace)
    on_disk.apply()
    stepfunctions.apply(scheduler=scheduler, api=api)
    passing_time.apply(scheduler)
    for service in (
        cloudformation,
        storage,
        replicas,
        archive,
        sftp,
        cdn,
        network,
        dynamodb,
        http_api,
        cloudwatch,
        functions,
        function_failures,
        events,
        parameters,
        secrets,
        keys,
        sign_in,
        bucket_deployment,
    ):
        service.apply()
    declared = DeclaredOnly(workspace)
    declared.apply()
    admin.apply(declared)

    def stop() -> None:
        scheduler.shut_down()
        stop_caches()
        functions.stop_workers()

    return stop
