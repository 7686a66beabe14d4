"""What Rentix's documentation leaves open, as switches: a field for each doubt.

Facts: docs/portals/rentix.md. A default is the reading that the documentation suggests most
strongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from reconciler.sandbox.switches import Doubts, Switches, switch

_PAGE = "docs/portals/rentix.md"


@dataclass(frozen=True, slots=True)
class Readings(Doubts):
    """One reading of every doubt about Rentix; `str()` returns the options that set it."""

    PAGE: ClassVar[str] = _PAGE

    creation: Literal["invite", "upsert"] = switch(
        "invite", "Whether a PUT with a new externalId creates an agent", "doubt 1"
    )
    phone_on_existing: Literal["ignored", "refused"] = switch(
        "ignored", "What happens to a phone sent for an existing agent", "doubt 2"
    )
    description: Literal["as-put", "string", "object"] = switch(
        "as-put", "How GET shows a description", "doubt 3"
    )
    description_language: Literal["ru", "en", "ro"] = switch(
        "ru", "Language of --description string, unless its text is empty", "doubt 3"
    )
    description_partial: Literal["merge", "replace"] = switch(
        "merge", "Whether a partial description keeps or empties other languages", "doubt 3"
    )
    description_empty: Literal["null", "omitted", "blank"] = switch(
        "null", "How an object shows a language without text", "doubt 3"
    )
    avatar_import: Literal["at-once", "late", "never"] = switch(
        "at-once", "When an imported picture appears; never is a silent failure", "doubt 4"
    )
    avatar_ids: Literal["any", "known"] = switch(
        "any", "Accept any picture id, or only ids loaded or imported here", "doubt 4"
    )
    settings_partial: Literal["merge", "replace"] = switch(
        "merge", "Whether partial settings keep other channels or turn them on", "doubt 5"
    )
    social_null: Literal["clears", "ignored"] = switch(
        "clears", "What null does to a social link", "doubt 6"
    )
    strings: Literal["kept", "trimmed", "normalised"] = switch(
        "kept", "How text is stored; normalised means trimmed, NFC, single spaces", "doubt 7"
    )
    bulk_by_id: Literal["accepted", "refused"] = switch(
        "accepted", "Whether a bulk operation may identify its agent by id", "doubt 8"
    )
    bulk_refusal: Literal["413", "400"] = switch(
        "413", "Status for a bulk request above --bulk-limit", "Limits"
    )
    listing: Literal["whole", "next", "total"] = switch(
        "whole", "Show the whole list, or pages with a next link or only a total", "Calls"
    )
    conflict_status: Literal["409", "400"] = switch(
        "409", "Status for linking an external id that is taken", "Errors"
    )
    retry: Literal["retry-after", "reset-only"] = switch(
        "retry-after", "Send Retry-After with a 429, or only X-RateLimit-Reset", "Limits"
    )
    agency: Literal[
        "documented", "text-id", "no-name", "no-id", "list", "html", "403", "404", "405", "500"
    ] = switch(
        "documented", "What GET /agency returns: a form of the agency, or an error", "doubt 10"
    )


@dataclass(frozen=True, slots=True)
class Limits(Switches):
    """Rentix's limits, and the numbers that some readings need."""

    PAGE: ClassVar[str] = _PAGE

    rate_limit: int = switch(300, "Requests per window, all endpoints", "Limits")
    bulk_rate_limit: int = switch(30, "Bulk requests per window", "Limits")
    rate_window: float = switch(60.0, "Seconds per window, from its first request", "Limits")
    body_limit: int = switch(512 * 1024, "Bytes per body; a larger one gets 413", "Limits")
    bulk_limit: int = switch(100, "Operations per bulk request", "Limits")
    page_size: int = switch(50, "Agents per page, with --listing next or total", "Calls")
    import_reads: int = switch(
        1, "List reads before a new picture appears, with --avatar-import late", "doubt 4"
    )
