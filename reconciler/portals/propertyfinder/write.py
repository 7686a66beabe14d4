"""Property Finder: from operations to requests, and from responses to outcomes.

Where the documentation leaves a form open, the form that the portal shows is sent first. If the
portal refuses it (so it had no effect), the other form is sent, and the one that was accepted is
used from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from reconciler.core.conversation import Conversation
from reconciler.core.fields import Sort, Verdict, ascii_url, mailbox, parent
from reconciler.core.model import (
    Listing,
    Live,
    Operation,
    Outcome,
    Request,
    Response,
    Scalar,
    Step,
    Value,
)
from reconciler.errors import PortalError
from reconciler.portals.attribute import Attribute
from reconciler.portals.propertyfinder import answers, config, table
from reconciler.portals.propertyfinder.read import live, says_more, shown_names, shows_plain
from reconciler.portals.uncertain import TRIES, Uncertain, compared, given_up, object_of


@dataclass
class Forms:
    """What a run has learned about forms that the documentation leaves open.

    `shows_plain`: texts are shown as strings (None: unknown). `accepts_plain`: texts are accepted
    as strings (None: as they are shown). `inactive` is the status of a user who was deactivated.
    `shown` are the values that the portal shows although it may hide them. `omits_inactive`: a list
    without a filter has no inactive users.
    """

    shows_plain: bool | None = None
    accepts_plain: bool | None = None
    inactive: str = "inactive"
    shown: frozenset[str] = frozenset()
    omits_inactive: bool = False

    def learn(self, users: Sequence[Mapping[str, Any]]) -> None:
        """Learn from users as GET shows them."""
        plain = shows_plain(users)
        self.shows_plain = self.shows_plain if plain is None else plain
        self.shown |= shown_names(users)


@dataclass
class Writer:
    """Sends operations in one run."""

    section: config.PropertyFinder
    forms: Forms = field(default_factory=Forms, init=False)

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """A POST for each new user. For an existing one, a PATCH of the private part, of the public
        part, or of both: only those that differ."""
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
        values = operation.values
        if operation.verb == "create":
            # A creation takes the role as a number, a patch as a string.
            private = {**self._private(values), "roleId": values["roleId"]}
            return Request(
                "POST", table.USERS, {**private, "publicProfile": self._public(operation)}
            )
        if answers.is_public(operation):
            number = operation.aliases[table.PROFILE]
            return Request("PATCH", f"{table.PROFILES}/{number}", self._public(operation))
        return Request("PATCH", f"{table.USERS}/{operation.id}", self._private(values))

    def _private(self, values: Mapping[str, Value]) -> dict[str, Value]:
        body: dict[str, Value] = {
            row.on_wire: values[row.name] for row in table.PRIVATE if row.name in values
        }
        if "roleId" in body:
            body["roleId"] = str(body["roleId"])
        if "status" in body:
            active = body.pop("status") == "active"
            if self.section.deactivate_by == "isActive":
                body["isActive"] = active
            else:
                body["status"] = "active" if active else self.forms.inactive
        return body

    def _public(self, operation: Operation) -> dict[str, Value]:
        values, plain = operation.values, self._sends_plain(operation)
        return {
            row.on_wire: _on_wire(row, values[row.name], plain=plain)
            for row in table.PUBLIC
            if row.name in values
        }

    def _sends_plain(self, operation: Operation) -> bool:
        """Whether texts are sent as strings: in the form that the portal accepts if it is known,
        else in the form that it shows, unless a file declares the second language. Never if a
        string would delete a text that no file declares."""
        if losses(operation):
            return False
        if self.forms.accepts_plain is not None:
            return self.forms.accepts_plain
        return bool(self.forms.shows_plain) and not any(
            text or f"{name}.{table.SECOND}" in operation.lines
            for name, text in _second_texts(operation)
        )

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send a step; one outcome per operation."""
        outcome = yield from self._send(step.operations[0])
        return (outcome,)

    def _send(self, operation: Operation) -> Conversation[Outcome]:
        """The outcome of an operation. If a response leaves it open, it is settled by reading
        before anything is sent again."""
        uncertain = Uncertain(operation, Response(None))
        for attempt in range(TRIES):
            forms = replace(self.forms)
            last = yield from self._send_in_any_form(operation, attempt)
            outcome = answers.done(operation, last)
            if outcome is not None:
                return self._with_note(outcome)
            refused = not (last.uncertain or answers.is_success(last))
            if refused and (attempt == 0 or last.status in (None, 401, 403)):
                return answers.failed(operation, last, losses(operation))
            verdict, found = yield from self._look_up(operation)
            if verdict is Verdict.SAME and found is not None:
                return self._applied(operation, last, found)
            if last.uncertain:  # nothing shows that the form was accepted
                self.forms.accepts_plain, self.forms.inactive = forms.accepts_plain, forms.inactive
            if refused:
                return answers.failed(operation, last, losses(operation))
            uncertain = Uncertain(operation, last, verdict)
            if verdict is None:
                break
        return given_up(uncertain, answers.message(uncertain.response))

    def _applied(self, operation: Operation, last: Response, found: Live) -> Outcome:
        """The outcome of an operation that reading shows to be applied."""
        aliases = found.aliases if operation.verb == "create" else {}
        return self._with_note(Outcome(operation, "applied", last.status, None, found.id, aliases))

    def _send_in_any_form(self, operation: Operation, attempt: int) -> Conversation[Response]:
        """The response to an operation's request, in its usual form or else in another one that
        the documentation leaves open. A form that the portal accepts is used from then on (after
        a lost response: until reading shows that it was not)."""
        request = replace(self._request(operation), attempt=attempt)
        first = yield request
        if first.status != 400:
            return first
        for name, other in self._other_forms(operation, first):
            before = getattr(self.forms, name)
            setattr(self.forms, name, other)
            again = replace(self._request(operation), attempt=attempt)
            response = first if again.body == request.body else (yield again)
            if answers.is_success(response) or response.uncertain:
                return response
            setattr(self.forms, name, before)
            if response.status != 400:
                return response
            # The refusal with less detail is the one that is not about the form.
            first = min(first, response, key=partial(answers.detail, operation=operation))
        return first

    def _other_forms(self, operation: Operation, refusal: Response) -> Iterator[tuple[str, Value]]:
        """The other forms for what was refused: the attribute of `forms`, and its value."""
        paths = [path for path, _ in answers.errors(refusal, operation) if path is not None]
        named = set(map(parent, paths))
        texts = {name for name in table.TEXTS if name in operation.values}
        if texts and (not named or named & texts) and not losses(operation):
            yield "accepts_plain", not self._sends_plain(operation)
        ends = "status" in operation.values and self.section.deactivate_by == "status"
        if ends and (not named or "status" in named):
            other = "archived" if self.forms.inactive == "inactive" else "inactive"
            yield "inactive", other

    def _with_note(self, outcome: Outcome) -> Outcome:
        """The outcome, with a note if something was sent differently from what the file declares,
        because of the form that the portal accepts."""
        operation, note = outcome.operation, None
        left = tuple(f"{name}.{table.SECOND}" for name, text in _second_texts(operation) if text)
        if not self._sends_plain(operation):
            left = ()
        if operation.values.get("status") == "inactive" and self.forms.inactive != "inactive":
            note = f"the portal accepts the status {self.forms.inactive} instead of inactive"
        elif left:
            note = f"the portal accepts only one language; not sent: {', '.join(left)}"
        return replace(outcome, note=note, omitted=left)

    def _look_up(self, operation: Operation) -> Conversation[tuple[Verdict | None, Live | None]]:
        """Read one user: whether it has what the operation wants (None: it could not be read),
        and the user."""
        email = operation.values.get("email")
        if operation.id is None:
            found = yield from self._find(f"email={quote(str(email), safe='')}")
        else:
            found = yield from self._find_by_id([str(operation.id)])
        if found is None or not (found.agents or found.complete):
            return None, None  # there are users that are not shown
        if operation.id is None:
            return _created(found.agents, email)
        ours = [each for each in found.agents if each.id == operation.id]
        return (compared(operation, ours[0], table.FIELDS), ours[0]) if ours else (None, None)

    def look_up(self, ids: Sequence[Scalar]) -> Conversation[dict[str, Live | None]]:
        """The users with these ids, as many in one request as a page has."""
        agents: dict[str, Live | None] = {}
        for start in range(0, len(ids), table.PAGE_SIZE):
            group = list(map(str, ids[start : start + table.PAGE_SIZE]))
            found = yield from self._find_by_id(group)
            shown = found.by_id() if found is not None else {}
            if found is not None and found.complete and shown.keys() <= set(group):
                agents |= dict.fromkeys(group)  # else the portal ignored the filter
            agents |= {number: shown[number] for number in group if number in shown}
        return agents

    def _find(self, which: str) -> Conversation[Listing | None]:
        """The users that a filter finds; None if they could not be read."""
        response = yield Request("GET", f"{table.USERS}?page=1&perPage={table.PAGE_SIZE}&{which}")
        users, marks = (object_of(response).get(name) for name in ("data", "pagination"))
        if response.status != 200 or not isinstance(users, list):
            return None
        try:
            found = tuple(self.live(user) for user in users)
        except PortalError:
            return None
        return Listing(found, not says_more(marks, len(found)))

    def _find_by_id(self, ids: Sequence[str]) -> Conversation[Listing | None]:
        """The users with these ids; None if they could not be read. If not all are found, those
        that are inactive are requested: the portal may omit them (doubt 7)."""
        which = f"id={','.join(ids)}"
        found = yield from self._find(which)
        if found is None or not found.complete or len(found.agents) >= len(ids):
            return found
        inactive = yield from self._find(f"{which}&{table.INACTIVE}")
        if inactive is None:
            return None
        agents = {**found.by_id(), **inactive.by_id()}
        return Listing(tuple(agents.values()), inactive.complete)

    def live(self, user: object) -> Live:
        """A user as GET shows it, in the terms of the YAML file. Raises ResponseError."""
        return live(user, plain=self.forms.shows_plain, shown=self.forms.shown)


def _created(found: Sequence[Live], email: Value) -> tuple[Verdict | None, Live | None]:
    """Whether a user with this login is among those found. If there are only others, the portal
    ignored the filter and the answer says nothing."""
    ours = [each for each in found if _has_login(each, email)]
    if ours:
        return Verdict.SAME, ours[0]
    return (None if found else Verdict.DIFFERENT), None


def _has_login(agent: Live, email: Scalar | None) -> bool:
    login = agent.identity.get("email")
    return login is not None and email is not None and mailbox(login) == mailbox(email)


def _on_wire(row: Attribute, value: Value, *, plain: bool) -> Value:
    """A value of the public profile as the portal accepts it. `plain`: texts are strings."""
    match row.field.sort:
        case Sort.PICTURE:
            return ascii_url(value["url"])
        case Sort.LINK:
            return ascii_url(value)
        case Sort.CODES if row.name == "spokenLanguages" and value is not None:
            return [table.LANGUAGES.get(code, code) for code in value]
        case Sort.TEXTS if plain:
            return value.get(table.FIRST) or ""
        case _:
            return value


def _second_texts(operation: Operation) -> Iterator[tuple[str, str]]:
    """The names of an operation's texts, each with its text in the second language."""
    for name in table.TEXTS:
        if name in operation.values:
            yield name, operation.values[name].get(table.SECOND) or ""


def losses(operation: Operation) -> list[str]:
    """The texts in the second language that an operation sends along and no file declares."""
    texts = ((f"{name}.{table.SECOND}", text) for name, text in _second_texts(operation))
    return [path for path, text in texts if text and path not in operation.lines]


def _parts(operation: Operation) -> Iterator[Operation]:
    """An operation for each of the two parts that it changes; a creation stays one."""
    private = {
        name: value for name, value in operation.values.items() if name in table.PRIVATE_NAMES
    }
    public = {
        name: value for name, value in operation.values.items() if name not in table.PRIVATE_NAMES
    }
    if operation.verb == "create" or not public or not private:
        yield operation
    else:
        yield replace(operation, values=private)
        name = f"{operation.name}:public"
        # If another user has the login, the public e-mail that goes with it is theirs too.
        waits = (operation.name,) if "email" in private else ()
        yield replace(operation, name=name, verb="update", values=public, waits=waits)
