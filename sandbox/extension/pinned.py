"""The one door through which the extension reaches into the emulator.

Everything it replaces is private to the emulator, so each replacement is tied to the exact version it was
written against. A different version is refused before anything is changed: a patch that silently no longer
applies would be worse than no emulator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeAlias

# What the emulator holds, takes and gives: it has no types.
Emulated: TypeAlias = Any

PINNED_VERSION: Final = "1.5.33"

_MISSING: Final = object()


class UnsupportedEmulatorError(RuntimeError):
    """The installed emulator is not the one the extension was written against."""

    def __init__(self, *, found: str, detail: str = "") -> None:
        self.found = found
        super().__init__(
            f"The extension needs ministack=={PINNED_VERSION}, found {found}{detail}. "
            f"Run: pip install ministack=={PINNED_VERSION}"
        )


@dataclass(frozen=True)
class Patch:
    """One thing the extension changed, and why."""

    target: str
    why: str


applied: list[Patch] = []


def require_pinned_version() -> None:
    """Refuse any emulator version but the pinned one.

    Raises
    ------
    UnsupportedEmulatorError
        Naming the version found and the version expected.
    """
    try:
        found = version("ministack")
    except PackageNotFoundError:
        raise UnsupportedEmulatorError(found="none") from None
    if found != PINNED_VERSION:
        raise UnsupportedEmulatorError(found=found)


def patch(owner: Emulated, name: str, replacement: Emulated, *, why: str) -> Emulated:
    """Replace an attribute of the emulator and return what stood there.

    Parameters
    ----------
    owner
        The module or class that holds the attribute.
    name
        The attribute; it must exist.
    replacement
        What to put in its place.
    why
        One line, listed by the admin endpoint.
    """
    require_pinned_version()
    target = f"{getattr(owner, '__qualname__', owner.__name__)}.{name}"
    original = getattr(owner, name, _MISSING)
    if original is _MISSING:
        raise UnsupportedEmulatorError(found=f"{PINNED_VERSION} without {target}")
    setattr(owner, name, replacement)
    applied.append(Patch(target=target, why=why))
    return original


def patch_text(owner: Emulated, name: str, *, old: str, new: str, why: str) -> None:
    """Replace a fragment of a string constant of the emulator; the fragment must occur exactly once."""
    text = getattr(owner, name)
    if text.count(old) != 1:
        raise UnsupportedEmulatorError(found=PINNED_VERSION, detail=f" with another {name}")
    patch(owner, name, text.replace(old, new), why=why)


Create = Callable[[str, dict[str, Any], str], tuple[str, dict[str, Any]]]
Update = Callable[[str, dict[str, Any], dict[str, Any], str, str], tuple[str, dict[str, Any]]]
Delete = Callable[[str, dict[str, Any]], None]


def resource(resource_type: str, *, create: Create, delete: Delete, update: Update | None = None, why: str) -> None:
    """Teach CloudFormation a resource type.

    Parameters
    ----------
    resource_type
        For example ``AWS::Batch::JobQueue``.
    create
        ``(logical id, properties, stack name) -> (physical id, attributes)``. Without ``update`` it is also
        called for a changed resource, so it must then be idempotent.
    delete
        ``(physical id, properties)``.
    update
        ``(physical id, old properties, new properties, stack name, logical id)``.
    why
        One line, listed by the admin endpoint.
    """
    require_pinned_version()
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415  # imports every service

    entry: dict[str, Any] = {"create": create, "delete": delete}
    if update is not None:
        entry |= {"update": update, "update_with_logical_id": True}
    provisioners._RESOURCE_HANDLERS[resource_type] = entry
    applied.append(Patch(target=f"CloudFormation {resource_type}", why=why))


def accepted(response: Emulated, *, what: str) -> bytes:
    """The body of a service's answer.

    Parameters
    ----------
    response
        ``(status, headers, body)``.
    what
        Named in the error.

    Raises
    ------
    ValueError
        The service refused; CloudFormation then fails the stack with this message.
    """
    status, _, body = response
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise ValueError(f"{what} was refused: {body!r}")
    return body if isinstance(body, bytes) else str(body).encode()


def physical_name(stack_name: str, logical_id: str, *, max_length: int = 128) -> str:
    """The name CloudFormation would generate; stable for one resource of one stack."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415  # imports every service

    return str(provisioners._physical_name(stack_name, logical_id, max_len=max_length))
