"""What an operator sees of a revocation, and of the playbook of a DRM bypass."""

import pytest

from tests.lambdas import samples

OPERATOR = "arn:aws:iam::111122223333:user/ada"
SESSION = {
    "session_id": "q0N0_a-b",
    "viewer_id": "viewer-1",
    "title_id": samples.TITLE,
    "device": "Television X",
    "expires_at": 1_800_000_000,
}


@pytest.fixture
def platform(main, monkeypatch):
    """The deployed function, as it would answer; what it was called with is in `asked`."""
    from cli import revocation  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        affected, asked, error, trail = [], [], None, []

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if self.error:
                raise OperationError(*self.error)
            revoked = {"kind": payload["kind"], "subject": payload["subject"].lower()}
            return {
                "revoked": revoked,
                "audit": "2026-11-23T08:00:00Z#line",
                "affected": self.affected,
                "trail": self.trail,
            }

    running = Platform()
    monkeypatch.setattr(revocation.common, "platform", lambda: running)
    monkeypatch.setattr(revocation, "operate", running.operate)
    monkeypatch.setattr(revocation, "caller", lambda _: OPERATOR)
    return running


def test_a_revocation_is_told_with_whom_it_stopped(platform, marquee):
    platform.affected = [SESSION]

    ran = marquee("revoke", "device-model", "Television X", "--reason", "its keys leak")

    assert platform.asked == [
        (
            "playback",
            "RevokeFunction",
            {"kind": "device-model", "subject": "Television X", "reason": "its keys leak", "by": OPERATOR},
        )
    ]
    assert ran.exit_code == 0
    assert "device-model television x" in ran.output
    assert "2026-11-23T08:00:00Z#line" in ran.output
    assert SESSION["session_id"] in ran.output


def test_nothing_is_revoked_without_a_reason(platform, marquee):
    assert marquee("revoke", "key", "a" * 32).exit_code == 2
    assert marquee("revoke", "film", "x", "--reason", "y").exit_code == 2
    assert not platform.asked


def test_the_playbook_of_a_bypass_names_the_accounts_and_what_comes_next(platform, marquee):
    platform.affected = [SESSION, SESSION | {"session_id": "second"}, SESSION | {"viewer_id": "viewer-2"}]
    entry = {"kind": "device-model", "subject": "television x", "by": OPERATOR}
    platform.trail = [
        entry | {"reason": "tried on [one]", "incident": None, "revoked_at": 1_700_000_000, "affected": 1},
        entry | {"reason": "films leak", "incident": "drm-bypass", "revoked_at": 1_700_086_400, "affected": 3},
    ]

    ran = marquee("incident", "drm-bypass", "--device-model", "Television X")

    [(_, _, asked)] = platform.asked
    assert (asked["kind"], asked["incident"]) == ("device-model", "drm-bypass")
    assert "3 running sessions of 2 accounts" in ran.output
    assert "Accounts: viewer-1, viewer-2" in ran.output
    assert f"marquee repackage {samples.TITLE} --new-keys" in ran.output
    trail = (
        f"2023-11-14 22:13:20 {OPERATOR} revoked, 1 sessions ended: tried on [one] "
        f"2023-11-15 22:13:20 {OPERATOR} revoked (drm-bypass), 3 sessions ended: films leak"
    )
    assert trail in " ".join(ran.output.split())


def test_what_the_function_refuses_is_told(platform, marquee):
    platform.error = ("NotFoundError", "no session 'x' runs")

    ran = marquee("revoke", "session", "x", "--reason", "y")

    assert ran.exit_code == 1
    assert "no session 'x' runs" in ran.output
