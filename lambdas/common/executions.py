"""Starting a state machine, once a name: events may arrive twice, executions may not."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botocore.exceptions import ClientError

from lambdas.common.aws import client, error_code, transient_errors


@transient_errors()
def start_once(*, state_machine_arn: str, name: str, payload: Mapping[str, object]) -> bool:
    """Start an execution under `name`, unless there is or was one.

    Parameters
    ----------
    state_machine_arn
        A standard (not express) state machine: only those remember their executions' names, for 90 days.
    name
        The execution's name; the same cause must give the same name.
    payload
        The execution's input.

    Returns
    -------
    bool
        Whether Step Functions accepted it. A running execution of the same name and input counts as accepted:
        Step Functions answers as if it had just been started.

    Raises
    ------
    TransientError
        If Step Functions is throttling or away.
    """
    try:
        client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn, name=name, input=json.dumps(payload, sort_keys=True)
        )
    except ClientError as error:
        if error_code(error) == "ExecutionAlreadyExists":
            return False
        raise
    return True
