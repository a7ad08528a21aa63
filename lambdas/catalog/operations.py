"""What viewers reach of the catalog."""

from __future__ import annotations

from lambdas.catalog.models import TitleList
from lambdas.common.operations import Operation

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/catalog/titles",
        handler="lambdas.catalog.handlers.list_titles",
        tag="Catalog",
        summary="List what is published, by name",
        answer=TitleList,
        refusals=(),
    ),
)
