"""Which live agents get a file: who is one person on several portals, and what a file is called."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from reconciler.core import names
from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import Field, Identifier, Sort, digits, mailbox
from reconciler.core.model import Desired, Live, Scalar
from reconciler.core.people import SHARED

LONGEST_NAME = 60
"""Characters of a file's name that come from the agent's name."""
_SAME_DIGITS = 8
"""The last digits of a phone that are compared: some portals show numbers without the country."""
_RESERVED = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Names that Windows reserves, whatever the extension."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file to write: its name, its content before (None: it is new) and after, and the live
    agents whom it is about."""

    file: str
    before: bytes | None
    after: bytes
    agents: tuple[Live, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What an import could not do: about a live agent, and a value if `path` names one. `file` is
    the agent's, None without one."""

    portal: str
    id: Scalar
    name: str
    file: str | None
    path: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import writes, what it could not do, and the live agents who are in no file."""

    edits: tuple[FileEdit, ...]
    notes: tuple[Note, ...]
    left: tuple[Live, ...] = ()


@dataclass(slots=True)
class Person:
    """Someone on the portals. `key` is that of the file that declares them, None if none does;
    `lacks` has the portals for which that file says nothing. `agents` has the live agents that no
    file declares, by portal."""

    name: str
    contacts: frozenset[str]
    key: str | None = None
    lacks: frozenset[str] = frozenset()
    agents: dict[str, Live] = field(default_factory=dict)

    def can_be(self, live: Live, contacts: Collection[str]) -> bool:
        """Whether this is probably the same person: the same name and a phone or an e-mail address
        in common."""
        return (
            (self.key is None or live.portal in self.lacks)
            and live.portal not in self.agents
            and not self.contacts.isdisjoint(contacts)
            and names.same_name(self.name, live.name)
        )


@dataclass(frozen=True, slots=True)
class Doubt:
    """A live agent who may be one of several people, so that they are left apart."""

    live: Live
    people: tuple[str, ...]


def contacts(
    fields: Sequence[Field], identifiers: Sequence[Identifier], agent: Desired | Live
) -> frozenset[str]:
    """The phones and e-mail addresses among an agent's values, in a form that compares."""
    sorts = {each.name: each.sort for each in fields}
    sorts |= {each.name: Sort.PHONE for each in identifiers if each.rule in SHARED}
    found = set()
    for name, value in (*agent.values.items(), *agent.identity.items()):
        if not isinstance(value, str):
            continue
        number = digits(value).removeprefix("+")
        if sorts.get(name) is Sort.MAILBOX:
            found.add(mailbox(value))
        elif sorts.get(name) is Sort.PHONE and len(number) >= _SAME_DIGITS - 1:
            found.add(number[-_SAME_DIGITS:])
    return frozenset(found)


def join(
    people: Sequence[Person], unmanaged: Iterable[tuple[Catalogue, Sequence[Live]]]
) -> tuple[list[Person], list[Doubt]]:
    """The people that files declare and the live agents that no file declares, joined: each agent
    belongs to the one person who can be them, and is a new person otherwise. An agent who may be
    several people, or one of several agents who may be one person, is a new person too."""
    found, doubts = list(people), []
    for catalogue, agents in unmanaged:
        known = {
            live.id: contacts(catalogue.fields, catalogue.identifiers, live) for live in agents
        }
        by_contact: dict[str, list[Person]] = defaultdict(list)
        for person in found:
            for contact in person.contacts:
                by_contact[contact].append(person)
        candidates: dict[Scalar, list[Person]] = {}
        for live in agents:
            near = {id(each): each for contact in known[live.id] for each in by_contact[contact]}
            candidates[live.id] = [
                each for each in near.values() if each.can_be(live, known[live.id])
            ]
        claims = Counter(id(each) for several in candidates.values() for each in several)
        for live in agents:
            several = candidates[live.id]
            if len(several) == 1 and claims[id(several[0])] == 1:
                person = several[0]
                person.agents[live.portal] = live
                person.contacts |= known[live.id]
                continue
            if several:
                doubts.append(Doubt(live, tuple(each.key or each.name for each in several)))
            found.append(Person(live.name, known[live.id], agents={live.portal: live}))
    return found, doubts


# -- names of files --------------------------------------------------------------------------------


def slug(name: str) -> str:
    """A person's name as the name of a file: lower-case ASCII letters, digits and hyphens. "" if
    nothing of it is left."""
    from anyascii import anyascii  # noqa: PLC0415 - most commands need no names of files

    latin = anyascii(name[: 4 * LONGEST_NAME]).lower().replace("'", "")  # Natal'ya, O'Neil
    words = re.findall("[a-z0-9]+", latin)
    return "-".join(words)[:LONGEST_NAME].strip("-")


def file_stems(people: Iterable[tuple[str, str]], taken: Collection[str]) -> list[str]:
    """A name without extension for each person, given by name and an ASCII text that is theirs
    alone (such as `portal-15`, of which the number is used first). `taken` has the names that
    exist, in lower case. If several people have one name, all get their number."""
    pairs = [(slug(name), own) for name, own in people]
    counts = Counter(stem for stem, _ in pairs)
    used = set(taken)
    stems = []
    for stem, own in pairs:
        number = own.rpartition("-")[2]
        choices = [f"{stem}-{number}", f"{stem}-{own}"] if stem else [own]
        if stem and counts[stem] == 1 and not _RESERVED.fullmatch(stem):
            choices.insert(0, stem)
        last = choices[-1]
        more = (f"{last}-{count}" for count in range(2, len(used) + 3))
        free = next(each for each in chain(choices, more) if each not in used)
        used.add(free)
        stems.append(free)
    return stems
