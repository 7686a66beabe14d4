"""What POST and PATCH accept: checked as a whole first, then written into a user.

Facts: docs/portals/propertyfinder.md, "What POST and PATCH take".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from reconciler.sandbox.gate import RefusalError
from reconciler.sandbox.propertyfinder.facts import LANGUAGES, NATIONALITIES
from reconciler.sandbox.propertyfinder.readings import Limits, Readings
from reconciler.sandbox.propertyfinder.user import (
    CONTACTS,
    STATUSES,
    STRINGS,
    TEXT_LANGUAGES,
    TEXTS,
    User,
    compliance,
)
from reconciler.sandbox.values import Json, is_id, split_https

_PHONES = ("mobile", "phone", "phoneSecondary", "whatsappPhone")
_LISTS = ("spokenLanguages", "compliances")


class Problem(NamedTuple):
    """What is wrong, and a JSON pointer to its place in the body."""

    detail: str
    pointer: str


class ProblemsError(RefusalError):
    """A refused body: 400 if it breaks the schema, 422 if it breaks a business rule."""

    def __init__(self, status: int, problems: list[Problem]) -> None:
        """Take the status and every problem."""
        broken = "the schema" if status == 400 else "a business rule"
        super().__init__(status, f"The request breaks {broken}")
        self.problems = problems


Check = Callable[[Any, str], Iterator[Problem]]
"""Yields the problems of a value; the string is a JSON pointer to it."""


def _that(valid: Callable[[Any], object], detail: str) -> Check:
    """Return a check with one possible problem."""

    def check(value: object, pointer: str) -> Iterator[Problem]:
        if not valid(value):
            yield Problem(detail, pointer)

    return check


def _text(pattern: str, detail: str) -> Check:
    """Return a check for strings that match a pattern."""
    return _that(lambda it: isinstance(it, str) and re.fullmatch(pattern, it, re.DOTALL), detail)


def _object(checks: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """Return a check for objects with these keys and no others."""

    def check(value: object, pointer: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem("must be an object", pointer)
            return
        for key in required:
            if key not in value:
                yield Problem("is required", f"{pointer}/{key}")
        for key, each in value.items():
            where = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in checks:
                yield from checks[key](each, where)
            else:
                yield Problem("is not known", where)

    return check


def _or_null(check: Check) -> Check:
    """Return the same check, which also accepts null."""
    return lambda value, pointer: iter(()) if value is None else check(value, pointer)


def _check_languages(value: object, pointer: str) -> Iterator[Problem]:
    """Yield the problems of a list of spoken languages."""
    yield from _LIST(value, pointer)
    ids = value if isinstance(value, list) else []
    for place, each in enumerate(ids):
        if type(each) is not int or each not in LANGUAGES:
            yield Problem("must be the id of a language", f"{pointer}/{place}")
        elif each in ids[:place]:
            yield Problem("must not appear twice", f"{pointer}/{place}")


def _check_compliances(value: object, pointer: str) -> Iterator[Problem]:
    """Yield the problems of a list of compliances; the vendor's schema lets each have more keys."""
    yield from _LIST(value, pointer)
    for place, each in enumerate(value if isinstance(value, list) else []):
        known = {key: each[key] for key in _COMPLIANCE if key in each} if _is_object(each) else each
        yield from _object(_COMPLIANCE, ("type", "value"))(known, f"{pointer}/{place}")


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_ANY = _that(lambda _: True, "")
_LIST = _that(lambda it: isinstance(it, list), "must be an array")
_STRING = _text(".*", "must be a string")
_NAME = _text(".{2,}", "must be a string of 2 or more characters")
_URI = _text(
    "[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#@!$&'()*+,;=-]|\\[|\\]|%[0-9A-Fa-f]{2})+",
    "must be a URI",
)
_EMAIL = _text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "must be an e-mail address")
_PHONE = _text(r"\+?[0-9][0-9\s().-]{6,17}", "must be a phone number")
_COMPLIANCE = {
    "type": _STRING,
    "value": _STRING,
    "expiryDate": _that(_is_date, "must be a date"),
}
_NEW_ACCOUNT = {"firstName": _NAME, "lastName": _NAME, "email": _EMAIL, "mobile": _PHONE}
_ACCOUNT = _NEW_ACCOUNT | {"firstName": _STRING, "lastName": _STRING}
_DEACTIVATION = {
    "isActive": _that(lambda it: type(it) is bool, "must be a boolean"),
    "status": _that(lambda it: it in STATUSES, f"must be one of {', '.join(STATUSES)}"),
}
_PROFILE = {
    **dict.fromkeys(STRINGS, _STRING),
    "email": _EMAIL,
    "phone": _PHONE,
    "phoneSecondary": _PHONE,
    "whatsappPhone": _PHONE,
    "imageUrl": _URI,
    "linkedinAddress": _URI,
    "experienceSince": _that(
        lambda it: type(it) is int and 1000 <= it <= 9999, "must be a year of four digits"
    ),
    "nationality": _that(lambda it: it in NATIONALITIES, "must be the code of a country"),
    "spokenLanguages": _or_null(_check_languages),
    "compliances": _or_null(_check_compliances),
}


def _texts(readings: Readings) -> Check:
    """Return the check of bio and position: objects, strings, or either (doubt 4)."""
    as_object = _object(dict.fromkeys(TEXT_LANGUAGES, _STRING))
    if readings.texts_taken == "object":
        return as_object
    if readings.texts_taken == "string":
        return _STRING
    return lambda value, pointer: (as_object if _is_object(value) else _STRING)(value, pointer)


def _profile(readings: Readings) -> dict[str, Check]:
    """Return the checks of the public profile."""
    return _PROFILE | dict.fromkeys(TEXTS, _texts(readings))


def credentials(body: Any) -> Json:  # noqa: ANN401 - it is what is checked
    """Return a checked token request. Raises `ProblemsError`."""
    checks = {
        "apiKey": _text(".{40}", "must be a string of 40 characters"),
        "apiSecret": _text(".{32}", "must be a string of 32 characters"),
    }
    return _checked(body, _object(checks, checks))


def new_user(body: Any, readings: Readings) -> Json:  # noqa: ANN401
    """Return a checked creation. Raises `ProblemsError`."""
    profile = _object(_profile(readings), CONTACTS)
    role = _that(is_id, "must be an integer")
    checks = {**_NEW_ACCOUNT, "roleId": role, "publicProfile": profile}
    return _checked(body, _object(checks, checks))


def account(body: Any, readings: Readings) -> Json:  # noqa: ANN401
    """Return a checked change of a user's private part. Raises `ProblemsError`."""
    checks = _ACCOUNT | {"roleId": _text("[0-9]{1,15}", "must be a string of digits")}
    for key, check in _DEACTIVATION.items():  # doubt 2
        if key == readings.deactivate_by:
            checks[key] = check
        elif readings.deactivate_other == "ignored":
            checks[key] = _ANY
    return _checked(body, _object(checks))


def profile(body: Any, readings: Readings) -> Json:  # noqa: ANN401
    """Return a checked change of a public profile. Raises `ProblemsError`."""
    return _checked(body, _object(_profile(readings)))


def _checked(body: Any, check: Check) -> Json:  # noqa: ANN401
    """Return the body. Raises a `ProblemsError` of 400 with every problem."""
    if problems := list(check(body, "")):
        raise ProblemsError(400, problems)
    checked: Json = body
    return checked


def write_account(user: User, body: Json, readings: Readings) -> None:
    """Write a checked private part into a user; what it omits is kept."""
    values = {key: _stored(key, value, readings) for key, value in body.items()}
    user.first_name = values.get("firstName", user.first_name)
    user.last_name = values.get("lastName", user.last_name)
    user.email = values.get("email", user.email)
    user.mobile = values.get("mobile", user.mobile)
    user.role_id = int(values.get("roleId", user.role_id))
    status = values.get(readings.deactivate_by, user.status)
    user.status = {True: "active", False: "inactive"}.get(status, status)


def write_profile(user: User, body: Json, readings: Readings, limits: Limits, now: float) -> None:
    """Write a checked public part into a user with a profile; what it omits is kept."""
    user.profile = dict(user.profile or {})
    for key, value in body.items():
        if key == "imageUrl":
            _import_picture(user, value, readings, limits, now)
        elif key in TEXTS:
            user.profile[key] = _merged(key, value, user.profile[key], readings)
        elif key == "compliances":
            user.profile[key] = [compliance(each) for each in value or []]
        elif key == "spokenLanguages":
            user.profile[key] = value or []
        else:
            user.profile[key] = _stored(key, value, readings)


def _stored(key: str, value: Any, readings: Readings) -> Any:  # noqa: ANN401
    """Return a value as the portal stores it: a string may be trimmed or normalised."""
    if not isinstance(value, str) or readings.strings == "kept":
        return value
    if readings.strings == "normalised":
        value = unicodedata.normalize("NFC", value)
        if key in _PHONES:
            value = re.sub(r"[\s().-]", "", value)
        elif key == "email":
            value = value.lower()
        elif key != "bio":
            value = " ".join(value.split())
    return value.strip()


def _merged(key: str, value: Json | str, before: Json, readings: Readings) -> Json:
    """Return bio or position after a change (doubt 4); a string is the primary text."""
    texts = value if isinstance(value, dict) else {"primary": value}
    rest = before if readings.texts_partial == "merge" else dict.fromkeys(TEXT_LANGUAGES)
    return rest | {language: _stored(key, text, readings) for language, text in texts.items()}


def _import_picture(user: User, url: str, readings: Readings, limits: Limits, now: float) -> None:
    """Import a picture: now, later, or never (doubt 5). Another scheme than https never arrives."""
    if readings.picture_import == "never" or split_https(url) is None:
        return
    user.picture_pending = None  # this replaces an unfinished import
    if readings.picture_import == "at-once":
        user.show_picture(url)
    else:
        by_reads = readings.picture_import == "after-reads"
        reads, at = (limits.import_reads, now) if by_reads else (0, now + limits.import_time)
        user.picture_pending = {"url": url, "reads": reads, "at": at}
