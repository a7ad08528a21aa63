"""What the command says when it cannot do what it was asked for: what is wrong, where, and what to do."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

COMMANDS = ("demo", "up", "down", "upload", "status", "titles", "versions", "rollback")
MANIFEST = {
    "schema_version": 2,
    "studio": "blender",
    "title": {"title_id": "a-film", "name": "A film"},
    "rights": [{"territories": ["WORLD"], "starts_at": "2026-01-01T00:00:00Z"}],
    "files": [{"name": "film.mov", "role": "feature", "size_bytes": 4, "sha256": "0" * 64}],
}


@pytest.fixture
def delivery(tmp_path):
    """Make a delivery's folder; `manifest` may be anything, `files` are made with four bytes each."""

    def make(manifest=None, *, files=("film.mov",)):
        folder = tmp_path / "delivery"
        folder.mkdir()
        for name in files:
            (folder / name).write_bytes(b"film")
        if manifest is not None:
            text = manifest if isinstance(manifest, str) else json.dumps(manifest)
            (folder / "manifest.json").write_text(text)
        return folder

    return make


def test_help_names_every_command(marquee):
    result = marquee("--help")
    assert result.exit_code == 0
    assert [command for command in COMMANDS if f" {command} " in result.output] == list(COMMANDS)


def test_without_a_command_it_helps(marquee):
    assert "Usage:" in marquee().output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(marquee, command):
    result = marquee(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_an_unknown_command_is_a_usage_error(marquee):
    assert marquee("publish-everything").exit_code == 2


@pytest.mark.parametrize("command", ["down", "status", "titles"])
def test_where_nothing_runs_the_remedy_is_named(marquee, command):
    result = marquee(command)
    assert result.exit_code == 1
    assert "No embedded cloud runs in" in result.output
    assert "Start one with: marquee up" in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["down", "status", "titles"])
def test_a_cloud_that_has_died_is_told_from_one_that_never_was(marquee, main, command):
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as dead:
        dead.wait()
    main.common.CLOUD_DIR.mkdir(parents=True)
    state = {"pid": dead.pid, "port": 1, "sftp_port": 2, "endpoint": "http://127.0.0.1:1"}
    (main.common.CLOUD_DIR / "cloud.json").write_text(json.dumps(state))
    result = marquee(command)
    assert result.exit_code == 1
    assert "has ended. Start one with: marquee up" in result.output


def test_a_delivery_that_is_not_there_is_a_usage_error(marquee, tmp_path):
    result = marquee("upload", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.output


def test_a_delivery_without_a_manifest_is_named(marquee, delivery):
    result = marquee("upload", delivery())
    assert result.exit_code == 1
    assert "manifest.json is missing" in result.output
    assert "docs/ingestion.md" in result.output


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ('{"schema_version": 1', "manifest.json: "),
        ('{"studio": "a", "studio": "b"}', "stands twice"),
        ("[]", "Input should be an object"),
        (MANIFEST | {"title": {"title_id": "a-film"}}, "title.name: Field required"),
        (MANIFEST | {"studio": "Blender!"}, "studio: String should match pattern"),
        (MANIFEST | {"files": [MANIFEST["files"][0] | {"sha256": "abc"}]}, "files.0.sha256: String should match"),
        (MANIFEST | {"files": []}, "exactly one file of role 'feature', not 0"),
        (MANIFEST | {"studios": 1}, "studios: Extra inputs are not permitted"),
    ],
)
def test_a_broken_manifest_is_told_by_its_field(marquee, delivery, manifest, told):
    result = marquee("upload", delivery(manifest))
    assert result.exit_code == 1
    assert "manifest.json is not a delivery manifest" in result.output
    assert told in result.output


def test_every_broken_field_is_told_at_once(marquee, delivery):
    result = marquee("upload", delivery({"schema_version": 1, "title": {"title_id": "A"}}))
    told = ["schema_version:", "studio: Field required", "title.title_id:", "title.name:", "files: Field required"]
    assert [field for field in told if field in result.output] == told


def test_a_delivery_needs_a_platform(marquee, delivery):
    result = marquee("upload", delivery(MANIFEST))
    assert result.exit_code == 1
    assert "Start one with: marquee up" in result.output


@pytest.mark.parametrize("name", ["my film", "../elsewhere", "[/]", ".hidden", "x" * 129])
def test_a_delivery_needs_a_plain_name(marquee, delivery, name):
    result = marquee("upload", delivery(MANIFEST), "--delivery", name)
    assert result.exit_code == 1
    assert "cannot be a delivery's name" in result.output
    assert "--delivery" in result.output


def test_a_file_that_the_manifest_names_must_be_there(marquee, delivery):
    result = marquee("upload", delivery(MANIFEST, files=()))
    assert result.exit_code == 1
    assert "film.mov is missing" in result.output


def test_a_file_of_another_size_than_the_manifest_says_is_not_sent(marquee, delivery):
    result = marquee("upload", delivery(MANIFEST | {"files": [MANIFEST["files"][0] | {"size_bytes": 5}]}))
    assert result.exit_code == 1
    assert "film.mov has 4 bytes" in result.output
    assert "says 5" in result.output


def test_a_delivery_is_sent_for_its_own_studio_only(marquee, delivery):
    result = marquee("upload", delivery(MANIFEST), "--studio", "northlight")
    assert result.exit_code == 1
    assert "studio: the manifest says 'blender'" in result.output


def test_a_single_file_is_somebodys(marquee, delivery):
    result = marquee("upload", delivery() / "film.mov")
    assert result.exit_code == 1
    assert "--studio" in result.output


@pytest.mark.parametrize("name", ["my film.mov", "-film.mov"])
def test_a_single_file_needs_a_plain_name(marquee, tmp_path, name):
    (tmp_path / name).write_bytes(b"film")
    result = marquee("upload", "--studio", "blender", "--delivery", "d", "--", tmp_path / name)
    assert result.exit_code == 1
    assert "cannot be a file's name" in result.output


@pytest.fixture
def credentials(main, tmp_path):
    """What a studio signs in with, at a site where nobody answers."""
    from uploader.credentials import Credentials  # noqa: PLC0415 - needs what the command needs

    path = tmp_path / "studio.json"
    Credentials(studio="blender", site="http://127.0.0.1:1", client_id="c", username="u", password="p").save(path)
    return path


def test_an_upload_that_nobody_answers_may_succeed_later(marquee, delivery, credentials):
    result = marquee("upload", delivery(MANIFEST), "--credentials", credentials, "--patience", "0")
    assert result.exit_code == 75
    assert "no answer from 127.0.0.1:1" in result.output
    assert "Run the same command again: it goes on where it was." in result.output


def test_what_holds_no_credentials_is_named(marquee, delivery, tmp_path):
    (tmp_path / "studio.json").write_text("{}")
    result = marquee("upload", delivery(MANIFEST), "--credentials", tmp_path / "studio.json")
    assert result.exit_code == 1
    assert "studio.json holds no credentials" in result.output


class _Demo:
    """A demo whose film cannot be rendered."""

    def __init__(self, *, console):
        from sandbox.steps import Steps  # noqa: PLC0415

        self.steps = Steps(console)

    def film(self):
        with self.steps.step("Render the sample film", remedy="run `make setup` again"):
            raise OSError("no space left")

    @contextmanager
    def up(self, **_):
        with self.steps.step("Synthesise the stacks", remedy="read synth.log"):
            raise RuntimeError("a finding of the policy packs")
        yield


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("demo", "Render the sample film failed. no space left What to do: run `make setup` again"),
        ("up", "Synthesise the stacks failed. a finding of the policy packs What to do: read synth.log"),
    ],
)
def test_a_step_that_fails_ends_the_command_with_its_remedy(marquee, main, monkeypatch, command, told):
    monkeypatch.setattr(main, "Demo", _Demo)
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)  # the command's own end is not this process's
    result = marquee(command)
    assert result.exit_code == 1
    assert told in result.output
    assert result.stdout == ""


def test_an_interrupted_demo_ends_quietly(marquee, main, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Demo, "film", interrupted)
    monkeypatch.setattr(main, "Demo", _Demo)
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)
    result = marquee("demo")
    assert result.exit_code == 0
    assert "Stopped." in result.output
