"""What an operator sees of the deliveries that wait, and what becomes of the answer."""

from datetime import UTC, datetime, timedelta

import pytest

OPERATOR = "arn:aws:iam::111122223333:user/ada"


@pytest.fixture
def platform(main, monkeypatch):
    """The deployed functions, as they would answer; what they were called with is in `asked`."""
    from cli import review  # noqa: PLC0415
    from sandbox.operating import OperationError  # noqa: PLC0415

    class Platform:
        waiting, more, asked, error = (), 0, [], None

        def operate(self, _, payload, *, context, output):
            self.asked = [*self.asked, (context, output, payload)]
            if self.error:
                raise OperationError(*self.error)
            if output == "ListReviewsFunction":
                return {"reviews": list(self.waiting), "more": self.more}
            return {"version_id": payload["version_id"], "title_id": "bunny", "approved": payload["approved"]}

    running = Platform()
    monkeypatch.setattr(review.common, "platform", lambda: running)
    monkeypatch.setattr(review, "operate", running.operate)
    monkeypatch.setattr(review, "caller", lambda _: OPERATOR)
    return running


def waits(**changes):
    span = {"start_s": 2.0, "end_s": 8.0, "first_frame": 48, "last_frame": 191, "timecode": "00:00:02:00"}
    check = {
        "check": "black",
        "verdict": "review",
        "measured": 6.0,
        "unit": "s",
        "threshold": "at most 4 s at a time",
        "message": "the longest black picture lasts 6 s",
        "at": [span],
    }
    return {
        "version_id": "v0123456789abcdef",
        "title_id": "bunny",
        "studio": "blender",
        "delivery_id": "reel-2",
        "checks": [check],
        "until": (datetime.now(UTC) + timedelta(hours=10, minutes=20)).isoformat(),
        "escalated": False,
    } | changes


def test_what_waits_is_shown_with_what_was_measured_and_where(platform, marquee):
    platform.waiting = (waits(),)
    told = marquee("review", "list").output
    for part in ("v0123456789abcdef", "blender/reel-2", "10 h left", "black", "6 s", "at most 4 s", "00:00:02:00"):
        assert part in told
    assert "escalated" not in told


def test_what_is_late_says_so(platform, marquee):
    platform.waiting = (waits(until="2026-01-01T00:00:00+00:00", escalated=True),)
    platform.more = 7
    told = marquee("review", "list").output
    assert "overdue, escalated" in told
    assert "7 more wait." in told


def test_nothing_waiting_is_said(platform, marquee):
    assert "Nothing waits" in marquee("review", "list").output


@pytest.mark.parametrize(("word", "approved"), [("approve", True), ("reject", False)])
def test_an_answer_names_who_gave_it(platform, marquee, word, approved):
    result = marquee("review", word, "v0123456789abcdef", "--note", "seen")
    assert result.exit_code == 0
    assert platform.asked == [
        (
            "ingestion",
            "DecideReviewFunction",
            {"version_id": "v0123456789abcdef", "approved": approved, "by": OPERATOR, "note": "seen"},
        )
    ]
    assert f"{word.title()}" in result.output


def test_a_rejection_without_a_note_is_a_usage_error(platform, marquee):
    assert marquee("review", "reject", "v0123456789abcdef").exit_code == 2
    assert platform.asked == []


def test_a_refusal_is_told_in_one_line(platform, marquee):
    platform.error = ("ReviewDecidedError", "v0123456789abcdef is approved already, by somebody")
    result = marquee("review", "approve", "v0123456789abcdef")
    assert result.exit_code == 1
    assert "ReviewDecidedError: v0123456789abcdef is approved already" in result.output
