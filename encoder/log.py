"""One line of JSON a record on standard output, so that the tail of a job's log can be read by a machine."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGGER = logging.getLogger("encoder")


class _JsonLines(logging.Formatter):
    def __init__(self, *, task: str) -> None:
        super().__init__()
        self._task = task

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "task": self._task,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start_logging(*, task: str) -> None:
    """Send the encoder's records to standard output, each marked with `task`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(task=task))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def say(message: str, **facts: object) -> None:
    """Log `message` with `facts` as fields of its line."""
    LOGGER.info(message, extra={"facts": facts})
