"""How long a viewer waits for the first picture, by what it is made of, and what each remedy saves (Q11, Q53).

Every viewer has a distance to the API and to the edge, a bandwidth, a name cache and a device; these are drawn from a
seed. The same viewers are put through each way of starting, so that a difference is a remedy's and never chance.
Times are milliseconds. What a viewer is like is an assumption throughout: no telemetry stands behind it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from math import log

import numpy as np
from numpy.typing import NDArray

from models.figures import Figure
from models.picture import Axis, bars

VIEWERS = 20_000
SEED = 20_261_123
SLOW_MS = 10_000.0
"""Q53: 5 % of viewers wait for longer."""
_WINDOW_BITS = 10 * 1460 * 8
"""What may be sent before the first acknowledgement: ten segments, RFC 6928."""
_BITS_A_KB = 8_000
_MS_A_S = 1_000.0

Times = NDArray[np.float64]
"""Milliseconds, one a viewer."""


class Handshake(IntEnum):
    """Round trips until the first request may leave, on a connection that is new."""

    TCP_TLS12 = 3
    TCP_TLS13 = 2
    QUIC = 1
    QUIC_RESUMED = 0


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A lognormal: half are below `median`; `sigma` is the standard deviation of the logarithm."""

    median: float
    sigma: float

    def draw(self, normal: Times) -> Times:
        """Return values for standard normal ones."""
        return np.asarray(np.exp(log(self.median) + self.sigma * normal), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Population:
    """What viewers are like: assumptions, but for what is said to be of the source document."""

    bandwidth_mbps: Spread = Spread(median=28.0, sigma=0.87)
    """Set so that the default `Start` is slow for about as many as Q53 has it, 5 %."""
    api_rtt_ms: Spread = Spread(median=60.0, sigma=0.5)
    edge_rtt_ms: Spread = Spread(median=30.0, sigma=0.5)
    """To CloudFront: below 50 ms, the document's summary."""
    appliance_rtt_ms: Spread = Spread(median=5.0, sigma=0.5)
    """To an appliance in the viewer's own network: 5 ms, Q58."""
    api_ms: Spread = Spread(median=40.0, sigma=0.4)
    """What the API itself takes."""
    licence_ms: Spread = Spread(median=60.0, sigma=0.4)
    """What the licence service itself takes."""
    edge_ms: Spread = Spread(median=5.0, sigma=0.5)
    """What the edge takes for a request."""
    device_ms: Spread = Spread(median=150.0, sigma=0.6)
    """Set up the decryption module and the decoder, and show a picture; a television takes longer than a laptop."""
    resolver_ms: Spread = Spread(median=50.0, sigma=0.7)
    """A name that is in no cache."""


@dataclass(frozen=True, kw_only=True)
class Viewers:
    """Drawn viewers: one value each."""

    bandwidth_mbps: Times
    api_rtt_ms: Times
    edge_rtt_ms: Times
    appliance_rtt_ms: Times
    api_ms: Times
    licence_ms: Times
    edge_ms: Times
    device_ms: Times
    resolver_ms: Times
    nearness: Times
    """From 0 to 1: the first of them have an appliance near, up to the share that has."""
    foresight: Times
    """From 0 to 1: the same for starts that were foreseen."""

    @classmethod
    def draw(cls, population: Population, *, count: int = VIEWERS, seed: int = SEED) -> Viewers:
        """Return `count` viewers; the same seed gives the same ones. Their properties are independent."""
        source = np.random.default_rng(seed)
        drawn = {name: spread.draw(source.standard_normal(count)) for name, spread in vars(population).items()}
        return cls(**drawn, nearness=source.random(count), foresight=source.random(count))


@dataclass(frozen=True, kw_only=True)
class Start:
    """A way of starting. The default is that of Q49, without its parallel licence: 3 seconds, says Q11."""

    handshake: Handshake = Handshake.TCP_TLS12
    api_calls: int = 2
    """One after another: authenticate, then ask for a manifest. Here it is one, which answers with everything."""
    licence_parallel: bool = False
    """Whether the licence is asked for beside manifest and media, and not before media."""
    names_known: bool = False
    """Whether the page looked both names up before (preconnect)."""
    connected: bool = False
    """Whether the page connected to both hosts before."""
    near_share: float = 0.0
    """Of viewers, who are served by an appliance in their network."""
    foreseen_share: float = 0.0
    """Of starts, for which session, manifest and licence were fetched while the viewer was still choosing."""
    manifest_kb: float = 60.0
    init_kb: float = 8.0
    """Of picture and sound, the first bytes of each rendition with what a player must know of it."""
    segments: int = 3
    """Q49."""
    segment_s: float = 4.0
    """Q40."""
    first_mbps: float = 5.0
    """Of the rung that it starts on, with sound."""

    @property
    def media_kbits(self) -> float:
        """What must have arrived for the first picture, in kilobits."""
        return self.segments * self.segment_s * self.first_mbps * 1_000


COMPONENTS = ("names", "connections", "session", "manifest", "licence", "media", "device")


def transfer_ms(kbits: Times | float, *, rtt_ms: Times, mbps: Times) -> Times:
    """Return how long bytes take beyond the first round trip, on a connection that has sent nothing yet.

    Slow start doubles a window W of ten segments each round trip R, until the line of bandwidth B is never idle. With
    K = ceil(log2(S / W + 1)) windows for S bits, and Q = floor(log2(1 + R B / W)) + 1 of them that would leave the line
    idle, P = min(Q, K - 1) round trips are waited for: S / B + P (R + W / B) - (2^P - 1) W / B (Kurose and Ross,
    Computer Networking, section 3.7 of the older editions). Loss, and a window that the receiver limits, are left out.
    """
    bits = np.asarray(kbits, dtype=np.float64) * 1_000
    bits_a_ms = mbps * 1_000
    window_ms = _WINDOW_BITS / bits_a_ms
    windows = np.ceil(np.log2(bits / _WINDOW_BITS + 1))
    idle = np.floor(np.log2(1 + rtt_ms / window_ms)) + 1
    stalls = np.maximum(np.minimum(idle, windows - 1), 0)
    return np.asarray(bits / bits_a_ms + stalls * (rtt_ms + window_ms) - (2**stalls - 1) * window_ms)


def budget(start: Start, viewers: Viewers) -> Mapping[str, Times]:
    """Return what each viewer waits for, by component; together they are the time to the first picture.

    A licence that is asked for in parallel counts only where it comes later than the media.
    """
    zero = np.zeros_like(viewers.nearness)
    near = viewers.nearness < start.near_share
    foreseen = viewers.foresight < start.foreseen_share
    edge_rtt = np.where(near, np.minimum(viewers.appliance_rtt_ms, viewers.edge_rtt_ms), viewers.edge_rtt_ms)
    known, trips = start.names_known or start.connected, 0 if start.connected else int(start.handshake)

    names = zero if known else 2 * viewers.resolver_ms
    connections = trips * (viewers.api_rtt_ms + edge_rtt)
    session = start.api_calls * (viewers.api_rtt_ms + viewers.api_ms)
    licence = viewers.api_rtt_ms + viewers.licence_ms
    # Once for all that the edge sends: the window keeps what it has grown to.
    first_kbits = start.manifest_kb * _BITS_A_KB / 1_000
    sent_kbits = first_kbits + start.init_kb * _BITS_A_KB / 1_000 + start.media_kbits
    manifest = edge_rtt + viewers.edge_ms + transfer_ms(first_kbits, rtt_ms=edge_rtt, mbps=viewers.bandwidth_mbps)
    whole = transfer_ms(sent_kbits, rtt_ms=edge_rtt, mbps=viewers.bandwidth_mbps)
    # Initialisations, then media: a request each. Segments after the first are asked for while it comes.
    media = 2 * (edge_rtt + viewers.edge_ms) + whole - (manifest - edge_rtt - viewers.edge_ms)

    session, manifest, licence = (np.where(foreseen, 0.0, part) for part in (session, manifest, licence))
    if start.licence_parallel:
        licence = np.maximum(licence - manifest - media, 0.0)
    parts = (names, connections, session, manifest, licence, media, viewers.device_ms)
    return dict(zip(COMPONENTS, parts, strict=True))


def first_picture_ms(start: Start, viewers: Viewers) -> Times:
    """Return how long each viewer waits."""
    return np.asarray(sum(budget(start, viewers).values(), start=np.zeros_like(viewers.nearness)))


def percentile_ms(times: Times, share: float) -> float:
    """Return the time below which a share of viewers, from 0 to 1, are."""
    return float(np.quantile(times, share))


BASELINE = Start()
REMEDIES: Mapping[str, Mapping[str, object]] = {
    "a session in one call": {"api_calls": 1},
    "licence in parallel": {"licence_parallel": True},
    "TLS 1.3": {"handshake": Handshake.TCP_TLS13},
    "HTTP/3": {"handshake": Handshake.QUIC},
    "connected beforehand": {"connected": True},
    "near appliances, 95 %": {"near_share": 0.95},
    "one segment, not three": {"segments": 1},
    "first rung of 1.5 Mbit/s": {"first_mbps": 1.5},
    "foreseen, 60 %": {"foreseen_share": 0.6},
}
"""What each changes of a start: Q11 and Q53. Shares and the first rung are assumptions."""

_TOGETHER = (
    "a session in one call",
    "licence in parallel",
    "HTTP/3",
    "near appliances, 95 %",
    "one segment, not three",
    "first rung of 1.5 Mbit/s",
    "foreseen, 60 %",
    "connected beforehand",
)


def with_remedies(start: Start, *names: str) -> Start:
    """Return `start` with the remedies of those names, the later ones last."""
    for name in names:
        start = replace(start, **REMEDIES[name])  # type: ignore[arg-type]
    return start


def steps() -> Mapping[str, Start]:
    """Return the baseline and, one after another, all remedies upon it."""
    found = {"as it was": BASELINE}
    for name in _TOGETHER:
        found[f"+ {name}"] = with_remedies(list(found.values())[-1], name)
    return found


def savings(viewers: Viewers) -> Mapping[str, tuple[float, float]]:
    """Return what each remedy saves by itself at the median and at the 95th percentile, in ms."""
    before = first_picture_ms(BASELINE, viewers)

    def saved(times: Times, share: float) -> float:
        return percentile_ms(before, share) - percentile_ms(times, share)

    after = {name: first_picture_ms(with_remedies(BASELINE, name), viewers) for name in REMEDIES}
    return {name: (saved(times, 0.5), saved(times, 0.95)) for name, times in after.items()}


def needed_mbps(buffer_s: float, *, mbps: float, within_s: float) -> float:
    """Return the bandwidth that fills a buffer within a time by bytes alone, all else being free."""
    return buffer_s * mbps / within_s


def picture(viewers: Viewers | None = None) -> str:
    """Return what viewers wait for on average, by component and with one remedy after another, as SVG."""
    viewers = viewers or Viewers.draw(Population())
    ways = {
        name if number == 0 else f"+{number}": budget(start, viewers)
        for number, (name, start) in enumerate(steps().items())
    }
    return bars(
        {name: {part: float(np.mean(parts[part])) for part in COMPONENTS} for name, parts in ways.items()},
        title="To the first picture: mean by component, one remedy after another",
        y=Axis(label="ms"),
    )


def figures(viewers: Viewers | None = None) -> Mapping[str, Figure]:
    """Return the model's results, for the default population unless viewers are given."""
    viewers = viewers or Viewers.draw(Population())
    ways = {"baseline": BASELINE, "best": list(steps().values())[-1]}
    found = {}
    for name, start in ways.items():
        times = first_picture_ms(start, viewers)
        what = "as it was" if name == "baseline" else "with every remedy"
        for share in (50, 95, 99):
            found[f"{name}_p{share}_ms"] = Figure(
                percentile_ms(times, share / 100), "ms", f"to the first picture, percentile {share}, {what}"
            )
        for limit in (1, 2, 10):
            found[f"{name}_within_{limit}_s_pct"] = Figure(
                100 * float(np.mean(times < limit * _MS_A_S)), "%", f"start within {limit} s, {what}"
            )
        parts = budget(start, viewers)
        for part in COMPONENTS:
            found[f"{name}_{part}_ms"] = Figure(float(np.mean(parts[part])), "ms", f"on average, {part}, {what}")
    for name, (median, tail) in savings(viewers).items():
        key = "".join(letter if letter.isalnum() else "_" for letter in name.lower()).strip("_")
        key = "_".join(filter(None, key.split("_")))
        found[f"saves_{key}_p50_ms"] = Figure(median, "ms", f"saved by: {name}, at the median")
        found[f"saves_{key}_p95_ms"] = Figure(tail, "ms", f"saved by: {name}, at percentile 95")
    buffer_s = BASELINE.segments * BASELINE.segment_s
    for limit in (1, 2):
        found[f"needed_mbps_within_{limit}_s"] = Figure(
            needed_mbps(buffer_s, mbps=BASELINE.first_mbps, within_s=limit),
            "Mbit/s",
            f"that 12 s at 5 Mbit/s take, for a start within {limit} s (Q49)",
        )
    return found
