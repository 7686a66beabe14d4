"""Property Finder: how its users are read, how operations become requests, what its answers mean.

Everything here that is a fact about the vendor comes from its reference for users. Where an older
note says otherwise, the code is right under each reading: what the portal shows decides, else a
form that it refuses (and so had no effect) is followed by the other one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier, Sort, Verdict, digits, mailbox, parent
from reconciler.core.model import (
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    RateLimit,
    Request,
    Response,
    Scalar,
    Session,
    Step,
    Value,
)
from reconciler.errors import AnswerError, PortalError
from reconciler.portals.uncertain import (
    TRIES,
    Uncertain,
    compared,
    given_up,
    is_name,
    object_of,
    short,
)

# fmt: off
LANGUAGES = {
    "en": 1, "ar": 2, "fr": 3, "pl": 4, "de": 5, "ru": 6, "hi": 7, "ur": 8, "hr": 9, "es": 10,
    "fa": 11, "el": 12, "tl": 13, "bn": 14, "ta": 15, "ml": 16, "ky": 18, "uz": 19, "kk": 20,
    "zh": 21, "it": 22, "pt": 23, "nl": 24, "hu": 25, "az": 26, "tr": 27, "gu": 29, "uk": 30,
    "bg": 32, "sv": 33, "ro": 34, "af": 35, "pa": 36, "da": 37, "sr": 38, "no": 39, "yue": 40,
    "ms": 41, "sn": 42, "ps": 43, "sq": 44, "am": 45, "be": 47, "ca": 49, "cs": 50, "fi": 51,
    "ja": 52, "jv": 53, "kn": 54, "ko": 55, "ku": 56, "lv": 57, "si": 59, "sk": 60, "sl": 61,
    "so": 62, "sw": 64, "te": 65, "th": 66, "mk": 67, "lt": 68, "hy": 69, "sd": 70,
}
# fmt: on
"""The portal's number of each language."""
CODES = {number: code for code, number in LANGUAGES.items()}
PARTS = ("primary", "secondary")

PRIVATE = {
    name: Field(name, sort, public=False)
    for name, sort in (
        ("email", Sort.MAILBOX),
        ("firstName", Sort.TEXT),
        ("lastName", Sort.TEXT),
        ("mobile", Sort.PHONE),
        ("roleId", Sort.TEXT),
    )
}
PRIVATE["status"] = Field(
    "status",
    Sort.TEXT,
    public=False,
    advice="try the other value of deactivate_by in portals.propertyfinder.",
)
"""What a user has besides the public profile, by the portal's names."""
PUBLIC = {
    "name": Field("name", Sort.TEXT),
    "email": Field("publicEmail", Sort.MAILBOX),
    "phone": Field("phone", Sort.PHONE),
    "phoneSecondary": Field("phoneSecondary", Sort.PHONE),
    "whatsappPhone": Field("whatsappPhone", Sort.PHONE),
    "imageUrl": Field("avatar", Sort.PICTURE),
    "bio": Field("bio", Sort.TEXTS, PARTS, whole="primary"),
    "position": Field("position", Sort.TEXTS, PARTS, whole="primary"),
    "linkedinAddress": Field("linkedinAddress", Sort.LINK),
    "experienceSince": Field("experienceSince", Sort.TEXT),
    "nationality": Field("nationality", Sort.TEXT),
    "spokenLanguages": Field("spokenLanguages", Sort.CODES),
}
"""What the public profile has, by the portal's names."""
FIELDS = (*PRIVATE.values(), *PUBLIC.values())
TEXTS = tuple(name for name, each in PUBLIC.items() if each.sort is Sort.TEXTS)

IDENTIFIERS = (
    Identifier("id", "pin", written="propertyfinder.id"),
    Identifier("email", "key", canonical=mailbox, moves="update", written="propertyfinder.email"),
    Identifier("mobile", "hint", canonical=digits, written="propertyfinder.mobile"),
)
PROFILE = "publicProfileId"
"""The name of the portal's other id of a user: the one of the public profile."""

NEEDS = ("email", "firstName", "lastName", "mobile", "roleId", "name")
OFF = ("status", "inactive")
GONE = ("inactive", "archived")
"""What `status` says of a user who is on no listing."""

USERS = "/v1/users"
PROFILES = "/v1/public-profiles"
ROLES = "/v1/roles"
PAGE = 100
PAGES = 1000
"""Where the pages end, should they lead in a circle."""
LOGINS = 3
"""How often a token is asked for at most, where an answer has none and is no refusal."""
LONGEST_SESSION = 86400
"""Seconds for which a token is used at most, whatever the portal says."""
POINTER = re.compile(r"/[A-Za-z0-9/]+")
FORMAT = {"X-PF-Error-Format": "problem-json-v2"}

SHOWN = {
    **dict.fromkeys(("firstName", "lastName", "email", "mobile", "status"), (str, type(None))),
    "roleId": (int, type(None)),
    "publicProfile": (dict, type(None)),
}
SHOWN_PUBLIC = {
    **dict.fromkeys(
        ("name", "email", "phone", "phoneSecondary", "whatsappPhone", "linkedinAddress"),
        (str, type(None)),
    ),
    "nationality": (str, type(None)),
    "bio": (str, dict, type(None)),
    "position": (str, dict, type(None)),
    "experienceSince": (int, type(None)),
    "spokenLanguages": (list, type(None)),
}
"""What GET can show, of a user and of the public profile; None stands for what is left out."""


class Section(Protocol):
    """What this module reads of `portals.propertyfinder` in the configuration."""

    url: str
    create: Literal["always", "never"]
    match: Sequence[str]
    on_removed: Literal["report", "deactivate"]
    token_path: str
    deactivate_by: Literal["isActive", "status"]


@dataclass
class PropertyFinder:
    """The portal as one run sees it.

    `roles` are the portal's roles by number, once they were asked for. `plain` says whether texts
    are shown as strings (None: nothing has told so far), `takes_plain` whether they are taken as
    strings (None: as they are shown), `inactive` which word ends a status there.
    """

    section: Section
    hold: bool = False
    name: str = "propertyfinder"
    fields: Sequence[Field] = FIELDS
    identifiers: Sequence[Identifier] = IDENTIFIERS
    secrets: Sequence[str] = ("PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET")
    roles: dict[int, str] = field(default_factory=dict)
    plain: bool | None = None
    takes_plain: bool | None = None
    inactive: str = "inactive"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self.section.url.rstrip("/")

    @property
    def rate_limits(self) -> Sequence[RateLimit]:
        """60 tokens a minute, 650 of everything."""
        return (RateLimit("all", 650), RateLimit("token", 60, (("POST", self.section.token_path),)))

    @property
    def policy(self) -> Policy:
        """What `portals.propertyfinder` allows."""
        return Policy(
            order=tuple(self.section.match),
            create=self.section.create == "always",
            recall="id" in self.section.match,
            needs=NEEDS,
            removal="deactivate" if self.section.on_removed == "deactivate" else None,
            off=OFF,
            hold=self.hold,
            refuses=self._refuses,
        )

    def _refuses(self, operation: Operation) -> str | None:
        role = operation.values.get("roleId")
        if isinstance(role, str):
            return self._no_role(role)
        public = any(name not in PRIVATE for name in operation.values)
        if operation.id is not None and public and PROFILE not in operation.aliases:
            return (
                "has no public profile on the portal, and none can be added to a user who is "
                "there already. Have it made in the portal's web interface."
            )
        return None

    def _no_role(self, role: str) -> str:
        """Why a role's name does not say which role is meant."""
        numbers = [number for number, name in self.roles.items() if name == role]
        if numbers:
            several = ", ".join(map(str, sorted(numbers)))
            return (
                f"propertyfinder.roleId: the portal has {len(numbers)} roles {role}. Declare the "
                f"number of one: {several}."
            )
        if role.isdecimal():
            return f"propertyfinder.roleId: for the role's number, write {role} without quotes."
        known = ", ".join(sorted(self.roles.values())) or "none"
        return f"propertyfinder.roleId: the portal has no role {role}. Its roles: {known}."

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A token for the key and the secret."""
        key, secret = (secrets[name] for name in self.secrets)
        body = {"apiKey": key, "apiSecret": secret}
        for _ in range(LOGINS):
            response = yield Request("POST", self.section.token_path, body, asks=True)
            answer = object_of(response)
            token, seconds = answer.get("accessToken"), answer.get("expiresIn")
            if response.status not in (200, 201):
                break
            if isinstance(token, str) and _is_token(token):
                lasts = 60.0
                if isinstance(seconds, int | float) and seconds > 0:
                    lasts = float(min(seconds, LONGEST_SESSION))
                return Session({"Authorization": f"Bearer {token}", **FORMAT}, lasts)
        # Any other status would be read as that of the request which the token was for.
        status = response.status if response.status in (401, 403) else None
        return Response(status, None, _no_token(response, self.section.token_path))

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """All pages of users; the roles too where a file names one."""
        if not self.roles and any(isinstance(each.values.get("roleId"), str) for each in desired):
            self.roles = yield from _roles()
        users, whole = yield from _pages()
        profiles = [user.get("publicProfile") or {} for user in users]
        forms = {type(each.get(text)) for each in profiles for text in TEXTS}
        self.plain = True if str in forms else False if dict in forms else self.plain
        listing = Listing(tuple(map(self.live, users)), whole)
        return listing, tuple(map(self._with_number, desired)) if self.roles else desired

    def _with_number(self, desired: Desired) -> Desired:
        """With the number of the role that is named; as it is where the name is not one role's."""
        role = desired.values.get("roleId")
        if not isinstance(role, str):
            return desired
        exact = [number for number, name in self.roles.items() if name == role]
        alike = [
            number for number, name in self.roles.items() if name.casefold() == role.casefold()
        ]
        found = exact or alike
        if len(found) != 1:
            return desired
        return replace(desired, values={**desired.values, "roleId": found[0]})

    def live(self, user: object) -> Live:
        """A User as GET shows it, in the words of the YAML file.

        Raises AnswerError where it is none.
        """
        user = _checked(user)
        profile = user.get("publicProfile") or {}
        values: dict[str, Value] = {
            name: user.get(name) for name in ("email", "mobile", "firstName", "lastName")
        }
        if values["firstName"] is None and values["lastName"] is None:
            del values["firstName"], values["lastName"]  # the portal has one name, the public one
        values["roleId"] = user.get("roleId")
        values["status"] = "inactive" if user.get("status") in GONE else user.get("status")
        for name, each in PUBLIC.items():
            match each.sort:
                case Sort.TEXTS:
                    values |= self._texts(each.name, profile.get(name))
                case Sort.CODES:
                    values[each.name] = [CODES.get(code, code) for code in profile.get(name) or ()]
                case Sort.PICTURE:
                    values[each.name] = _picture(profile.get("imageVariants"))
                case _:
                    values[each.name] = profile.get(name) or None
        number = profile.get("id")
        full = f"{user.get('firstName') or ''} {user.get('lastName') or ''}".strip()
        return Live(
            "propertyfinder",
            user["id"],
            profile.get("name") or full,
            {name: user[name] for name in ("id", "email", "mobile") if user.get(name)},
            values,
            {PROFILE: number} if number is not None else {},
        )

    def _texts(self, name: str, shown: Value) -> dict[str, Value]:
        """A text by its languages; a string is the first, and says nothing of the other."""
        if isinstance(shown, Mapping):
            return {f"{name}.{part}": shown.get(part) or "" for part in PARTS}
        parts = PARTS[:1] if isinstance(shown, str) or self.plain else PARTS
        return {f"{name}.{part}": shown or "" for part in parts}

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """A POST for each new user; for one that is there a PATCH of the private part, of the
        public part, or of both: as few as there are parts that differ."""
        single = [part for each in operations for part in _parts(each)]
        names = {each.name: f"r{number}" for number, each in enumerate(single, 1)}
        return tuple(
            Step(
                names[each.name],
                self._request(each),
                (each,),
                tuple(names[wait] for wait in each.waits if wait in names),
            )
            for each in single
        )

    def _request(self, operation: Operation) -> Request:
        """An operation as it goes over the wire, in the form that the portal seems to take."""
        values = operation.values
        if operation.verb == "create":
            private = {**self._private(values), "roleId": values["roleId"]}  # a number here alone
            return Request("POST", USERS, {**private, "publicProfile": self._public(operation)})
        if _is_public(operation):
            number = operation.aliases[PROFILE]
            return Request("PATCH", f"{PROFILES}/{number}", self._public(operation))
        return Request("PATCH", f"{USERS}/{operation.id}", self._private(values))

    def _private(self, values: Mapping[str, Value]) -> dict[str, Value]:
        body: dict[str, Value] = {}
        for name in PRIVATE:
            if name not in values:
                continue
            if name == "roleId":
                body[name] = str(values[name])
            elif name == "status" and self.section.deactivate_by == "isActive":
                body["isActive"] = values[name] == "active"
            elif name == "status":
                body[name] = "active" if values[name] == "active" else self.inactive
            else:
                body[name] = values[name]
        return body

    def _public(self, operation: Operation) -> dict[str, Value]:
        values, plain = operation.values, self._sends_plain(operation)
        body: dict[str, Value] = {}
        for name, each in PUBLIC.items():
            if each.name not in values:
                continue
            value = values[each.name]
            match each.sort:
                case Sort.PICTURE:
                    body[name] = value["url"] if value else None
                case Sort.CODES:
                    body[name] = [LANGUAGES.get(code, code) for code in value]
                case Sort.TEXTS if plain:
                    body[name] = value.get(PARTS[0]) or ""
                case _:
                    body[name] = value
        return body

    def _sends_plain(self, operation: Operation) -> bool:
        """Whether texts go out as strings: as they are taken, as far as that is known; else as
        they are shown, unless there is something to say in the other language (also that it is
        to be empty). Never where a string would put an end to a text that no file declares."""
        if _would_lose(operation):
            return False
        if self.takes_plain is not None:
            return self.takes_plain
        return bool(self.plain) and not any(
            second or f"{name}.{PARTS[1]}" in operation.lines
            for name, second in _seconds(operation)
        )

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send the step; what is uncertain is settled by reading before anything is sent again."""
        outcome = yield from self._send(step.operations[0])
        return (outcome,)

    def _send(self, operation: Operation) -> Conversation[Outcome]:
        doubt = Uncertain(operation, Response(None))
        for attempt in range(TRIES):
            forms = self.takes_plain, self.inactive
            last = yield from self._in_any_form(operation, attempt)
            done = _done(operation, last)
            if done is not None:
                return replace(done, note=self._otherwise(operation))
            refused = not (last.uncertain or _is_success(last))
            if refused and (attempt == 0 or last.status in (None, 401, 403)):
                return _failed(operation, last)
            verdict, found = yield from self._look(operation)
            if verdict is Verdict.SAME and found is not None:
                return Outcome(
                    operation,
                    "applied",
                    last.status,
                    None,
                    found.id,
                    _new(operation, found),
                    note=self._otherwise(operation),
                )
            if last.uncertain:  # nothing says that the form was taken
                self.takes_plain, self.inactive = forms
            if refused:
                return _failed(operation, last)
            doubt = Uncertain(operation, last, verdict)
            if verdict is None:
                break
        return given_up(doubt, _message(doubt.response))

    def _in_any_form(self, operation: Operation, attempt: int) -> Conversation[Response]:
        """The answer to an operation's request: as it was planned, or in the form that the portal
        has taken since. If it does not take a form that the documents leave open, the answer to
        the same in the other form, which is then kept to (if it is lost: until reading tells)."""
        request = replace(self._request(operation), attempt=attempt)
        first = yield request
        if first.status != 400:
            return first
        for name, other in self._other_forms(operation, first):
            before = getattr(self, name)
            setattr(self, name, other)
            again = replace(self._request(operation), attempt=attempt)
            response = first if again.body == request.body else (yield again)
            if _is_success(response) or response.uncertain:
                return response
            setattr(self, name, before)
            if response.status != 400:
                return response
            # The refusal that has less to say is the one that is not about the form.
            first = min(first, response, key=lambda each: _said(each, operation))
        return first

    def _otherwise(self, operation: Operation) -> str | None:
        """What of an operation was said otherwise than it is declared, in the form that is taken;
        None for nothing."""
        if operation.values.get("status") == "inactive" and self.inactive != "inactive":
            return f"the portal takes the status {self.inactive} in place of inactive"
        left = [f"{name}.{PARTS[1]}" for name, second in _seconds(operation) if second]
        if left and self._sends_plain(operation):
            return f"the portal takes one text and no second, so it has no {' and no '.join(left)}"
        return None

    def _other_forms(self, operation: Operation, refusal: Response) -> Iterator[tuple[str, Value]]:
        """What may be said otherwise of what was refused, as far as the refusal says what."""
        paths = [path for path, _ in _errors(refusal, operation) if path is not None]
        named = set(map(parent, paths))
        texts = {name for name in TEXTS if name in operation.values}
        if texts and (not named or named & texts) and not _would_lose(operation):
            yield "takes_plain", not self._sends_plain(operation)
        ends = "status" in operation.values and self.section.deactivate_by == "status"
        if ends and (not named or "status" in named):
            yield "inactive", "archived" if self.inactive == "inactive" else "inactive"

    def _look(self, operation: Operation) -> Conversation[tuple[Verdict | None, Live | None]]:
        """Read one user: is it as the operation wants it? None where that cannot be read."""
        email = operation.values.get("email")
        asked = f"id={operation.id}"
        if operation.id is None:
            asked = f"email={quote(str(email), safe='')}"
        response = yield Request("GET", f"{USERS}?page=1&perPage={PAGE}&{asked}")
        users, marks = (object_of(response).get(name) for name in ("data", "pagination"))
        if response.status != 200 or not isinstance(users, list):
            return None, None
        try:
            found = [self.live(user) for user in users]
        except PortalError:
            return None, None
        if not found and _says_more(marks, 0):
            return None, None  # somebody, who is not shown
        if operation.id is None:
            ours = [each for each in found if _has(each, "email", email)]
            if ours:
                return Verdict.SAME, ours[0]
            return (None if found else Verdict.DIFFERENT), None  # others: it was not looked for
        ours = [each for each in found if each.id == operation.id]
        return (compared(operation, ours[0], FIELDS), ours[0]) if ours else (None, None)


def _seconds(operation: Operation) -> Iterator[tuple[str, str]]:
    """The texts of an operation, each with what it says in the second language."""
    for name in TEXTS:
        if name in operation.values:
            yield name, operation.values[name].get(PARTS[1]) or ""


def _would_lose(operation: Operation) -> list[str]:
    """The texts in the second language that go along, and that no file declares."""
    texts = ((f"{name}.{PARTS[1]}", second) for name, second in _seconds(operation))
    return [path for path, second in texts if second and path not in operation.lines]


def _has(agent: Live, name: str, value: Scalar | None) -> bool:
    held = agent.identity.get(name)
    return held is not None and value is not None and mailbox(held) == mailbox(value)


def _is_token(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _no_token(response: Response, path: str) -> str:
    """Why there is no token, and what to do."""
    said = _message(response) if response.error is None else response.error
    match response.status:
        case 400 | 401 | 403 | 422:
            return (
                f"Property Finder does not take the key and the secret ({said}). Check "
                f"PROPERTYFINDER_API_KEY and PROPERTYFINDER_API_SECRET."
            )
        case 404 | 405:
            return (
                f"Property Finder gives no token at {path} ({said}). Check token_path and url in "
                f"portals.propertyfinder."
            )
        case 200 | 201:
            return "Property Finder answered without a token; that is not as documented."
        case _:
            return f"Property Finder gave no token: {said}."


def _is_login(response: Response) -> bool:
    """Whether this is `login`'s refusal, which stands for every request's."""
    return response.error is not None and response.error.startswith("Property Finder ")


def _pages() -> Conversation[tuple[list[Mapping[str, Any]], bool]]:
    """All users, and whether they are known to be all."""
    users: dict[Any, Mapping[str, Any]] = {}
    for page in range(1, PAGES):
        response = yield Request("GET", f"{USERS}?page={page}&perPage={PAGE}")
        if response.status != 200:
            raise PortalError(_unreadable(response, "users:read"))
        answer = object_of(response)
        data, marks = answer.get("data"), answer.get("pagination")
        if not isinstance(data, list) or not isinstance(marks, Mapping):
            raise AnswerError(
                "Property Finder answered GET /v1/users without `data` and `pagination`; that is "
                "not as documented."
            )
        before = len(users)
        for user in data:
            checked = _checked(user)
            users[checked["id"]] = checked
        last, whole = marks.get("totalPages"), not _says_more(marks, len(users))
        ended = not marks.get("nextPage") and (type(last) is not int or page >= last)
        if ended or len(users) == before:
            return list(users.values()), whole
    return list(users.values()), False


def _says_more(marks: Value, count: int) -> bool:
    """Whether a list's marks say that there are more than `count` users, or do not say how many."""
    total = marks.get("total") if isinstance(marks, Mapping) else None
    return type(total) is not int or total > count


def _roles() -> Conversation[dict[int, str]]:
    response = yield Request("GET", ROLES)
    if response.status != 200:
        raise PortalError(_unreadable(response, "roles:read"))
    data = object_of(response).get("data")
    if not isinstance(data, list) or not all(map(_is_role, data)):
        raise AnswerError("Property Finder shows its roles in a form that is not as documented.")
    return {each["id"]: each["name"] for each in data}


def _is_role(role: object) -> bool:
    """Whether a role has a number and a name; without, a role would seem not to exist."""
    return (
        isinstance(role, Mapping)
        and type(role.get("id")) is int
        and isinstance(role.get("name"), str)
    )


def _unreadable(response: Response, scope: str) -> str:
    """Why the users or roles could not be read, and what to do."""
    said = response.error or _message(response)
    if _is_login(response):
        return said
    match response.status:
        case 401:
            return f"Property Finder does not take the token ({said})."
        case 403:
            return (
                f"Property Finder refuses access ({said}). The key needs the scope {scope}; add it "
                f"in the portal's settings."
            )
        case 404:
            return (
                f"Property Finder has nothing at this address ({said}). Check "
                f"portals.propertyfinder.url."
            )
        case _:
            return f"Property Finder could not be read: {said}."


def _checked(user: object) -> Mapping[str, Any]:
    """A User as documented. Raises AnswerError where it is none."""
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise AnswerError("Property Finder listed a user without an id; that is not as documented.")
    profile = user.get("publicProfile")
    wrong = [name for name, kinds in SHOWN.items() if type(user.get(name)) not in kinds]
    if user.get("email") in (None, ""):  # without it everybody would seem to be new
        wrong.append("email")
    if isinstance(profile, Mapping):
        wrong += [
            f"publicProfile.{name}"
            for name, kinds in SHOWN_PUBLIC.items()
            if type(profile.get(name)) not in kinds
        ]
        languages = profile.get("spokenLanguages")
        if isinstance(languages, list) and not all(map(is_name, languages)):
            wrong.append("publicProfile.spokenLanguages")
        wrong += [] if is_name(profile.get("id")) else ["publicProfile.id"]
        wrong += [
            f"publicProfile.{name}"
            for name in TEXTS
            if isinstance(profile.get(name), Mapping)
            and not all(isinstance(profile[name].get(part), str | None) for part in PARTS)
        ]
    if wrong:
        raise AnswerError(
            f"Property Finder shows {', '.join(wrong)} of user {user['id']} in a form that is not "
            f"as documented."
        )
    return user


def _picture(variants: Value) -> Value:
    """A picture as the portal shows it: a fingerprint of its variants, since no source is shown,
    and their addresses, for people to look at.
    What follows a `?` in these may be signed anew at each reading."""
    if not variants:
        return None

    def bare(value: Value) -> Value:
        if isinstance(value, Mapping):
            return {str(name): bare(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [bare(inner) for inner in value]
        if isinstance(value, str) and "?" in value:
            try:
                return urlsplit(value)._replace(query="").geturl()
            except ValueError:
                return value
        return value

    shown = bare(variants)
    said = json.dumps(shown, sort_keys=True).encode()
    return {"id": blake2b(said, digest_size=4).hexdigest(), "variants": shown}


def _parts(operation: Operation) -> Iterator[Operation]:
    """An operation for each of the two parts that it changes; a creation is one for both."""
    private = {name: value for name, value in operation.values.items() if name in PRIVATE}
    public = {name: value for name, value in operation.values.items() if name not in PRIVATE}
    if operation.verb == "create" or not public or not private:
        yield operation
    else:
        yield replace(operation, values=private)
        name = f"{operation.name}:public"
        # A login that is refused is another's, and so is then the public address that goes with it.
        waits = (operation.name,) if "email" in private else ()
        yield replace(operation, name=name, verb="update", values=public, waits=waits)


def _is_public(operation: Operation) -> bool:
    return not any(name in PRIVATE for name in operation.values)


def _new(operation: Operation, agent: Live) -> Mapping[str, Scalar]:
    return agent.aliases if operation.verb == "create" else {}


def _is_success(response: Response) -> bool:
    return response.status is not None and 200 <= response.status < 300


def _done(operation: Operation, response: Response) -> Outcome | None:
    """The outcome that a success tells; None where the answer is none."""
    status, answer = response.status, object_of(response)
    if response.uncertain or not _is_success(response):
        return None
    if operation.verb != "create":
        who = answer.get("id")
        ours = {str(each) for each in (operation.id, *operation.aliases.values())}
        if is_name(who) and str(who) not in ours:
            message = f"the portal answered for user {who} instead of {operation.id}; look at both"
            return Outcome(operation, "failed", status, message, operation.id)
        return Outcome(operation, "applied", status, None, operation.id)
    profile = answer.get("publicProfile")
    number = profile.get("id") if isinstance(profile, Mapping) else None
    if type(answer.get("id")) is not int:
        return None
    aliases = {PROFILE: number} if isinstance(number, int | str) else {}
    return Outcome(operation, "applied", status, None, answer["id"], aliases)


def _failed(operation: Operation, response: Response) -> Outcome:
    """A refusal, in the portal's words, at the value that it is about, with what to do."""
    said = response.error or _message(response)
    errors = list(_errors(response, operation))
    path = next((path for path, _ in errors if path is not None), None)
    if path is not None:
        said = "; ".join(f"{path}: {said}" if path else said for path, said in errors)
    advice = None
    match response.status:
        case _ if _is_login(response):
            pass
        case 403:
            advice = "the key needs the scope users:full_access; add it in the portal's settings"
        case 409 | 422 if operation.verb == "create":
            advice = "plan again; if the portal shows nobody with that e-mail, ask its support"
        case _ if operation.verb == "create":
            pass
        case 404:
            advice = "the user is not on the portal any more; plan again"
        case 400 if parent(path or "") in TEXTS and _would_lose(operation):
            left = " and ".join(_would_lose(operation))
            advice = (
                f"if the portal takes one text alone, that would end {left}, which no file "
                f'declares. Declare it (as "", to let it go)'
            )
        case 400 | 422 if path in ("status", None) and "status" in operation.values:
            advice = "see deactivate_by in portals.propertyfinder"
    message = f"{said}: {advice}" if advice else said
    return Outcome(operation, "failed", response.status, message, operation.id, path=path)


def _errors(response: Response, operation: Operation) -> Iterator[tuple[str | None, str]]:
    """What a refusal says of single values, each with the path that a file has for it, or None."""
    listed = object_of(response).get("errors")
    for each in listed if isinstance(listed, list) else _message(response).split("; "):
        if isinstance(each, Mapping):
            pointer = each.get("pointer") or each.get("field") or each.get("path")
            yield _path(str(pointer or ""), operation), short(_words(each))
        else:  # the older form has one text, with what each part is about in it
            said = short(_words(each))
            paths = (_path(pointer, operation) for pointer in POINTER.findall(said))
            yield next((path for path in paths if path is not None), None), said


def _said(refusal: Response, operation: Operation) -> tuple[bool, int]:
    """How much a refusal says of single values: least first, and one that names none last."""
    named = [path for path, _ in _errors(refusal, operation) if path is not None]
    return (not named, len(named))


def _path(pointer: str, operation: Operation) -> str | None:
    """`/publicProfile/bio/primary` as the file has it: `bio.primary`."""
    steps = [step for step in pointer.lstrip("#$").replace(".", "/").split("/") if step]
    table: Mapping[str, Field] = PUBLIC if _is_public(operation) else PRIVATE
    if steps[:1] == ["publicProfile"]:
        table, steps = PUBLIC, steps[1:]
    if steps[:1] == ["isActive"]:
        return "status"
    if not steps or steps[0] not in table:
        return None
    each = table[steps[0]]
    inner = steps[1:] if each.sort is Sort.TEXTS else []
    return ".".join((each.name, *inner))


def _message(response: Response) -> str:
    """The portal's own words, in any form of an error."""
    return short(_words(response.body))


def _words(body: Value) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_words, body)))
    if not isinstance(body, Mapping):
        return ""
    details = body.get("errors")
    parts: Iterable[Value] = (body.get("detail") or body.get("message") or body.get("title"),)
    if isinstance(details, list):
        parts = (*parts, details)
    said = "; ".join(filter(None, map(_words, parts)))
    other = body.get("error") or body.get("error_description")
    return said or (_words(other) if other else "")
