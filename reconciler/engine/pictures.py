"""Check the pictures that the files name: fetch each one and compare it with the portals' rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from reconciler.core.fields import Sort
from reconciler.core.pictures import faults
from reconciler.documents.agents import Document, desired, problems_at
from reconciler.engine.concurrency import Cancellation, merge_streams, within
from reconciler.engine.session import Repository
from reconciler.errors import Problem
from reconciler.net.client import proxy_passwords
from reconciler.net.public import FetchError, Internet
from reconciler.net.redaction import redact
from reconciler.portals.registry import PORTALS

WORKERS = 4
"""Pictures to fetch at the same time."""
ENOUGH = 64 * 1024
"""Bytes of a picture that show its format."""
SECONDS = 60.0
"""The longest time for one picture with all its redirects."""
SLOW = "check how fast the server is; a portal may not wait longer"
MESSAGE = 500
"""Characters of a message, parts of which a server can choose."""
INTERNET = Internet()

Fault = tuple[str, str]
"""A message and a hint."""
Found = Mapping[str, Sequence[Fault]]
"""What is wrong with a picture, by portal."""


class Use(NamedTuple):
    """A picture's address, the place in a file that declares it, and a portal that is to import
    it."""

    url: str
    document: Document
    path: tuple[str, ...]
    portal: str


class Checked(NamedTuple):
    """How many pictures were fetched, and what is wrong with them, in the order of the files."""

    pictures: int
    problems: Sequence[Problem]


def check_pictures(repository: Repository) -> Checked:
    """Fetch each picture once, a few at a time. Raises ConfigError if the certificates that the
    environment names are not usable."""
    uses = [use for document in repository.documents for use in _uses(document)]
    portals: dict[str, dict[str, None]] = {}
    for use in uses:
        portals.setdefault(use.url, {})[use.portal] = None
    found = dict(_check_all(list(portals.items())))
    return Checked(len(portals), _place(repository.root, uses, found))


def _uses(document: Document) -> Iterator[Use]:
    """Yield every picture of an agent with each portal that gets it, configured or not."""
    for portal in PORTALS.values():
        wanted = desired(document, portal.part, portal.fields, portal.identifiers)
        for field in portal.fields if wanted else ():
            value = wanted and wanted.values.get(field.name)
            if field.sort is not Sort.PICTURE or not value or "url" not in value:
                continue
            section = portal.part.section
            own = field.name in document.data.get(section, {}) if section else False
            path = (*([section] if own else []), field.name, "url")
            yield Use(value["url"], document, path, portal.name)


def _check_all(pictures: Sequence[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, Found]]:
    """Yield each picture's address with what is wrong with it; `pictures` has the portals of
    each."""

    def check(pictures: Sequence[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, Found]]:
        for url, portals in pictures:
            yield url, _check(url, portals)

    shares = [pictures[start::WORKERS] for start in range(WORKERS)]
    streams = {f"picture {n}": partial(check, share) for n, share in enumerate(shares) if share}
    for _, found in merge_streams(streams, Cancellation()):
        yield found


def _check(url: str, portals: Iterable[str]) -> Found:
    """What is wrong with a picture, for each of these portals."""
    rules = {name: PORTALS[name].pictures for name in portals}
    largest = max((each.most or 0) for each in rules.values())
    try:
        picture = within(SECONDS, lambda: INTERNET.fetch(url, max(largest + 1, ENOUGH)))
    except TimeoutError:
        fault = (f"the picture did not arrive within {SECONDS:g} seconds", SLOW)
        return {name: [fault] for name in rules}
    except FetchError as error:
        fault = (redact(error.message, proxy_passwords())[:MESSAGE], error.hint)
        return {name: [fault] for name in rules}
    return {
        name: list(faults(picture, PORTALS[name].settings.title, each))
        for name, each in rules.items()
    }


def _place(root: Path, uses: Iterable[Use], found: Mapping[str, Found]) -> Sequence[Problem]:
    """The faults as problems at the places in the files, each once."""
    files: dict[str, list[tuple[Document, tuple[str, ...], str, str]]] = {}
    for use in uses:
        for fault in found[use.url][use.portal]:
            file = use.document.source.file
            files.setdefault(file, []).append((use.document, use.path, *fault))
    problems = (each for file, placed in files.items() for each in problems_at(root, file, placed))
    return sorted(
        dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column)
    )
