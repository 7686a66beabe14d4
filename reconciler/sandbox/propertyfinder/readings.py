"""What the documents leave open, as switches (`apis/propertyfinder.md`, "Doubts").

A default is the behaviour of the vendor's reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from reconciler.sandbox.switches import Doubts, Switches, switch

SCOPES = ("users:read", "users:full_access", "roles:read")


@dataclass(frozen=True, slots=True)
class Readings(Doubts):
    """One reading of every doubt in `apis/propertyfinder.md`; `str()` gives the switches."""

    PREFIX: ClassVar[str] = "pf_"

    token_path: Literal["/v1/auth/token", "/oauth/token"] = switch(
        "/v1/auth/token", "Doubt 1: where a token is asked for."
    )
    deactivate_by: Literal["isActive", "status"] = switch(
        "isActive", "Doubt 2: what a PATCH deactivates by; status is active, inactive or archived."
    )
    deactivate_other: Literal["refused", "ignored"] = switch(
        "refused", "Doubt 2: what the one of isActive and status that is not meant does."
    )
    names: Literal["parts", "one"] = switch(
        "parts",
        "Doubt 3: whether a user has firstName and lastName, or one name, which is the public one; "
        "then both are taken, kept nowhere and shown as null.",
    )
    texts: Literal["object", "string"] = switch(
        "object", "Doubt 4: whether bio and position are shown in both languages or the primary."
    )
    texts_taken: Literal["object", "string", "either"] = switch(
        "object", "Doubt 4: the form in which bio and position are taken."
    )
    texts_partial: Literal["merge", "replace"] = switch(
        "merge", "Doubt 4: whether the language left out is kept or emptied."
    )
    picture_import: Literal["at-once", "after-reads", "after-time", "never"] = switch(
        "at-once", "Doubt 5: when a picture is shown; never is a silent failure."
    )
    patch_answer: Literal["204", "200"] = switch(
        "204", "Doubt 6: a PATCH answers with nothing, or with the user."
    )
    nulls: Literal["clears", "ignored", "refused"] = switch(
        "clears", "Bodies: what null does to a public field that need not be there."
    )
    strings: Literal["kept", "trimmed", "normalised"] = switch(
        "kept",
        "Bodies: what becomes of texts; normalised is trimmed, NFC, one blank, e-mails in lower "
        "case, phones without separators.",
    )
    contacts: Literal["optional", "required"] = switch(
        "optional", "Bodies: whether a creation needs the public name, e-mail and phone."
    )
    errors: Literal["by-header", "older"] = switch(
        "by-header", "Errors: in the form that X-PF-Error-Format asks for, or in the older always."
    )
    scope_detail: Literal["named", "unnamed"] = switch(
        "named", "Errors: whether a 403 names the scope that is missing."
    )
    retry: Literal["nothing", "retry-after"] = switch(
        "nothing", "Limits: whether a 429 carries Retry-After."
    )


@dataclass(frozen=True, slots=True)
class Limits(Switches):
    """The numbers of `apis/propertyfinder.md`, and those that some readings need."""

    PREFIX: ClassVar[str] = "pf_"

    rate_limit: int = switch(650, "Requests a window, all but those for a token.")
    token_rate_limit: int = switch(60, "Requests for a token a window.")
    rate_window: float = switch(60.0, "Length of a window in seconds, from its first request.")
    token_lifetime: int = switch(1800, "Seconds that a token is good for.")
    import_reads: int = switch(
        1, "Times a list still shows the former picture, with --pf-picture-import after-reads."
    )
    import_time: float = switch(
        5.0, "Seconds until a new picture is shown, with --pf-picture-import after-time."
    )
