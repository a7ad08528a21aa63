"""Where the embedded cloud keeps its state, as its server process sees it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORK_DIR_VARIABLE: Final = "MARQUEE_WORK_DIR"


@dataclass(frozen=True)
class Workspace:
    """The folder that holds everything one embedded cloud writes."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Workspace":
        """The workspace that the parent process named."""
        return cls(root=Path(os.environ[WORK_DIR_VARIABLE]))

    @property
    def temporary(self) -> Path:
        """Scratch space of the server, its functions and its jobs."""
        return self.root / "tmp"

    @property
    def state(self) -> Path:
        """What the emulator itself writes."""
        return self.root / "state"

    @property
    def process_groups(self) -> Path:
        """One empty file per process group that the server started, named by its id."""
        return self.root / "process-groups"

    @property
    def declared_only(self) -> Path:
        """The resources that were accepted but have no behaviour here."""
        return self.root / "declared-only.json"

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.temporary, self.process_groups, self.state):
            folder.mkdir(parents=True, exist_ok=True)

    def write_json(self, path: Path, content: object) -> None:
        """Replace a JSON file at once, so that a reader never sees half of it."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=2) + "\n")
        partial.replace(path)
