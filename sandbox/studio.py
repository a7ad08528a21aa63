"""A studio at its desk: an SSH key of its own, and a delivery sent by SFTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import asyncssh


class SshKey(NamedTuple):
    """An SSH key pair."""

    private: asyncssh.SSHKey
    public: str


class UploadError(RuntimeError):
    """A delivery could not be sent."""


def ssh_key(path: Path) -> SshKey:
    """Return the key pair at `path`, made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    private = asyncssh.read_private_key(path)
    return SshKey(private=private, public=private.export_public_key().decode().strip())


def send_by_sftp(
    *,
    files: Sequence[Path],
    folder: str,
    user: str,
    key: SshKey,
    host: str,
    port: int,
    progress: Callable[[int], None],
) -> None:
    """Send `files`, in their order, into a new `folder` of the studio's home directory.

    Parameters
    ----------
    files
        The manifest last: its arrival starts the ingestion.
    progress
        Told, after each block, how many bytes of all files have been sent.

    Raises
    ------
    UploadError
        If the server cannot be reached, refuses the key, or breaks off.
    """
    try:
        asyncio.run(_send(files, folder=folder, user=user, key=key, host=host, port=port, progress=progress))
    except (OSError, asyncssh.Error) as error:
        raise UploadError(f"SFTP to {user}@{host}:{port} failed: {error}") from error


async def _send(
    files: Sequence[Path],
    *,
    folder: str,
    user: str,
    key: SshKey,
    host: str,
    port: int,
    progress: Callable[[int], None],
) -> None:
    done = 0
    # known_hosts=None: the server's key is new with every embedded cloud, and the way there is the loopback.
    async with (
        asyncssh.connect(host, port, username=user, client_keys=[key.private], known_hosts=None, config=None) as link,
        link.start_sftp_client() as sftp,
    ):
        if not await sftp.exists(folder):
            await sftp.mkdir(folder)
        for file in files:
            start = done

            def report(_source: bytes, _target: bytes, sent: int, _size: int, *, start: int = start) -> None:
                progress(start + sent)

            await sftp.put(str(file), f"{folder}/{file.name}", progress_handler=report)
            done += file.stat().st_size
