"""Who delivers, and where: a file that only its owner can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from lambdas.common.media import Record
from uploader.errors import RefusedError


class Credentials(Record):
    """A studio's user.

    `site` is the platform's address, where ``/config.json`` says the rest; `client_id` tells one deployment of it
    from another.
    """

    studio: str
    site: str
    client_id: str
    username: str
    password: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read credentials from a file.

        Raises
        ------
        FileNotFoundError
            If there is none.
        RefusedError
            If it holds something else.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RefusedError(f"{path} holds no credentials: let your operator make new ones") from error

    def save(self, path: Path) -> None:
        """Write them to a file of mode 0600; the one that was there stays whole until then."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(self.model_dump_json(indent=2) + "\n")
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
