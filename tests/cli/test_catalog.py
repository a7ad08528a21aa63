"""What an operator sees of a title's versions, of a rollback, and of packaging anew."""

import pytest

from tests.lambdas import samples

OPERATOR = "arn:aws:iam::111122223333:user/ada"
FIRST, SECOND = "v0000000000000001", "v0000000000000002"


@pytest.fixture
def platform(main, monkeypatch):
    """The deployed functions, as they would answer; what they were called with is in `asked`."""
    from cli import catalog  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        answer, asked, error = {}, [], None

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if self.error:
                raise OperationError(*self.error)
            return self.answer

    running = Platform()
    monkeypatch.setattr(catalog.common, "platform", lambda: running)
    monkeypatch.setattr(catalog, "operate", running.operate)
    monkeypatch.setattr(catalog, "caller", lambda _: OPERATOR)
    return running


def version(version_id, **changes):
    return {
        "version_id": version_id,
        "state": "published",
        "studio": samples.STUDIO,
        "delivery_id": "reel-2",
        "priority": "licensed",
        "delivered_at": "2026-11-02T09:30:00Z",
        "accepted_at": "2026-11-02T09:31:00Z",
        "packaged_at": "2026-11-02T09:40:00Z",
        "published_at": "2026-11-02T09:41:00Z",
        "verified": True,
        "renditions": [{"rung": "1080p"}, {"rung": "720p"}],
        "vmaf_top": 95.31,
        "rights": [],
        "facts": {},
        "campaign": None,
        "replaces": None,
        "degraded": False,
        "ladder": None,
    } | changes


def test_versions_are_shown_with_the_current_one_marked_and_the_audit_trail(platform, marquee):
    encoding = {"state": "encoding", "published_at": None, "packaged_at": None, "verified": False, "renditions": []}
    platform.answer = {
        "title_id": samples.TITLE,
        "current_version": FIRST,
        "revision": 1,
        "versions": [version(SECOND, **encoding, vmaf_top=None), version(FIRST)],
        "audit": [
            {
                "revision": 1,
                "action": "publish",
                "version_id": FIRST,
                "previous_version": None,
                "at": "2026-11-02T09:41:00Z",
                "by": "catalog",
                "reason": "",
            }
        ],
    }
    result = marquee("versions", samples.TITLE)
    assert result.exit_code == 0
    assert platform.asked == [("catalog", "VersionsFunction", {"title_id": samples.TITLE})]
    for part in ("2026-11-02 09:30:00", "1080p 720p", "95.3", "blender/reel-2", "encoding", "catalog"):
        assert part in result.output
    rows = [row for row in result.output.split("│") if row.strip() in {"▶", FIRST, SECOND}]
    assert [row.strip() for row in rows][:3] == [SECOND, "▶", FIRST]


def test_a_title_that_is_only_encoding_says_so(platform, marquee):
    platform.answer = {
        "title_id": samples.TITLE,
        "current_version": None,
        "revision": 0,
        "versions": [version(FIRST, state="encoding", published_at=None)],
        "audit": [],
    }
    assert "Nothing was published yet." in marquee("versions", samples.TITLE).output


@pytest.mark.parametrize(("changed", "told"), [(True, f"and was {SECOND}"), (False, "already")])
def test_a_rollback_names_who_asked_and_says_what_became_of_it(platform, marquee, changed, told):
    platform.answer = {
        "title_id": samples.TITLE,
        "version_id": FIRST,
        "revision": 3,
        "replaced": SECOND if changed else None,
        "changed": changed,
    }
    result = marquee("rollback", samples.TITLE, "--to", FIRST, "--reason", "blurred")
    assert result.exit_code == 0
    assert platform.asked == [
        (
            "catalog",
            "RollbackFunction",
            {"title_id": samples.TITLE, "to": FIRST, "by": OPERATOR, "reason": "blurred"},
        )
    ]
    assert told in result.output
    assert "revision 3" in result.output


@pytest.mark.parametrize("command", [("versions", "x"), ("rollback", "x", "--to", FIRST)])
def test_what_the_catalog_refuses_is_told_with_its_remedy(platform, marquee, command):
    platform.error = ("UnknownTitleError", "there is no published title 'x': `marquee titles` lists them")
    result = marquee(*command)
    assert result.exit_code == 1
    assert "UnknownTitleError: there is no published title 'x': `marquee titles` lists them" in result.output


def test_a_rollback_needs_a_version(platform, marquee):
    assert marquee("rollback", samples.TITLE).exit_code == 2
    assert platform.asked == []


@pytest.mark.parametrize(("options", "new_keys"), [(("--new-keys",), True), ((), False)])
def test_packaging_anew_is_asked_of_the_catalog(platform, marquee, options, new_keys):
    platform.answer = {"title_id": samples.TITLE, "version_id": SECOND, "replaces": FIRST, "new": True, "state": None}
    result = marquee("repackage", samples.TITLE, *options)
    assert result.exit_code == 0
    asked = {"title_id": samples.TITLE, "new_keys": new_keys, "by": OPERATOR}
    assert platform.asked == [("catalog", "RepackageFunction", asked)]
    assert f"{samples.TITLE} {FIRST} is being packaged anew, as {SECOND}" in result.output


def test_what_was_packaged_anew_before_is_told_with_its_state(platform, marquee):
    platform.answer = {
        "title_id": samples.TITLE, "version_id": SECOND, "replaces": FIRST, "new": False, "state": "published",
    }  # fmt: skip
    result = marquee("repackage", samples.TITLE)
    assert f"was packaged anew before, as {SECOND}, which is published" in result.output
