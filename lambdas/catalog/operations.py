"""What viewers reach of the catalog."""

from __future__ import annotations

from http import HTTPStatus

from lambdas.catalog.models import ListQuery, TitleList
from lambdas.common.operations import Operation

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/catalog/titles",
        handler="lambdas.catalog.handlers.list_titles",
        tag="Catalog",
        summary="List what is published, by name",
        query=ListQuery,
        answer=TitleList,
        refusals=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    ),
)
