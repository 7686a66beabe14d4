"""What Property Finder's documentation leaves open, as switches: a field for each doubt.

Facts: docs/portals/propertyfinder.md. The defaults are the reading of the vendor's schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from reconciler.sandbox.switches import Doubts, Switches, switch

SCOPES = ("users:read", "users:full_access", "roles:read", "listings:read")

_PAGE = "docs/portals/propertyfinder.md"


@dataclass(frozen=True, slots=True)
class Readings(Doubts):
    """One reading of every doubt about Property Finder; `str()` returns the options that set it."""

    PREFIX: ClassVar[str] = "pf_"
    PAGE: ClassVar[str] = _PAGE

    token_path: Literal["/v1/auth/token", "/oauth/token"] = switch(
        "/v1/auth/token", "Path of the token endpoint", "doubt 1", ("/oauth/token",)
    )
    deactivate_by: Literal["isActive", "status"] = switch(
        "isActive", "Field of a PATCH that deactivates a user", "doubt 2", ("status",)
    )
    deactivate_other: Literal["refused", "ignored"] = switch(
        "refused", "What a PATCH does with the other field, isActive or status", "doubt 2"
    )
    shape: Literal["current", "more", "older"] = switch(
        "current",
        "What GET shows: role and no hidden values; more: also roleId, and the hidden values that "
        "are set; older: roleId without role, all hidden values, and null for unset ones",
        "doubt 3",
        ("older",),
    )
    texts: Literal["object", "string"] = switch(
        "object",
        "Show bio and position in both languages, or only the primary text",
        "doubt 4",
        ("string",),
    )
    texts_taken: Literal["object", "string", "either"] = switch(
        "object", "Form in which bio and position are accepted", "doubt 4", ("string",)
    )
    texts_partial: Literal["merge", "replace"] = switch(
        "merge", "Whether a partial text keeps or empties the other language", "doubt 4"
    )
    picture_import: Literal["at-once", "after-reads", "after-time", "never"] = switch(
        "at-once", "When an imported picture appears; never is a silent failure", "doubt 5"
    )
    patch_answer: Literal["204", "200"] = switch(
        "204", "Answer a PATCH with no body, or with the user", "doubt 6", ("200",)
    )
    listing: Literal["all", "active"] = switch(
        "all", "Users that a list without the filter status has", "doubt 7"
    )
    strings: Literal["kept", "trimmed", "normalised"] = switch(
        "kept",
        "How text is stored; normalised means trimmed, NFC, single spaces, e-mails in lower case, "
        "phones without separators",
        "What POST and PATCH take",
    )
    errors: Literal["by-header", "older"] = switch(
        "by-header", "Format of errors: as X-PF-Error-Format asks, or always the older", "Errors"
    )
    scope_detail: Literal["named", "unnamed"] = switch(
        "named", "Whether a 403 names the missing scope", "Authentication"
    )
    retry: Literal["nothing", "retry-after"] = switch(
        "nothing", "Whether a 429 includes Retry-After", "Limits"
    )


@dataclass(frozen=True, slots=True)
class Limits(Switches):
    """Property Finder's limits, and the numbers that some readings need."""

    PREFIX: ClassVar[str] = "pf_"
    PAGE: ClassVar[str] = _PAGE

    rate_limit: int = switch(650, "Requests per window, except for tokens", "Limits")
    token_rate_limit: int = switch(60, "Token requests per window", "Limits")
    rate_window: float = switch(60.0, "Seconds per window, from its first request", "Limits")
    token_lifetime: int = switch(1800, "Seconds until a token expires", "Authentication")
    import_reads: int = switch(
        1,
        "List reads before a new picture appears, with --pf-picture-import after-reads",
        "doubt 5",
    )
    import_time: float = switch(
        5.0, "Seconds before a new picture appears, with --pf-picture-import after-time", "doubt 5"
    )
