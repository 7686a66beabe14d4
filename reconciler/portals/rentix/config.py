"""The section `portals.rentix` of `reconciler.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reconciler.documents.config import ACCOUNT_RULE, AccountId, Section, Url, order
from reconciler.portals.rentix.table import URL

Identifiers = list[Literal["id", "externalId", "phone"]]


class Rentix(Section):
    """Settings for Rentix."""

    title: ClassVar[str] = "Rentix"
    rules: ClassVar[Mapping[str, str]] = {"account": ACCOUNT_RULE}

    url: Url = URL
    create: Annotated[
        Literal["never", "upsert"],
        Field(
            description="What to do with an agent that the portal does not have: wait until it is "
            "invited (never), or send it with its externalId (upsert)."
        ),
    ] = "never"
    match: Annotated[Identifiers, *order()] = ["id", "externalId", "phone"]  # noqa: RUF012 - pydantic copies it
    bulk: Annotated[
        int, Field(ge=1, le=1000, description="Maximum number of operations in a bulk request.")
    ] = 100
    bulk_by: Annotated[
        Literal["id", "externalId"],
        Field(description="How an operation in a bulk request identifies its agent."),
    ] = "id"
    on_removed: Annotated[
        Literal["report", "unlink"],
        Field(
            description="What to do with a live agent that was applied from here and that no file "
            "declares any more: report it, or remove its externalId (unlink)."
        ),
    ] = "report"
    account: AccountId = None  # type: ignore[assignment]  # never null in a file
