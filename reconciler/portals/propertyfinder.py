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

from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier, Sort, Verdict, mailbox
from reconciler.core.model import (
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    Pace,
    Request,
    Response,
    Scalar,
    Session,
    Step,
    Value,
)
from reconciler.core.plan import Policy
from reconciler.errors import PortalError
from reconciler.portals.doubt import (
    NO_REASON,
    TRIES,
    Doubt,
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
    "email": Field("email", Sort.MAILBOX),
    "firstName": Field("firstName", Sort.TEXT),
    "lastName": Field("lastName", Sort.TEXT),
    "mobile": Field("mobile", Sort.PHONE),
    "roleId": Field("roleId", Sort.TEXT),
    "status": Field("status", Sort.TEXT),
}
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
WIRE = {each.name: name for part in (PRIVATE, PUBLIC) for name, each in part.items()}

IDENTIFIERS = (
    Identifier("id", "pin", written="propertyfinder.id"),
    Identifier("email", "key", canonical=mailbox, moves="update", written="propertyfinder.email"),
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
    are strings there (None: nothing has told so far), `off` by which word a status is ended.
    """

    section: Section
    hold: bool = False
    name: str = "propertyfinder"
    fields: Sequence[Field] = FIELDS
    identifiers: Sequence[Identifier] = IDENTIFIERS
    secrets: Sequence[str] = ("PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET")
    roles: dict[int, str] = field(default_factory=dict)
    plain: bool | None = None
    off: str = "inactive"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self.section.url.rstrip("/")

    @property
    def paces(self) -> Sequence[Pace]:
        """60 tokens a minute, 650 of everything."""
        return (Pace("all", 650), Pace("token", 60, (("POST", self.section.token_path),)))

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
        if isinstance(role, str) and role not in self.roles.values():
            known = ", ".join(sorted(self.roles.values())) or "none"
            return f"propertyfinder.roleId: the portal has no role {role}. Its roles: {known}."
        public = any(WIRE[name] in PUBLIC for name in operation.values if name not in PRIVATE)
        if operation.id is not None and public and PROFILE not in operation.aliases:
            return (
                "has no public profile on the portal, and none can be added to a user who is "
                "there already. Have it made in the portal's web interface."
            )
        return None

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A token for the key and the secret."""
        key, secret = (secrets[name] for name in self.secrets)
        body = {"apiKey": key, "apiSecret": secret}
        response = yield Request("POST", self.section.token_path, body, asks=True)
        answer = object_of(response)
        token, seconds = answer.get("accessToken"), answer.get("expiresIn")
        if response.status in (200, 201) and isinstance(token, str) and _is_token(token):
            lasts = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 60.0
            return Session({"Authorization": f"Bearer {token}", **FORMAT}, lasts)
        return replace(response, error=_no_token(response, self.section.token_path))

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
        return listing, tuple(map(self._in_words, desired)) if self.roles else desired

    def _in_words(self, desired: Desired) -> Desired:
        """With the role by the name that the portal has for it, if there is one."""
        role = desired.values.get("roleId")
        names = {name.casefold(): name for name in self.roles.values()}
        named = self._role(role) if isinstance(role, int) else names.get(str(role).casefold())
        if role is None or named in (None, role):
            return desired
        return replace(desired, values={**desired.values, "roleId": named})

    def _role(self, number: int | None) -> Value:
        """A role by its name, where that is one role's alone; else by its number."""
        name = self.roles.get(number or 0)
        return name if name and list(self.roles.values()).count(name) == 1 else number

    def live(self, user: object) -> Live:
        """A User as GET shows it, in the words of the YAML file.

        Raises PortalError where it is none.
        """
        user = _checked(user)
        profile = user.get("publicProfile") or {}
        values: dict[str, Value] = {
            name: user.get(name) for name in ("email", "mobile", "firstName", "lastName")
        }
        if values["firstName"] is None and values["lastName"] is None:
            del values["firstName"], values["lastName"]  # the portal has one name, the public one
        values["roleId"] = self._role(user.get("roleId"))
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
            {name: user[name] for name in ("id", "email") if user.get(name)},
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
            private = self._private(values)
            private.pop("isActive", None)
            private.pop("status", None)
            role = private.get("roleId")
            private["roleId"] = int(role) if role is not None else None
            return Request("POST", USERS, {**private, "publicProfile": self._public(values)})
        if _is_public(operation):
            number = operation.aliases[PROFILE]
            return Request("PATCH", f"{PROFILES}/{number}", self._public(values))
        return Request("PATCH", f"{USERS}/{operation.id}", self._private(values))

    def _private(self, values: Mapping[str, Value]) -> dict[str, Value]:
        numbers = {name: number for number, name in self.roles.items()}
        body: dict[str, Value] = {}
        for name in PRIVATE:
            if name not in values:
                continue
            if name == "roleId":
                body[name] = str(numbers.get(values[name], values[name]))
            elif name == "status" and self.section.deactivate_by == "isActive":
                body["isActive"] = values[name] == "active"
            elif name == "status":
                body[name] = "active" if values[name] == "active" else self.off
            else:
                body[name] = values[name]
        return body

    def _public(self, values: Mapping[str, Value]) -> dict[str, Value]:
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
                case Sort.TEXTS if self.plain:
                    body[name] = value.get(PARTS[0]) or ""
                case _:
                    body[name] = value
        return body

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send the step; what is uncertain is settled by reading before anything is sent again."""
        operation = step.operations[0]
        outcome = yield from self._send(operation, step.request)
        return (outcome,)

    def _send(self, operation: Operation, request: Request) -> Conversation[Outcome]:
        doubt = Doubt(operation, Response(None))
        for attempt in range(TRIES):
            last = yield from self._in_any_form(operation, replace(request, attempt=attempt))
            done = _done(operation, last)
            if done is not None:
                return done
            refused = not last.uncertain
            if refused and (attempt == 0 or last.status in (None, 401, 403)):
                return _failed(operation, last)
            verdict, found = yield from self._look(operation)
            if verdict is Verdict.SAME and found is not None:
                return Outcome(
                    operation, "applied", last.status, None, found.id, _new(operation, found)
                )
            if refused:
                return _failed(operation, last)
            doubt = Doubt(operation, last, verdict)
            if verdict is None:
                break
        return given_up(doubt, _message(doubt.response))

    def _in_any_form(self, operation: Operation, request: Request) -> Conversation[Response]:
        """The answer to a request; if the portal does not take a form that the documents leave
        open, to the same in the other form, which is then kept to."""
        first = yield request
        if first.status not in (400, 422):
            return first
        for name, other in self._other_forms(operation, first):
            before = getattr(self, name)
            setattr(self, name, other)
            again = replace(self._request(operation), attempt=request.attempt)
            if again.body != request.body:
                response = yield again
                if response.status not in (400, 422):
                    return response
            setattr(self, name, before)
        return first

    def _other_forms(self, operation: Operation, refusal: Response) -> Iterator[tuple[str, Value]]:
        """What may be said otherwise of what was refused, as far as the refusal says what."""
        named = {path.partition(".")[0] for path, _ in _errors(refusal, operation)}
        texts = {name for name in TEXTS if name in operation.values}
        if texts and (not named or named & texts):
            yield "plain", not self.plain
        ends = "status" in operation.values and self.section.deactivate_by == "status"
        if ends and (not named or "status" in named):
            yield "off", "archived" if self.off == "inactive" else "inactive"

    def _look(self, operation: Operation) -> Conversation[tuple[Verdict | None, Live | None]]:
        """Read one user: is it as the operation wants it? None where that cannot be read."""
        email = operation.values.get("email")
        asked = f"id={operation.id}"
        if operation.id is None:
            asked = f"email={quote(str(email), safe='')}"
        response = yield Request("GET", f"{USERS}?page=1&perPage={PAGE}&{asked}")
        users = object_of(response).get("data")
        if response.status != 200 or not isinstance(users, list):
            return None, None
        try:
            found = [self.live(user) for user in users]
        except PortalError:
            return None, None
        if operation.id is None:
            ours = [each for each in found if _has(each, "email", email)]
            return (Verdict.SAME, ours[0]) if ours else (Verdict.DIFFERENT, None)
        ours = [each for each in found if each.id == operation.id]
        return (compared(operation, ours[0], FIELDS), ours[0]) if ours else (None, None)


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
            raise PortalError(
                "Property Finder answered GET /v1/users without `data` and `pagination`; that is "
                "not as documented."
            )
        before = len(users)
        for user in data:
            checked = _checked(user)
            users[checked["id"]] = checked
        total, last = marks.get("total"), marks.get("totalPages")
        if not marks.get("nextPage") and (type(last) is not int or page >= last):
            whole = type(total) is int and len(users) >= total
            return list(users.values()), whole
        if len(users) == before:
            break
    return list(users.values()), False


def _roles() -> Conversation[dict[int, str]]:
    response = yield Request("GET", ROLES)
    if response.status != 200:
        raise PortalError(_unreadable(response, "roles:read"))
    data = object_of(response).get("data")
    roles = data if isinstance(data, list) else []
    return {
        each["id"]: each["name"]
        for each in roles
        if isinstance(each, Mapping)
        and type(each.get("id")) is int
        and isinstance(each.get("name"), str)
    }


def _unreadable(response: Response, scope: str) -> str:
    """Why the users or roles could not be read, and what to do."""
    said = response.error or _message(response)
    match response.status:
        case 401:
            return f"Property Finder does not take the token ({short(said)})."
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
            return (
                said
                if said.startswith("Property Finder")
                else (f"Property Finder could not be read: {said}.")
            )


def _checked(user: object) -> Mapping[str, Any]:
    """A User as documented. Raises PortalError where it is none."""
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise PortalError("Property Finder listed a user without an id; that is not as documented.")
    profile = user.get("publicProfile")
    wrong = [name for name, kinds in SHOWN.items() if not isinstance(user.get(name), kinds)]
    if isinstance(profile, Mapping):
        wrong += [
            f"publicProfile.{name}"
            for name, kinds in SHOWN_PUBLIC.items()
            if not isinstance(profile.get(name), kinds)
        ]
        wrong += [] if is_name(profile.get("id")) else ["publicProfile.id"]
        wrong += [
            f"publicProfile.{name}"
            for name in TEXTS
            if isinstance(profile.get(name), Mapping)
            and not all(isinstance(profile[name].get(part), str | None) for part in PARTS)
        ]
    if wrong:
        raise PortalError(
            f"Property Finder shows {', '.join(wrong)} of user {user['id']} in a form that is not "
            f"as documented."
        )
    return user


def _picture(variants: Value) -> Value:
    """A picture as the portal shows it: a fingerprint of its variants, since no source is shown.
    What follows a `?` in their addresses may be signed anew at each reading."""
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

    said = json.dumps(bare(variants), sort_keys=True).encode()
    return {"id": blake2b(said, digest_size=4).hexdigest()}


def _parts(operation: Operation) -> Iterator[Operation]:
    """An operation for each of the two parts that it changes; a creation is one for both."""
    private = {name: value for name, value in operation.values.items() if name in PRIVATE}
    public = {name: value for name, value in operation.values.items() if name not in PRIVATE}
    if operation.verb == "create" or not public or not private:
        yield operation
    else:
        yield replace(operation, values=private)
        name = f"{operation.name}:public"
        yield replace(operation, name=name, verb="update", values=public, waits=())


def _is_public(operation: Operation) -> bool:
    return not any(name in PRIVATE for name in operation.values)


def _new(operation: Operation, agent: Live) -> Mapping[str, Scalar]:
    return agent.aliases if operation.verb == "create" else {}


def _done(operation: Operation, response: Response) -> Outcome | None:
    """The outcome that a success tells; None where the answer is none."""
    status, answer = response.status, object_of(response)
    if response.uncertain or status is None or not 200 <= status < 300:
        return None
    if operation.verb != "create":
        return Outcome(operation, "applied", status, None, operation.id)
    profile = answer.get("publicProfile")
    number = profile.get("id") if isinstance(profile, Mapping) else None
    if not is_name(answer.get("id")):
        return None
    aliases = {PROFILE: number} if isinstance(number, int | str) else {}
    return Outcome(operation, "applied", status, None, answer["id"], aliases)


def _failed(operation: Operation, response: Response) -> Outcome:
    """A refusal, in the portal's words, at the value that it is about, with what to do."""
    said = response.error or _message(response)
    errors = list(_errors(response, operation))
    if errors:
        said = "; ".join(f"{path}: {detail}" for path, detail in errors)
    path = errors[0][0] if errors else None
    advice = None
    match response.status:
        case 403:
            advice = "the key needs the scope users:full_access; add it in the portal's settings"
        case 404:
            advice = "the user is not on the portal any more; plan again"
        case 400 | 422 if path in ("status", None) and "status" in operation.values:
            advice = "see deactivate_by in portals.propertyfinder"
        case 409 | 422 if operation.verb == "create":
            advice = "plan again; if the portal shows nobody with that e-mail, ask its support"
    message = f"{said}: {advice}" if advice else said
    return Outcome(operation, "failed", response.status, message, operation.id, path=path)


def _errors(response: Response, operation: Operation) -> Iterator[tuple[str, str]]:
    """What a refusal says of single values, by the path that a file has for each."""
    listed = object_of(response).get("errors")
    if not isinstance(listed, list):  # the older form has one text, with what it is about in it
        said = _message(response)
        paths = (_path(pointer, operation) for pointer in POINTER.findall(said))
        yield from ((path, said) for path in paths if path is not None)
        return
    for each in listed:
        if not isinstance(each, Mapping):
            continue
        pointer = each.get("pointer") or each.get("field") or each.get("path")
        detail = each.get("detail") or each.get("message")
        path = _path(str(pointer or ""), operation)
        if path is not None:
            yield path, short(str(detail or NO_REASON))


def _path(pointer: str, operation: Operation) -> str | None:
    """`/publicProfile/bio/primary` as the file has it: `bio.primary`."""
    steps = [step for step in pointer.lstrip("#").replace(".", "/").split("/") if step]
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
