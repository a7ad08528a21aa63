"""``python -m bench``: print every row."""

from __future__ import annotations

from itertools import chain

from rich.console import Console
from rich.table import Table

from bench import backlog, deliveries, ladder, publishing, quality, synthesis, transfers

table = Table("measured", "ours, s", "peer", "peer, s", "ratio")
benches = (synthesis, ladder, publishing, deliveries, backlog, quality, transfers)
for row in chain.from_iterable(bench.rows() for bench in benches):
    table.add_row(row.what, f"{row.ours_s:.1f}", row.peer, f"{row.peer_s:.1f}", f"{row.ratio:.2f}")
Console(width=140).print(table)
