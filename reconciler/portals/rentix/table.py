"""Rentix: the vendor's facts about users. Each one is stated here and nowhere else."""

from __future__ import annotations

from functools import partial

from reconciler.core.fields import Field, Identifier, Sort, phone
from reconciler.core.model import RateLimit
from reconciler.core.pictures import PictureRules
from reconciler.portals.attribute import Attribute

NAME = "rentix"
URL = "https://crm.rentix.md/api/v1"
SECRETS = ("RENTIX_API_KEY",)
AGENCY = "/agency"
LONGEST_ID = 255
"""Characters of an agency's id; a longer text is not one."""
USERS = "/users"
BULK = "/users/bulk"

LANGUAGES = {"ru": "Russian", "en": "English", "ro": "Romanian"}
CHANNELS = {
    "contact_phone": "Clients may call.",
    "contact_whatsapp": "Clients may write on WhatsApp.",
    "contact_viber": "Clients may write on Viber.",
    "contact_telegram": "Clients may write on Telegram.",
}


def _page(name: str, site: str, *hosts: str, handle: str) -> Attribute:
    return Attribute(
        Field(name, Sort.LINK),
        f"{site} page",
        f"https://{hosts[0]}/{handle}ivan.petrov",
        clears=True,
        hosts=hosts,
        handle=handle,
    )


ATTRIBUTES = (
    Attribute(Field("name", Sort.TEXT), "Name that clients see", "Ivan Petrov"),
    Attribute(
        Field("description", Sort.TEXTS, tuple(LANGUAGES)),
        "What the agent says about themselves",
        "Sells flats in Chișinău.",
        parts=LANGUAGES,
    ),
    Attribute(Field("avatar", Sort.PICTURE), "The agent's picture", clears=True, by_id=True),
    _page("instagram", "Instagram", "instagram.com", handle=""),
    _page("youtube", "YouTube", "youtube.com", "youtu.be", handle="@"),
    _page("tiktok", "TikTok", "tiktok.com", handle="@"),
    Attribute(
        Field("settings", Sort.SWITCHES, tuple(CHANNELS), default=True),
        "Ways to contact the agent",
        parts=CHANNELS,
    ),
)
FIELDS = tuple(row.field for row in ATTRIBUTES)

IDENTIFIERS = (
    Identifier("id", "pin"),
    Identifier("externalId", "key", moves="link"),
    Identifier("phone", "shared", partial(phone, region="MD")),
)
PHONE = r"^\(?\+?\(?[0-9]([ \u00a0()./-]*[0-9]){6,14}\)?$"
"""A phone as a file may write it."""
NEEDS = ("externalId", "name", "phone")
"""What a creation takes."""

PICTURES = PictureRules()
"""Nothing is documented but that the portal imports pictures from https addresses."""
RATE_LIMITS = (RateLimit("all", 300), RateLimit("bulk", 30, (("POST", BULK),)))
BODY_LIMIT = 512 * 1024
"""Bytes of one request's body; the portal answers 413 to more."""

ADVICE = {
    "user not found": "check the id, or invite the agent in the portal's web interface",
    "external id already linked": "use an id that is free, or unlink the other agent first",
    "user already has external id": "unlink it first",
    "externalid is required": "set bulk_by: externalId in portals.rentix",
}
"""What to do about the portal's messages, by their beginning in lower case."""
UNNAMED = "user identifier required"
"""The beginning of a bulk's message, in lower case, if the portal accepts no `id` in a bulk."""

NEXT = ("next", "nextPage")
TOTAL = "total"
PAGING = ("meta", "_meta", "pagination", "paging", "pager", "page", "pageInfo", "links", "_links")
"""Paging marks, and the objects that may hold them. No paging is documented."""
