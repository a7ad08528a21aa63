"""A job's output, line by line into CloudWatch Logs."""

import threading
import time
from typing import Any, Final

from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs

# A chatty encoder writes hundreds of lines a second; one PutLogEvents for each would cost more than the job.
_FLUSH_SECONDS: Final = 0.1


class LogStream:
    """Collects lines and hands them to CloudWatch Logs a few times a second."""

    def __init__(self, *, account: str, region: str, group: str, stream: str) -> None:
        self._scope = (account, region)
        self._group = group
        self._stream = stream
        self._pending: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        with request_scope(*self._scope):
            if group not in cloudwatch_logs._log_groups:
                cloudwatch_logs._create_log_group({"logGroupName": group})
            cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})

    def write(self, line: str) -> None:
        """Add one line."""
        with self._lock:
            self._pending.append({"timestamp": int(time.time() * 1000), "message": line or " "})
            if len(self._pending) > 1:
                return
        timer = threading.Timer(_FLUSH_SECONDS, self.flush)
        timer.daemon = True
        timer.start()

    def flush(self) -> None:
        """Deliver what was collected."""
        with self._lock:
            events, self._pending = self._pending, []
        if events:
            with request_scope(*self._scope):
                cloudwatch_logs._put_log_events(
                    {"logGroupName": self._group, "logStreamName": self._stream, "logEvents": events}
                )
