"""What the platform's stores hold, and how secret that is. A store that is not in the list is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class UnclassifiedStoreError(LookupError):
    """Nobody has said what a store holds; the message names it and the remedy."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: what does it hold, and how secret is that? Say so in stacks/pack/classification.py")


class Class(StrEnum):
    """How secret data is, the most secret first."""

    SECRET = "secret"  # noqa: S105 - a class
    """Keys: whoever has them has the films."""
    PERSONAL = "personal"
    """Of a person who can be named."""
    CONFIDENTIAL = "confidential"
    """Films before and beside their publication, and what studios say of them."""
    INTERNAL = "internal"
    """How the platform works."""
    PUBLIC = "public"
    """What anybody may see."""


class Holding(NamedTuple):
    """What a store holds."""

    classified: Class
    what: str


_CLASSES: Mapping[str, Holding] = {
    "AccessLogs": Holding(
        Class.PERSONAL, "who asked for which object, by address; edge tokens stand in the paths, good for hours"
    ),
    "AccountSecurity": Holding(
        Class.PERSONAL, "devices, networks and places of an account's use, hashed where it can be"
    ),
    "Accounts": Holding(Class.PERSONAL, "plan, territory and profiles of viewers"),
    "Alarms": Holding(Class.INTERNAL, "alarms"),
    "Caps": Holding(Class.CONFIDENTIAL, "what an encode of a version may cost, and who raised it"),
    "ContentKeys": Holding(Class.SECRET, "content keys, each wrapped by KMS for its title, tier and id"),
    "DeadLetters": Holding(Class.CONFIDENTIAL, "events that a function did not process"),
    "Deliveries": Holding(Class.CONFIDENTIAL, "what studios delivered, what was found, who decided"),
    "DeviceGrants": Holding(Class.SECRET, "sign-ins of televisions, their codes hashed"),
    "EdgeKey": Holding(Class.SECRET, "the key that edge tokens are signed with"),
    "SessionKey": Holding(Class.SECRET, "what signs session ids, by which they say whose they are"),
    "EdgeKeyStore": Holding(Class.SECRET, "the edge's copy of that key, and sessions that were ended"),
    "FailedJobs": Holding(Class.CONFIDENTIAL, "executions that failed, with their input and last lines"),
    "FarmJobs": Holding(Class.INTERNAL, "the farm's jobs, their tries and prices"),
    "FarmModes": Holding(Class.INTERNAL, "in which mode the farm was, and who changed it"),
    "Landing": Holding(Class.CONFIDENTIAL, "deliveries as they arrive"),
    "Leases": Holding(Class.PERSONAL, "which of an account's devices play what"),
    "Media": Holding(Class.CONFIDENTIAL, "packaged versions, encrypted by content keys"),
    "MediaReplica": Holding(Class.CONFIDENTIAL, "packaged versions, encrypted by content keys"),
    "Mezzanine": Holding(Class.CONFIDENTIAL, "work of encoding, which goes, and analyses with stills, which stay"),
    "Playable": Holding(Class.INTERNAL, "what can be played"),
    "ProgressTable": Holding(Class.PERSONAL, "how far viewers came in which film"),
    "Raw": Holding(Class.CONFIDENTIAL, "delivered films, as studios sent them"),
    "RawReplica": Holding(Class.CONFIDENTIAL, "delivered films, as studios sent them"),
    "Reports": Holding(Class.INTERNAL, "inventories and reports of what is stored"),
    "RevocationsTable": Holding(Class.CONFIDENTIAL, "what was revoked, by whom and why"),
    "Sessions": Holding(Class.PERSONAL, "who watches what"),
    "Sources": Holding(Class.CONFIDENTIAL, "where each title's source lies, and its checksum"),
    "StateChanges": Holding(Class.INTERNAL, "that jobs moved"),
    "Studios": Holding(Class.PERSONAL, "studios' users: names and addresses"),
    "Titles": Holding(Class.CONFIDENTIAL, "the catalog, also of what is not published, its versions, who changed it"),
    "Topic": Holding(Class.CONFIDENTIAL, "what becomes of deliveries"),
    "Valkey": Holding(Class.PERSONAL, "when a viewer asked in the last minute"),
    "Viewers": Holding(Class.PERSONAL, "viewers: names and addresses"),
    "Web": Holding(Class.PUBLIC, "the player's page"),
    "Webhooks": Holding(Class.CONFIDENTIAL, "what is on its way to studios' webhooks"),
}
"""By the last part of a construct's path."""
_MANY: Mapping[str, Holding] = {
    r"WebAcl/Log$": Holding(Class.PERSONAL, "requests that the web ACL stopped or counted, with the client's address"),
    r"/AccessLog$": Holding(Class.PERSONAL, "each request of an API, with the client's address"),
    r"/Sftp/Log$": Holding(Class.PERSONAL, "studios' users, and what they sent"),
    r"/JobLogs$": Holding(Class.CONFIDENTIAL, "lines of the farm's jobs"),
    r"/Logs$": Holding(Class.CONFIDENTIAL, "what state machines did, of which version"),
    r"Logs$": Holding(Class.PERSONAL, "lines of functions, in which ids of accounts and titles may stand"),
    r"/Farm/\w+Template$": Holding(Class.CONFIDENTIAL, "pieces of films, while a host works on them"),
}
"""Stores of which there are many alike, by a pattern of their paths; the first that matches."""


def holding_of(path: str) -> Holding:
    """Return what the store of a construct holds.

    Raises
    ------
    UnclassifiedStoreError
        If nobody has said so.
    """
    holding = _CLASSES.get(path.rpartition("/")[2])
    if holding is None:
        raise UnclassifiedStoreError(path)
    return holding


def alike(path: str) -> tuple[str, Holding]:
    """Return the pattern of a store of which there are many alike, and what each of them holds.

    Raises
    ------
    UnclassifiedStoreError
        If nobody has said so.
    """
    for pattern, holding in _MANY.items():
        if re.search(pattern, path):
            return pattern, holding
    raise UnclassifiedStoreError(path)
