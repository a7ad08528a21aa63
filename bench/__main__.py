"""``python -m bench``: print every row."""

from __future__ import annotations

from itertools import chain

from rich.console import Console
from rich.table import Table

from bench import deliveries, ladder, quality, synthesis, transfers

table = Table("measured", "ours, s", "peer", "peer, s", "ratio")
for row in chain(synthesis.rows(), ladder.rows(), deliveries.rows(), quality.rows(), transfers.rows()):
    table.add_row(row.what, f"{row.ours_s:.1f}", row.peer, f"{row.peer_s:.1f}", f"{row.ratio:.2f}")
Console(width=140).print(table)
