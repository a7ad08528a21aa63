"""The farm's simulation, beside a bare SimPy loop of as many events: what our processes do between two events."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from math import inf

import simpy

from bench.row import Row
from models.farm import Demand, Farming, fleet_of, titles_of
from models.simulation import Farm
from stacks.settings import PRODUCTION

_FARMING = Farming(demand=replace(Demand(), days=2.0), fleet=fleet_of(PRODUCTION.encoding))


def rows() -> Iterator[Row]:
    """Simulate two days of a hundred titles each."""
    titles = titles_of(_FARMING)
    counted = Farm(_FARMING.fleet, titles, seed=_FARMING.seed).environment
    events = 0
    while counted.peek() < inf:
        counted.step()
        events += 1
    farm = Farm(_FARMING.fleet, titles, seed=_FARMING.seed)
    started = time.monotonic()
    farm.run()
    ours = time.monotonic() - started
    bare = simpy.Environment()
    bare.process(_ticks(bare, events))
    started = time.monotonic()
    bare.run()
    peer = time.monotonic() - started
    yield Row(
        what=f"simulate the farm: {events:,} events, {events / ours:,.0f} a second",
        ours_s=ours,
        peer=f"a bare SimPy loop of as many, {events / peer:,.0f} a second",
        peer_s=peer,
    )


def _ticks(environment: simpy.Environment, events: int) -> Generator[simpy.Event, None, None]:
    for _ in range(events):
        yield environment.timeout(1)
