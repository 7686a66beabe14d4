"""What the documents leave open, as switches: one field a doubt (`apis/rentix.md`, "Doubts").

A default is the behaviour that the documents say most plainly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.sandbox.switches import Doubts, Switches, switch


@dataclass(frozen=True, slots=True)
class Readings(Doubts):
    """One reading of every doubt in `apis/rentix.md`; `str()` gives the command line's switches."""

    creation: Literal["invite", "upsert"] = switch(
        "invite", "Doubt 1: agents are invited only, or a PUT with a new externalId creates one."
    )
    phone_on_existing: Literal["ignored", "refused"] = switch(
        "ignored", "Doubt 2: what a phone sent for an agent that exists does."
    )
    description: Literal["as-put", "string", "object"] = switch(
        "as-put", "Doubt 3: what a description reads back as."
    )
    description_language: Literal["ru", "en", "ro"] = switch(
        "ru",
        "Doubt 3: the language shown by --description string; if empty, the first that is not.",
    )
    description_partial: Literal["merge", "replace"] = switch(
        "merge", "Doubt 3: whether languages left out of an object are kept or emptied."
    )
    description_empty: Literal["null", "omitted", "blank"] = switch(
        "null", "Doubt 3: how an object shows a language without text."
    )
    avatar_import: Literal["at-once", "late", "never"] = switch(
        "at-once", "Doubt 4: when a picture from a URL is shown; never is a silent failure."
    )
    avatar_ids: Literal["any", "known"] = switch(
        "any", "Doubt 4: whether any picture id is taken, or only one loaded or imported here."
    )
    settings_partial: Literal["merge", "replace"] = switch(
        "merge", "Doubt 5: whether channels left out are kept or go back to on."
    )
    social_null: Literal["clears", "ignored"] = switch(
        "clears", "Doubt 6: what null does to instagram, youtube and tiktok."
    )
    strings: Literal["kept", "trimmed", "normalised"] = switch(
        "kept", "Doubt 7: what becomes of names and texts; normalised is trimmed, NFC, one blank."
    )
    bulk_by_id: Literal["accepted", "refused"] = switch(
        "accepted", "Doubt 8: whether an operation of a bulk may name its agent by id."
    )
    bulk_refusal: Literal["413", "400"] = switch(
        "413", "Limits: the status for more operations than --bulk-limit."
    )
    listing: Literal["whole", "next", "total"] = switch(
        "whole", "Endpoints: the list in one answer, or in pages marked by next or by total only."
    )
    conflict_status: Literal["409", "400"] = switch(
        "409", "Errors: the status, which is not stated, where an external id is already linked."
    )
    retry: Literal["retry-after", "reset-only"] = switch(
        "retry-after", "Limits: whether a 429 carries Retry-After or X-RateLimit-Reset alone."
    )


@dataclass(frozen=True, slots=True)
class Limits(Switches):
    """The numbers of `apis/rentix.md`, "Limits", and those that some readings need."""

    rate_limit: int = switch(300, "Requests a window, all endpoints.")
    bulk_rate_limit: int = switch(30, "Requests a window, bulk endpoints; they count as both.")
    rate_window: float = switch(60.0, "Length of a window in seconds, from its first request.")
    body_limit: int = switch(512 * 1024, "Bytes of a body, past it 413.")
    bulk_limit: int = switch(100, "Operations in one bulk request.")
    page_size: int = switch(50, "Agents a page, with --listing next or total.")
    import_reads: int = switch(
        1, "List reads that still show the former picture, with --avatar-import late."
    )
