"""Whether Property Finder's own state is as the files say, as far as a reading lets it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from reconciler.sandbox.propertyfinder import Readings, User

ACCOUNT = {
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "mobile": "mobile",
    "status": "status",
}
PUBLIC = {
    **{
        name: name
        for name in (
            *("name", "phone", "phoneSecondary", "whatsappPhone", "linkedinAddress"),
            *("experienceSince", "nationality", "spokenLanguages"),
        )
    },
    "publicEmail": "email",
}
"""What the profile calls what a file has."""
CODES = {"en": 1, "ru": 6, "ro": 34, "Romanian": 34, "Berber": 48}
LISTS = ("spokenLanguages", "compliances")
"""What null clears; it clears nothing else."""
MAIL, PHONES = ("email", "publicEmail"), ("mobile", "phone", "phoneSecondary", "whatsappPhone")


def wishes(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The section of a file, with what it inherits."""
    wanted = dict(declared["propertyfinder"])
    for name in ("name", "phone", "avatar"):
        if name in declared:
            wanted.setdefault(name, declared[name])
    if "email" in wanted:
        wanted.setdefault("publicEmail", wanted["email"])
    return wanted


def by_email(users: Mapping[int, User], email: str) -> int:
    """The id of the one user with this login, in whatever case."""
    (found,) = [user.id for user in users.values() if user.email.lower() == email.lower()]
    return found


def stored(name: str, value: Any, reading: Readings) -> Any:
    """What the portal makes of a value that it is given; a login or a phone in any form of it."""
    if name == "spokenLanguages":
        return sorted(CODES[each] for each in value or [])
    if not isinstance(value, str):
        return value
    if reading.strings != "kept":
        value = value.strip()
    if reading.strings == "normalised":
        value = unicodedata.normalize("NFC", value)
        value = value if name == "bio" else " ".join(value.split())
    return plain(name, value)


def plain(name: str, value: Any) -> Any:
    """A value without what says nothing: case of an e-mail, notation of a phone, order, and the part
    of a link that leads nowhere else."""
    if name == "spokenLanguages":
        return sorted(value or [])
    if not isinstance(value, str):
        return value
    if name in PHONES:
        digits = "".join(char for char in value if char == "+" or char.isdigit())
        return re.sub(r"^0(?!0)", "+373", re.sub(r"^00", "+", digits))
    if name == "linkedinAddress":
        return unquote(value.replace("www.", "").rstrip("/"))
    return value.lower() if name in MAIL else value


def declared_is_true(wanted: Mapping[str, Any], user: User, reading: Readings, where: str) -> None:
    """What the file declares is what the portal has, as far as it takes it."""
    for name, own in ACCOUNT.items():
        if name in wanted:
            assert plain(name, getattr(user, own)) == stored(name, wanted[name], reading), (
                where,
                name,
            )
    if "roleId" in wanted:
        assert user.role_id == {"agent": 3}.get(wanted["roleId"], wanted["roleId"]), where
    profile = user.profile or {}
    for name, own in PUBLIC.items():
        if name not in wanted or (wanted[name] is None and name not in LISTS):
            continue
        assert plain(name, profile.get(own)) == stored(name, wanted[name], reading), (where, name)
    for name in ("bio", "position"):
        for part, text in texts(wanted.get(name)).items():
            if part == "secondary" and reading.texts_taken == "string":
                continue  # such a portal has no way to take it
            assert (profile.get(name, {}).get(part) or "") == stored(name, text, reading), (
                where,
                name,
            )
    if "compliances" in wanted:
        assert are_numbers(wanted["compliances"] or [], profile.get("compliances") or []), where
    avatar = wanted.get("avatar")
    if avatar is not None and reading.picture_import != "never":
        assert unquote(str(user.picture_source)) == unquote(avatar["url"]), where


def are_numbers(declared: list[Any], stored: list[Any]) -> bool:
    """Whether a broker's numbers are the declared ones; without a declared date, any is right."""
    left = [{**each, "expiryDate": (each["expiryDate"] or "")[:10]} for each in stored]
    for number in sorted(declared, key=len, reverse=True):
        found = next((each for each in left if number.items() <= each.items()), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def texts(value: Any) -> dict[str, str]:
    """A declared text by its languages."""
    return {} if value is None else value if isinstance(value, dict) else {"primary": value}


def undeclared_is_untouched(
    wanted: Mapping[str, Any], before: User, after: User, reading: Readings, where: str
) -> None:
    """What the file does not declare is as it was, and what it declares as null and the portal
    cannot clear. The other language of a text is what no client
    can keep where a portal does not show it (the plan warns), or does not take it at all."""
    for name in {*ACCOUNT} - {*wanted}:
        assert getattr(after, ACCOUNT[name]) == getattr(before, ACCOUNT[name]), (where, name)
    if "roleId" not in wanted:
        assert after.role_id == before.role_id, where
    assert after.profile_id == before.profile_id, where
    if before.profile is None:
        assert after.profile is None, where
        return
    assert after.profile is not None, where
    untouched = {name for name in PUBLIC if wanted.get(name) is None and name not in LISTS}
    for name in untouched | ({*PUBLIC} - {*wanted}):
        assert after.profile[PUBLIC[name]] == before.profile[PUBLIC[name]], (where, name)
    if wanted.get("avatar") is None:
        assert after.profile["imageVariants"] == before.profile["imageVariants"], where
    blind = reading.texts == "string" or reading.texts_taken == "string"
    for name in ("bio", "position"):
        given = texts(wanted.get(name))
        if given and blind and reading.texts_partial == "replace":
            continue
        for part in {"primary", "secondary"} - {*given}:
            kept, now = (side.profile[name][part] or "" for side in (before, after))
            # The portal's own spelling of the text that was sent along.
            alike = {kept, stored(name, kept, reading)} if given else {kept}
            assert now in alike, (where, name, part)
    for name in {"verification", "compliances", "isSuperAgent"} - {*wanted}:
        assert after.profile[name] == before.profile[name], (where, name)
