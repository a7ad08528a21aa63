"""The encoding farm, simulated: titles come, hosts start, work, are taken back and leave. On SimPy.

A host of the simulation holds one large job at a time, as a 4xlarge does. Work comes in pieces: runs of chunks that one
host does one after the other, so that a day of a million jobs can be simulated. A chunk that is done stays done, and a
piece whose host is taken back loses the chunk in work and no more; the chunk's next attempt is what the farm's own
retry rules say (`lambdas.encoding.retries`). What one thread does beside (joining, packaging, the check) takes time,
and no host: it is a half of a hundredth of the vCPU-hours.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any

import simpy

from lambdas.common.batch import scheduling_priority
from lambdas.common.media import Priority
from lambdas.encoding.retries import Action, FailureKind, RetryRules, Tried, decide, leaves_spot

BATCH_ATTEMPTS = 10
"""Of one job, by Batch itself, before the workflow hears of it: `stacks.constructs.encoder_farm`."""

_NOT_TRIED = Tried()
_Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The machines, and when they come and go."""

    spot_hosts: int
    """That may run at once; they are started first."""
    on_demand_hosts: int = 0
    """Beyond them; they also take what has to leave spot."""
    kept_hosts: int = 0
    """That run without work, too, from the first moment on."""
    start_s: float = 180.0
    """Until a host that is asked for works. Assumption; nobody has measured it here."""
    idle_s: float = 300.0
    """How long a host without work is kept. Assumption; the source document waits for 5 minutes between changes."""
    look_s: float = 60.0
    """Between two decisions to start hosts. Assumption."""
    scale_up_at_jobs: int = 1
    """Jobs that wait before hosts are started. AWS Batch starts them for the first; the source document at 1,000."""
    reclaims_an_hour: float = 0.05
    """Of a spot host, on average. Assumption: AWS publishes how often pools are reclaimed in a month, and no rate."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Jobs that may all run at once; the next stage begins when they are done."""

    pieces: Sequence[tuple[int, float]]
    """Chunks of a piece, and how many seconds one of them takes on a host."""
    then_s: float = 0.0
    """What takes time and no host, after them."""


@dataclass(frozen=True, kw_only=True)
class Title:
    """What comes."""

    arrives_s: float
    priority: Priority
    stages: Sequence[Stage]


@dataclass(frozen=True)
class Processed:
    """What became of a title. `done_s` is None where a job had all its retries."""

    title: Title
    done_s: float | None

    @property
    def hours(self) -> float:
        """From its arrival to its end; infinite if there was none."""
        return inf if self.done_s is None else (self.done_s - self.title.arrives_s) / 3600


@dataclass(kw_only=True)
class Tally:
    """What happened. Hours are of hosts."""

    processed: list[Processed] = field(default_factory=list)
    waits_s: list[tuple[Priority, float]] = field(default_factory=list)
    """Of each piece, from its submission to its first start."""
    spot_hours: float = 0.0
    """That are paid for: with starting and idling."""
    on_demand_hours: float = 0.0
    busy_hours: float = 0.0
    lost_hours: float = 0.0
    """Of `busy_hours`, those without a result."""
    reclaims: int = 0
    most_hosts: int = 0


@dataclass(kw_only=True)
class _Running:
    """A title on its way."""

    title: Title
    open_pieces: int = 0
    finished: simpy.Event
    failed: bool = False


@dataclass(kw_only=True)
class _Piece:
    of: _Running
    stage: int
    chunks: int
    chunk_s: float
    submitted_s: float
    started: bool = False
    reclaims: int = 0
    tried: Tried = _NOT_TRIED
    off_spot: bool = False


class _Queue:
    """Pieces that wait: the most urgent first, of these the one that came first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, _Piece]] = []
        self._order = count()
        self.jobs = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, piece: _Piece) -> None:
        urgency = scheduling_priority(piece.of.title.priority) + piece.stage
        heapq.heappush(self._heap, (-urgency, next(self._order), piece))
        self.jobs += piece.chunks

    def pop(self) -> _Piece:
        piece = heapq.heappop(self._heap)[2]
        self.jobs -= piece.chunks
        return piece


class Farm:
    """One run.

    Parameters
    ----------
    titles
        In any order.
    seed
        What reclaims and pauses are drawn from.
    rules
        Of retries; those of the farm itself, unless a question asks for others.
    """

    def __init__(self, fleet: Fleet, titles: Iterable[Title], *, seed: int, rules: RetryRules | None = None) -> None:
        self.environment = simpy.Environment()
        self.tally = Tally()
        self._fleet = fleet
        self._titles = sorted(titles, key=lambda title: title.arrives_s)
        self._draw = random.Random(seed)  # noqa: S311 - a model
        self._rules = rules or RetryRules(most_memory_mib=1)
        self._anywhere, self._off_spot = _Queue(), _Queue()
        self._idle: dict[bool, dict[simpy.Event, None]] = {True: {}, False: {}}
        self._hosts = {True: 0, False: 0}
        self._starting = {True: 0, False: 0}
        self._open = len(self._titles)
        for _ in range(fleet.kept_hosts):
            self._start(spot=self._hosts[True] < fleet.spot_hosts)
        self.environment.process(self._arrivals())
        self.environment.process(self._scaling())

    def run(self) -> Tally:
        """Return what happened until the last title was processed and the last host that is not kept had left."""
        self.environment.run()
        return self.tally

    def _arrivals(self) -> _Process:
        for title in self._titles:
            yield self.environment.timeout(title.arrives_s - self.environment.now)
            self.environment.process(self._processing(title))

    def _processing(self, title: Title) -> _Process:
        running = _Running(title=title, finished=self.environment.event())
        for number, stage in enumerate(title.stages):
            running.open_pieces, running.finished = len(stage.pieces), self.environment.event()
            for chunks, chunk_s in stage.pieces:
                now = self.environment.now
                self._submit(_Piece(of=running, stage=number, chunks=chunks, chunk_s=chunk_s, submitted_s=now))
            if stage.pieces:
                yield running.finished
            if running.failed:
                break
            yield self.environment.timeout(stage.then_s)
        self.tally.processed.append(Processed(title, None if running.failed else self.environment.now))
        self._open -= 1
        if not self._open:
            for host in [*self._idle[True], *self._idle[False]]:
                host.succeed()

    def _submit(self, piece: _Piece) -> None:
        idle = self._idle[True] if self._idle[True] and not piece.off_spot else self._idle[False]
        if idle:
            idle.popitem()[0].succeed(piece)
        else:
            (self._off_spot if piece.off_spot else self._anywhere).push(piece)

    def _scaling(self) -> _Process:
        fleet, most = self._fleet, {True: self._fleet.spot_hosts, False: self._fleet.on_demand_hosts}
        while self._open:
            coming = sum(self._starting.values())
            off_spot = max(0, min(len(self._off_spot) - coming, most[False] - self._hosts[False]))
            for _ in range(off_spot):
                self._start(spot=False)
            if self._anywhere.jobs >= fleet.scale_up_at_jobs:
                wanted = len(self._anywhere) - coming
                for spot in (True, False):
                    started = max(0, min(wanted, most[spot] - self._hosts[spot]))
                    for _ in range(started):
                        self._start(spot=spot)
                    wanted -= started
            yield self.environment.timeout(fleet.look_s)

    def _start(self, *, spot: bool) -> None:
        self._hosts[spot] += 1
        self._starting[spot] += 1
        self.tally.most_hosts = max(self.tally.most_hosts, sum(self._hosts.values()))
        self.environment.process(self._host(spot=spot))

    def _host(self, *, spot: bool) -> _Process:
        asked_s = self.environment.now
        if self._fleet.start_s:
            yield self.environment.timeout(self._fleet.start_s)
        self._starting[spot] -= 1
        rate = self._fleet.reclaims_an_hour if spot else 0.0
        until_s = self.environment.now + self._draw.expovariate(rate / 3600) if rate else inf
        while True:
            piece = self._next(spot=spot)
            if piece is None:
                piece = yield from self._idling(spot=spot, until_s=until_s)
            if piece is None:
                break
            yield from self._work(piece, until_s=until_s)
            if self.environment.now >= until_s:
                self.tally.reclaims += 1
                break
        self._hosts[spot] -= 1
        hours = (self.environment.now - asked_s) / 3600
        if spot:
            self.tally.spot_hours += hours
        else:
            self.tally.on_demand_hours += hours

    def _next(self, *, spot: bool) -> _Piece | None:
        if not spot and self._off_spot:
            return self._off_spot.pop()
        return self._anywhere.pop() if self._anywhere else None

    def _idling(self, *, spot: bool, until_s: float) -> Generator[simpy.Event, Any, _Piece | None]:
        """Wait for a piece, and return it; none, if the host leaves or is taken back."""
        if not self._open:
            return None
        wake = self.environment.event()
        self._idle[spot][wake] = None
        kept = sum(self._hosts.values()) <= self._fleet.kept_hosts
        patience_s = min(inf if kept else self._fleet.idle_s, until_s - self.environment.now)
        if patience_s == inf:
            yield wake
        else:
            yield wake | self.environment.timeout(patience_s)
        self._idle[spot].pop(wake, None)
        return wake.value if wake.triggered else None

    def _work(self, piece: _Piece, *, until_s: float) -> _Process:
        """Do a piece, or as much of it as the host is there for."""
        begun_s = self.environment.now
        if not piece.started:
            piece.started = True
            self.tally.waits_s.append((piece.of.title.priority, begun_s - piece.submitted_s))
        whole_s = piece.chunks * piece.chunk_s
        worked_s = min(whole_s, until_s - begun_s)
        yield self.environment.timeout(worked_s)
        self.tally.busy_hours += worked_s / 3600
        if worked_s >= whole_s:
            self._close(piece)
            return
        done = min(int(worked_s / piece.chunk_s), piece.chunks - 1)
        self.tally.lost_hours += (worked_s - done * piece.chunk_s) / 3600
        piece.chunks -= done
        self._try_again(piece, first=done > 0)

    def _try_again(self, piece: _Piece, *, first: bool) -> None:
        """Submit what a reclaimed host has left: by Batch's own attempts, and after these by the workflow's rules."""
        piece.reclaims = 1 if first else piece.reclaims + 1
        if first:
            piece.tried = _NOT_TRIED
        if piece.reclaims < BATCH_ATTEMPTS:
            self._submit(piece)
            return
        decision = decide(FailureKind.RECLAIMED, piece.tried, self._rules, memory_mib=1, draw=self._draw.random)
        if decision.action is Action.FAIL:
            piece.of.failed = True
            self._close(piece)
            return
        piece.tried, piece.reclaims = decision.tried, 0
        piece.off_spot = leaves_spot(FailureKind.RECLAIMED) and self._fleet.on_demand_hosts > 0
        self.environment.process(self._after(decision.pause_s, lambda: self._submit(piece)))

    def _after(self, seconds: float, do: Callable[[], None]) -> _Process:
        yield self.environment.timeout(seconds)
        do()

    def _close(self, piece: _Piece) -> None:
        piece.of.open_pieces -= 1
        if not piece.of.open_pieces:
            piece.of.finished.succeed()
