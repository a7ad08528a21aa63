"""What an operator sees of the studios, and what a studio is told."""

from types import SimpleNamespace

import pytest

SITE = "http://127.0.0.1:8443"


@pytest.fixture
def platform(main, monkeypatch):
    """The onboarding, as it would answer; what it was asked is in `asked`."""
    from cli import studio  # noqa: PLC0415
    from sandbox.onboarding import Onboarded, OnboardingError, SftpAccess, StudioEntry  # noqa: PLC0415
    from uploader.credentials import Credentials  # noqa: PLC0415

    class Platform:
        asked, error, new_password, entries = [], None, True, ()

        def _ask(self, *what):
            self.asked = [*self.asked, what]
            if self.error:
                raise OnboardingError(self.error)

        def add(self, name, **options):
            self._ask("add", name, options)
            credentials = Credentials(
                studio=name, site=options["site"], client_id="c", username=f"{name}@example.com", password="S3cret-pass"
            )
            return Onboarded(
                credentials=credentials,
                new_password=self.new_password,
                sftp=SftpAccess(host="127.0.0.1", port=2222, user=name) if options["ssh_key"] else None,
                email=options["email"],
                webhook=bool(options["webhook"]),
            )

        def studios(self):
            self._ask("list")
            return self.entries

        def remove(self, name):
            self._ask("remove", name)

    running = Platform()
    running.entry = StudioEntry
    monkeypatch.setattr(studio, "_onboarding", lambda: running)
    monkeypatch.setattr(studio, "url_of_running", lambda **_: SITE)
    return running


@pytest.fixture
def key(main, tmp_path):
    import asyncssh  # noqa: PLC0415

    made = asyncssh.generate_private_key("ssh-ed25519")
    made.write_public_key(tmp_path / "id.pub")
    made.write_private_key(tmp_path / "id")
    return SimpleNamespace(public=tmp_path / "id.pub", private=tmp_path / "id")


def test_an_added_studio_is_told_where_and_how(platform, marquee, key):
    result = marquee("studio", "add", "acme", "--ssh-key", key.public, "--email", "desk@acme.example")
    assert result.exit_code == 0
    for part in (
        f"{SITE}/studio.html",
        "acme@example.com",
        "S3cret-pass",
        "sftp -P 2222 acme@127.0.0.1",
        "desk@acme.example",
    ):
        assert part in result.output


def test_a_password_that_stays_is_not_shown_again(platform, marquee):
    platform.new_password = False
    output = marquee("studio", "add", "acme").output
    assert "S3cret-pass" not in output
    assert "as it was" in output


def test_a_webhook_is_not_repeated(platform, marquee):
    output = marquee("studio", "add", "acme", "--webhook", "https://hooks.example/t0ken").output
    assert "t0ken" not in output
    assert "webhook set" in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Acme",), "no studio's name"),
        (("acme", "--webhook", "http://hooks.example/t0ken"), "begins with https://"),
        (("acme", "--ssh-key", "missing.pub"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(platform, marquee, arguments, told):
    result = marquee("studio", "add", *arguments)
    assert result.exit_code == 1
    assert told in result.output
    assert platform.asked == []


def test_a_private_key_is_refused(platform, marquee, key):
    result = marquee("studio", "add", "acme", "--ssh-key", key.private)
    assert result.exit_code == 1
    assert "private key" in result.output
    assert platform.asked == []


def test_the_list_shows_who_is_in_and_how_each_is_told(platform, marquee):
    platform.entries = (
        platform.entry(name="acme", declared=False, users=("d@a",), ssh_keys=2, emails=("x@a",), webhook=True),
        platform.entry(name="blender", declared=True, users=(), ssh_keys=0, emails=(), webhook=False),
    )
    output = marquee("studio", "list").output
    for part in ("acme", "d@a", "x@a", "2", "blender", "yes"):
        assert part in output


def test_a_removal_says_what_stays(platform, marquee):
    result = marquee("studio", "remove", "acme")
    assert platform.asked == [("remove", "acme")]
    assert "What it has delivered stays" in result.output


def test_a_refusal_is_told_in_one_line(platform, marquee):
    platform.error = "blender is declared in the settings"
    result = marquee("studio", "remove", "blender")
    assert result.exit_code == 1
    assert "OnboardingError: blender is declared" in result.output
