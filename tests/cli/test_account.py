"""What an operator sees and changes of a viewer's account."""

import pytest

OPERATOR = "arn:aws:iam::111122223333:user/ada"
VIEWER = "viewer@example.com"


@pytest.fixture
def asked(main, monkeypatch):
    """What the platform's function was asked; it answers with an account that has what was asked for."""
    from cli import account  # noqa: PLC0415

    requests = []

    def operate(_, payload, *, context, output):
        requests.append((context, output, payload))
        kept = {"viewer_id": "s1", "plan": "standard", "territory": "US", "profiles": [], "recorded": False}
        return kept | payload["change"]

    def subject_of(_, username):
        if username != VIEWER:
            raise account.UnknownViewerError(f"there is no viewer {username!r}")
        return "s1"

    monkeypatch.setattr(account.common, "platform", lambda: None)
    monkeypatch.setattr(account, "operate", operate)
    monkeypatch.setattr(account, "subject_of", subject_of)
    monkeypatch.setattr(account, "caller", lambda _: OPERATOR)
    return requests


def test_an_account_without_a_record_says_so(marquee, asked):
    shown = marquee("account", "show", VIEWER)

    assert shown.exit_code == 0
    assert "standard (the default: there is no record)" in shown.output
    assert asked == [("playback", "AccountFunction", {"viewer_id": "s1", "change": {}, "by": OPERATOR})]


def test_what_is_named_is_changed_and_nothing_else(marquee, asked):
    shown = marquee("account", "set", VIEWER, "--plan", "premium", "--profile", "kids:7", "--profile", "ada")

    assert shown.exit_code == 0
    assert "kids, up to 7 years" in shown.output
    assert asked[0][2]["change"] == {
        "plan": "premium",
        "profiles": [
            {"profile_id": "kids", "name": "Kids", "max_age": 7},
            {"profile_id": "ada", "name": "Ada", "max_age": None},
        ],
    }


@pytest.mark.parametrize("arguments", [("set", VIEWER, "--profile", "kids:seven"), ("show", "nobody@example.com")])
def test_what_cannot_be_is_refused_before_anything_changes(marquee, asked, arguments):
    refused = marquee("account", *arguments)

    assert refused.exit_code != 0
    assert asked == []
