"""Webhooks of studios: a letter in Slack's dress, and what an answer to it means."""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from lambdas.ingestion.notices import Letter, Reason

_HEADER_CHARS, _SECTION_CHARS = 150, 3000
"""What Slack allows."""
_MOST_BLOCKS = 50
_AGAIN_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 15, 900


class Outcome(Enum):
    """What became of a letter."""

    DELIVERED = auto()
    AGAIN = auto()
    """Not now: a later attempt may succeed."""
    REFUSED = auto()
    """Not ever: people have to look."""


def outcome_of(status: int) -> Outcome:
    """Return what an HTTP status means; a redirection is a refusal, because it may lead anywhere."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome.DELIVERED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _AGAIN_LATER:
        return Outcome.AGAIN
    return Outcome.REFUSED


def wait_s(*, attempt: int, asked: int | None = None) -> int:
    """Return the seconds until the next attempt: 15, 30, 60, … up to a quarter of an hour.

    Parameters
    ----------
    attempt
        How many attempts there have been, from 1.
    asked
        What the other side asked for (``Retry-After``): no less than that, within the same limit.
    """
    grown = _FIRST_WAIT_S << min(attempt - 1, 10)
    return min(max(grown, asked or 0), _LONGEST_WAIT_S)


def slack_message(letter: Letter) -> dict[str, Any]:
    """Return a letter as Slack's incoming webhooks take it, and what is compatible with them."""
    reasons = [_section(_reason(reason)) for reason in letter.reasons]
    about = f"*{_escaped(letter.delivery_id)}* · {_escaped(letter.version_id)} · {_escaped(letter.studio)}"
    ends = [
        _section(_escaped(letter.to_do)),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(about, _SECTION_CHARS)}]},
    ]
    opening = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(letter.subject, _HEADER_CHARS)}},
        _section(_escaped(letter.opening)),
    ]
    room = _MOST_BLOCKS - len(opening) - len(ends)
    return {
        "text": _escaped(f"{letter.subject}: {letter.opening}"),
        "blocks": [*opening, *reasons[:room], *ends],
    }


def _reason(reason: Reason) -> str:
    heading, message, remedy = map(_escaped, (reason.heading, reason.message, reason.remedy))
    return f"*{heading}*\n{message}\n_{remedy}_"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, _SECTION_CHARS)}}


def _escaped(text: str) -> str:
    # Slack's three control characters: else a file's name could be a link, or call everybody in a channel.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
