"""The section `portals.propertyfinder` of `reconciler.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reconciler.documents.config import Section, Url, order
from reconciler.portals.propertyfinder.table import TOKEN_PATH, URL

_PATH = r"^/[A-Za-z0-9/._-]+$"
Identifiers = list[Literal["id", "email"]]


def _advise_path(text: str) -> str | None:
    return f"/{text}" if re.search(_PATH, f"/{text}") else None


class PropertyFinder(Section):
    """Settings for Property Finder."""

    title: ClassVar[str] = "Property Finder"
    rules: ClassVar[Mapping[str, str]] = {
        "token_path": f"`token_path` must be a path that begins with /, such as {TOKEN_PATH}"
    }
    advice: ClassVar[Mapping[str, Callable[[str], str | None]]] = {"token_path": _advise_path}

    url: Url = URL
    create: Annotated[
        Literal["always", "never"],
        Field(description="Whether to create an agent that the portal does not have."),
    ] = "always"
    match: Annotated[Identifiers, *order()] = ["id", "email"]  # noqa: RUF012 - pydantic copies it
    on_removed: Annotated[
        Literal["report", "deactivate"],
        Field(
            description="What to do with a live agent that was applied from here and that no file "
            "declares any more: report it, or take it off all listings (deactivate)."
        ),
    ] = "report"
    token_path: Annotated[
        str,
        Field(
            pattern=_PATH,
            description="Path that issues tokens; older installations have /oauth/token.",
        ),
    ] = TOKEN_PATH
    deactivate_by: Annotated[
        Literal["isActive", "status"],
        Field(description="Attribute that activates and deactivates an agent."),
    ] = "isActive"
