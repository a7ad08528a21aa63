"""How often the playback API is asked at the peak (Q9): by who watches, and by who begins."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.playback.sessions import PROGRESS_INTERVAL_S
from models.bandwidth import Audience
from models.figures import Figure
from stacks.settings import PRODUCTION

_SECONDS_AN_HOUR = 3600
CALLS_A_SESSION = (
    "catalog/ListTitles",
    "playback/ContinueWatching",
    "playback/CreateSession",
    "playback/GetManifest",
    "playback/License",
    "playback/EndSession",
)
"""What a viewer calls once a session, by the function's path: two lists to choose from, three to begin, one to end.

An assumption where a player asks for more than one manifest. Heartbeats, reports and telemetry come beside them.
"""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """What viewers send. The intervals are production's own; the others say where they are from.

    `session_hours` is an assumption: a film is often
    left, an episode is an hour at most.
    """

    viewers: float = Audience().peak_viewers
    heartbeat_s: float = PRODUCTION.playback.heartbeat_s
    report_s: float = PROGRESS_INTERVAL_S
    calls_a_session: int = len(CALLS_A_SESSION)
    session_hours: float = 1.0

    @property
    def heartbeats_per_s(self) -> float:
        """Calls a second that keep places."""
        return self.viewers / self.heartbeat_s

    @property
    def reports_per_s(self) -> float:
        """Calls a second that tell positions."""
        return self.viewers / self.report_s

    @property
    def starts_per_s(self) -> float:
        """Sessions a second: by Little's law as many begin as watch, over how long they do."""
        return self.viewers / (self.session_hours * _SECONDS_AN_HOUR)

    def surge_per_s(self, *, share: float, within_s: float) -> float:
        """Return sessions a second if `share` of who watches at the peak begins within `within_s`."""
        return self.viewers * share / within_s

    @property
    def calls_per_s(self) -> float:
        """All of it together."""
        return self.heartbeats_per_s + self.reports_per_s + self.calls_a_session * self.starts_per_s


def figures() -> dict[str, Figure]:
    """Return the calls at the peak of the source document's audience, and what production's throttle admits."""
    calls = Calls()
    steady = calls.heartbeats_per_s + calls.reports_per_s
    return {
        "steady_m_per_s": Figure(steady / 1e6, "million/s", "heartbeats and reports at the peak"),
        "reports_m_per_s": Figure(calls.reports_per_s / 1e6, "million/s", "reports of a position at the peak"),
        "calls_a_session": Figure(calls.calls_a_session, "calls", "of a session, beside heartbeats and reports"),
        "starting_m_per_s": Figure(
            calls.calls_a_session * calls.starts_per_s / 1e6,
            "million/s",
            "calls around sessions' begin and end, at the peak",
        ),
        "surge_per_s": Figure(
            calls.surge_per_s(share=0.1, within_s=300),
            "1/s",
            "sessions, if a tenth of who watches at the peak begins within five minutes (Q96)",
        ),
        "all_m_per_s": Figure(calls.calls_per_s / 1e6, "million/s", "calls at the peak"),
        "admitted_per_s": Figure(
            PRODUCTION.playback.api_rate_per_s, "1/s", "that production's throttle admits on one route"
        ),
    }
