"""The embedded cloud's server process: ``python -m sandbox.server``.

Started by :class:`sandbox.cloud.EmbeddedCloud`, which sets its environment.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from sandbox.extension import apply
from sandbox.extension.pinned import patch
from sandbox.extension.workspace import Workspace

LIFELINE_VARIABLE: Final = "MARQUEE_LIFELINE"


def main() -> None:
    """Extend the emulator and serve until a signal, or until the parent process is gone."""
    workspace = Workspace.from_environment()
    workspace.create()
    end = _ender(apply(workspace))
    if os.environ.get(LIFELINE_VARIABLE) == "1":
        threading.Thread(target=_watch_parent, args=(end,), daemon=True).start()
    _end_on_signals(end)

    from ministack.app import main as serve  # noqa: PLC0415  # reads its settings when imported

    # The emulator parses the command line; ours is not for it.
    sys.argv = sys.argv[:1]
    serve()


def _ender(stop: Callable[[], None]) -> Callable[[], None]:
    once = threading.Lock()

    def end() -> None:
        if not once.acquire(blocking=False):
            return
        try:
            stop()
        finally:
            # State is in memory only, so there is nothing to finish; and an orderly exit would wait for every
            # thread that waits for a job, a function or a custom resource.
            os._exit(0)

    return end


def _watch_parent(end: Callable[[], None]) -> None:
    """Standard input is a pipe that the parent never writes to: it ends when the parent does."""
    sys.stdin.read()
    end()


def _end_on_signals(end: Callable[[], None]) -> None:
    import hypercorn.asyncio  # noqa: PLC0415  # the emulator brings it

    async def serve(app: object, config: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: threading.Thread(target=end, daemon=True).start())
        await stock(app, config, shutdown_trigger=asyncio.Event().wait)

    stock: Any = patch(
        hypercorn.asyncio, "serve", serve, why="Stock waits on its way out for every request and thread in flight"
    )


if __name__ == "__main__":
    main()
