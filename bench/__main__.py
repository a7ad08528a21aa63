"""``python -m bench [NAME…]``: print every row, or those of the benches that are named."""

from __future__ import annotations

import sys
from itertools import chain

from rich.console import Console
from rich.table import Table

from bench import (
    api,
    backlog,
    codecs,
    deliveries,
    imports,
    ladder,
    publishing,
    quality,
    savings,
    scoring,
    search,
    simulation,
    startup,
    synthesis,
    transfers,
)

rows = (synthesis, ladder, publishing, deliveries, backlog, quality, transfers, simulation)
figures = (search, savings, codecs, scoring, api, startup, imports)
named = {bench.__name__.rpartition(".")[2]: bench for bench in (*rows, *figures)}
if unknown := set(sys.argv[1:]) - set(named):
    sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(named)}")
wanted = [named[name] for name in sys.argv[1:]] or list(named.values())

table = Table("measured", "ours, s", "peer", "peer, s", "ratio")
for row in chain.from_iterable(bench.rows() for bench in rows if bench in wanted):
    table.add_row(row.what, f"{row.ours_s:.1f}", row.peer, f"{row.peer_s:.1f}", f"{row.ratio:.2f}")
if table.rows:
    Console(width=140).print(table)

told = Table("measured", "ours", "peer", "the peer's", "unit", "ratio")
for figure in chain.from_iterable(bench.figures() for bench in figures if bench in wanted):
    ours, peers = f"{figure.ours:,.1f}", f"{figure.peers:,.1f}"
    told.add_row(figure.what, ours, figure.peer, peers, figure.unit, f"{figure.ratio:.2f}")
if told.rows:
    Console(width=140).print(told)
