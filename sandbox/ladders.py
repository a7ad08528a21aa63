"""How the ladder of a version was found, as the catalog tells it."""

from __future__ import annotations

from lambdas.common.ladder import LadderReport
from sandbox.deployed import Deployed
from sandbox.operating import operate


def ladder_of(platform: Deployed, *, title_id: str, version_id: str) -> LadderReport | None:
    """Return how the ladder of a version was found; none, if nobody has searched for it.

    Raises
    ------
    OperationError
        If the catalog does not know the title.
    NotDeployedError
        If the catalog stack is not deployed.
    """
    told = operate(platform, {"title_id": title_id}, context="catalog", output="VersionsFunction")
    [found] = [version["ladder"] for version in told["versions"] if version["version_id"] == version_id]
    return LadderReport.model_validate(found) if found else None
