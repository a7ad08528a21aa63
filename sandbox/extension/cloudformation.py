"""CloudFormation: outputs across regions, and which resource types may block."""

from typing import Any, Final

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services.cloudformation import engine, stacks

from sandbox.extension.pinned import Emulated, patch

_BLOCKING: Final = frozenset({"AWS::Transfer::Server"})


def apply() -> None:
    """Install the corrections."""
    _read_outputs_of_other_regions()
    _allow_blocking()


def _read_outputs_of_other_regions() -> None:
    def resolve(value: Emulated, *scope: Emulated) -> Emulated:
        reference = value.get("Fn::GetStackOutput") if isinstance(value, dict) else None
        if not isinstance(reference, dict):
            return stock(value, *scope)
        region = stock(reference.get("Region") or get_region(), *scope)
        with request_scope(get_account_id(), region):
            return stock(value, *scope)

    stock = patch(
        engine,
        "_resolve_refs",
        resolve,
        why="Stock looks for Fn::GetStackOutput, which CDK's weak references use, in the stack's own region only",
    )
    for module in _importers():
        patch(module, "_resolve_refs", resolve, why="The same, where it was imported by name")


def _importers() -> list[Any]:
    from ministack.services.cloudformation import changesets, drift, handlers, language_extensions  # noqa: PLC0415

    candidates = (stacks, changesets, drift, handlers, language_extensions)
    return [module for module in candidates if hasattr(module, "_resolve_refs")]


def _allow_blocking() -> None:
    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in _BLOCKING or bool(stock(resource_type))

    stock = patch(
        stacks,
        "_runs_on_worker_thread",
        runs_on_worker_thread,
        why="A resource that waits for a listener must not hold the event loop",
    )
