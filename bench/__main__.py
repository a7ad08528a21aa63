"""``python -m bench``: print every row."""

from __future__ import annotations

from itertools import chain

from rich.console import Console
from rich.table import Table

from bench import (
    backlog,
    codecs,
    deliveries,
    ladder,
    publishing,
    quality,
    savings,
    scoring,
    search,
    synthesis,
    transfers,
)

table = Table("measured", "ours, s", "peer", "peer, s", "ratio")
benches = (synthesis, ladder, publishing, deliveries, backlog, quality, transfers)
for row in chain.from_iterable(bench.rows() for bench in benches):
    table.add_row(row.what, f"{row.ours_s:.1f}", row.peer, f"{row.peer_s:.1f}", f"{row.ratio:.2f}")
Console(width=140).print(table)

figures = Table("measured", "ours", "peer", "the peer's", "unit", "ratio")
for figure in chain.from_iterable(bench.figures() for bench in (search, savings, codecs, scoring)):
    ours, peers = f"{figure.ours:,.1f}", f"{figure.peers:,.1f}"
    figures.add_row(figure.what, ours, figure.peer, peers, figure.unit, f"{figure.ratio:.2f}")
Console(width=140).print(figures)
