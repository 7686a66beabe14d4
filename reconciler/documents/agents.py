"""Agents as the YAML files declare them: the models, and reading all of a repository's files.

The models say what an agent may have on a portal (Rentix: the vendor's page on users, "What PUT
and an upsert take"); their descriptions are what an editor shows, by way of `schema`. Nothing is
coerced: what a file declares comes out as it went in, as plain dicts of the declared keys only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from reconciler.core import fields as core
from reconciler.core.model import Desired, Scalar, Source, Value
from reconciler.documents import propertyfinder
from reconciler.documents.diagnostics import Vocabulary, known_keys, nearest, problems_from
from reconciler.documents.discovery import content, yaml_files
from reconciler.documents.patterns import (
    CURLY,
    HTTPS,
    ONE_LINE,
    UNSEEN,
    UNSEEN_IN_NAMES,
    Id,
    advise_line,
    advise_page,
    advise_picture,
    closed,
    site,
)
from reconciler.documents.text import MAX_PROBLEMS, printable
from reconciler.documents.yaml import Tree, load
from reconciler.documents.yaml_errors import quoted
from reconciler.errors import InputError, Problem

_EXTERNAL_ID = r"^[^\s]([^\n\t]*[^\s])?$"
_PHONE = r"^\(?\+?\(?[0-9]([ \u00a0()./-]*[0-9]){6,14}\)?$"
_SITES = {"instagram": "instagram.com", "youtube": "youtube.com", "tiktok": "tiktok.com"}
_LINKS = {
    "instagram": site("instagram.com"),
    "youtube": site("youtube.com", "youtu.be"),
    "tiktok": site("tiktok.com"),
}

INHERITED: dict[str, Mapping[str, tuple[str, ...]]] = {"propertyfinder": propertyfinder.INHERITED}
"""The portals that have a section of their own in an agent's file, and what it takes from where
when it does not say so itself. What is here for no portal is declared at the top level."""


@with_config(closed(minProperties=1))
class Texts(TypedDict, total=False):
    """One text for each language. A language that is left out keeps the text it has."""

    ru: Annotated[str, Field(description='The text in Russian; "" clears it.')]
    en: Annotated[str, Field(description='The text in English; "" clears it.')]
    ro: Annotated[str, Field(description='The text in Romanian; "" clears it.')]


@with_config(closed(minProperties=1, maxProperties=1))
class Avatar(TypedDict, total=False):
    """A picture: by its address, or by the number of one that was uploaded already."""

    url: Annotated[
        str,
        Field(
            pattern=HTTPS,
            description="Address of the picture, which the portal fetches; https only.",
            examples=["https://agency.example/photos/ivan.jpg"],
        ),
    ]
    id: Annotated[
        Id, Field(description="Number of a picture that the portal has already.", examples=[123])
    ]


@with_config(closed())
class Settings(TypedDict, total=False):
    """Ways to contact the agent. A way that is left out keeps its setting."""

    contact_phone: Annotated[bool, Field(description="Clients may call.")]
    contact_whatsapp: Annotated[bool, Field(description="Clients may write by WhatsApp.")]
    contact_viber: Annotated[bool, Field(description="Clients may write by Viber.")]
    contact_telegram: Annotated[bool, Field(description="Clients may write by Telegram.")]


@with_config(closed(anyOf=[{"required": ["externalId"]}, {"required": ["id"]}]))
class Agent(TypedDict, total=False):
    """An agent. Only the keys that are here are managed; what is left out stays as it is."""

    externalId: Annotated[
        str,
        Field(
            min_length=1,
            max_length=255,
            pattern=_EXTERNAL_ID,
            description="Our own id of the agent: the name by which plans and reports speak of it.",
            examples=["agent-001"],
            json_schema_extra={"not": {"pattern": CURLY}},
        ),
    ]
    id: Annotated[
        Id,
        Field(
            description="The portal's id of the agent. With it, it is certain who is meant.",
            examples=[15],
        ),
    ]
    name: Annotated[
        str,
        Field(
            pattern=ONE_LINE,
            description="Name as clients read it.",
            examples=["Ivan Petrov"],
            json_schema_extra={"not": {"pattern": CURLY}},
        ),
    ]
    phone: Annotated[
        str,
        Field(
            pattern=_PHONE,
            description="Phone, in quotes. It helps to find the agent, and is never changed.",
            examples=["+373 22 123 456"],
        ),
    ]
    description: Annotated[
        str | Texts,
        Field(
            union_mode="left_to_right",
            description="What the agent says about themselves: one text for all languages, or one "
            "for each of ru, en, ro.",
            examples=["Sells flats in Chișinău.", {"en": "Sells flats.", "ro": "Vinde case."}],
        ),
    ]
    avatar: Annotated[
        Avatar | None,
        Field(
            description="The agent's picture; null removes it.",
            examples=[{"url": "https://agency.example/photos/ivan.jpg"}],
        ),
    ]
    instagram: Annotated[
        Annotated[str, Field(pattern=_LINKS["instagram"])] | None,
        Field(
            description="Page on Instagram; null clears it.",
            examples=["https://instagram.com/ivan.petrov"],
        ),
    ]
    youtube: Annotated[
        Annotated[str, Field(pattern=_LINKS["youtube"])] | None,
        Field(
            description="Page on YouTube; null clears it.",
            examples=["https://youtube.com/@ivan.petrov"],
        ),
    ]
    tiktok: Annotated[
        Annotated[str, Field(pattern=_LINKS["tiktok"])] | None,
        Field(
            description="Page on TikTok; null clears it.",
            examples=["https://tiktok.com/@ivan.petrov"],
        ),
    ]
    settings: Annotated[Settings, Field(description="Ways to contact the agent.")]
    propertyfinder: Annotated[
        propertyfinder.PropertyFinder,
        Field(description="The agent on Property Finder; with this key they are published there."),
    ]


UNIQUE: Mapping[tuple[str, ...], type] = {
    ("externalId",): str,
    ("id",): int,
    ("propertyfinder", "id"): int,
    ("propertyfinder", "email"): str,
}
"""What no two agents have in common, and of what type it is."""

NAMES: Sequence[tuple[str, ...]] = (
    ("name",),
    *(("propertyfinder", name) for name in propertyfinder.NAMES),
)
"""What is a person's name."""

ADDRESSES: Sequence[tuple[str, ...]] = (
    ("externalId",),
    ("avatar", "url"),
    *((site,) for site in _SITES),
    *(("propertyfinder", name) for name in propertyfinder.ADDRESSES),
    ("propertyfinder", "avatar", "url"),
)
"""What names or finds somebody or something, letter by letter."""

AGENT: TypeAdapter[Agent] = TypeAdapter(Agent)
"""Checks one document; its JSON schema is what editors use."""


def _advise(path: str, text: str) -> str | None:
    """What was probably meant by `text`, as YAML, or None."""
    section, _, inner = path.partition(".")
    if section == "propertyfinder":
        return propertyfinder.advise(inner, text)
    match path:
        case "instagram" | "youtube" | "tiktok":
            return _advise_link(path, text) if text else "null"
        case "avatar" | "avatar.url":
            number = f"{{id: {text}}}" if path == "avatar" and text.isdecimal() else None
            return number or advise_picture(text, alone=path == "avatar.url")
        case "phone":
            return quoted(text) if re.search(_PHONE, text) else None
        case "name" | "externalId" | "description":
            return advise_line(text)
        case _:
            return None


def _advise_link(site: str, text: str) -> str | None:
    handle = re.fullmatch(r"@?([\w.-]+)", text)
    if handle and not handle[1].lower().endswith((".com", ".be")):
        text = f"{_SITES[site]}/{'' if site == 'instagram' else '@'}{handle[1]}"
    return advise_page(text, _LINKS[site])


@cache
def _vocabulary() -> Vocabulary:
    """How mistakes in an agent are explained; made when the first is met."""
    keep = 'leave the key out to keep it, or write "" to clear it'
    language = 'leave the language out, or write "" to clear it'
    no_picture = "to remove the picture, write avatar: null"
    within = "propertyfinder"
    sites = {
        site: f"`{site}` has to be an address that begins with https://{host}/, or null"
        for site, host in _SITES.items()
    }
    return Vocabulary(
        keys=known_keys(AGENT.json_schema()),
        rules={
            "externalId": "`externalId` has to be 1 to 255 characters on one line, with no blank "
            "at either end",
            "name": "`name` has to be text on one line, and not empty",
            "phone": "`phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
            "description": "`description` has to be a text, or a text for each of ru, en, ro",
            "avatar": "`avatar` has to be {{url: …}}, {{id: …}} or null",
            "avatar.url": "`url` has to be an address that begins with https://",
            **sites,
            **{f"{within}.{name}": said for name, said in propertyfinder.RULES.items()},
        },
        nulls={
            "": "leave the key out to leave the value alone",
            "externalId": "leave the key out",
            "id": "leave the key out",
            "description": keep,
            "description.ru": language,
            "description.en": language,
            "description.ro": language,
            "avatar.url": no_picture,
            "avatar.id": no_picture,
            within: "delete the key if the agent is not to be published there",
            **{f"{within}.{name}": said for name, said in propertyfinder.NULLS.items()},
        },
        refused={
            "settings.posting_type": (
                "`posting_type` is not managed: the portal shows it and does not take it",
                "delete this line",
            ),
            **{f"{within}.{name}": said for name, said in propertyfinder.REFUSED.items()},
        },
        advise=_advise,
    )


@dataclass(frozen=True, slots=True)
class Document:
    """One agent as declared.

    `key` is its name in every output: the `externalId`, or `id:15`. `data` has the declared keys
    only, checked. `lines` has the line of each key by dotted path (`description.ru`).
    """

    key: str
    source: Source
    data: Mapping[str, Value]
    lines: Mapping[str, int]


def read_agents(root: Path, folder: str) -> list[Document]:
    """All agents of the repository at `root`: every *.yaml and *.yml below `folder`, by file name.

    Names that begin with a dot are skipped. Raises InputError with every problem of every file,
    sorted by place; then no agent can be used.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    taken: dict[tuple[str, Scalar], tuple[str, int]] = {}
    for file, path in yaml_files(root, folder, problems):
        try:
            data = content(path)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            problems.append(Problem(file, 1, 1, f"the file cannot be read: {reason}"))
            continue
        trees, found = load(file, data)
        places = {(problem.line, problem.column) for problem in found}
        for tree in trees:
            if len(found) >= MAX_PROBLEMS:
                break
            document, wrong = _check(file, tree)
            wrong += _repeated(file, tree, taken)
            # A value that could not be read is not to be judged as well.
            found += [each for each in wrong if (each.line, each.column) not in places]
            if document:
                documents.append(document)
        problems += found
    if problems:
        problems.sort(key=lambda problem: (problem.file, problem.line, problem.column))
        raise InputError(problems)
    return documents


def desired(
    document: Document,
    portal: str,
    fields: Sequence[core.Field],
    identifiers: Sequence[core.Identifier],
) -> Desired | None:
    """What `document` wants on `portal`, by the portal's tables; None if it has no section there.

    Texts given by language and switches become one path each (`description.ru`); every other
    declared field is one path, and what is not in the tables is left out.
    """
    data, lines, source = document.data, document.lines, document.source
    if portal in INHERITED:
        if portal not in data:
            return None
        source = Source(source.file, lines.get(portal, source.line))
        data, lines = _section(document, portal)
    values: dict[str, Value] = {}
    for field in fields:
        if field.name in data:
            values |= core.paths(field, data[field.name])
    identity = {each.name: data[each.name] for each in identifiers if each.name in data}
    return Desired(portal, document.key, source, identity, values, lines)


def _section(document: Document, portal: str) -> tuple[dict[str, Value], dict[str, int]]:
    """A portal's section with what it inherits, and the line of each of its keys."""
    prefix = f"{portal}."
    data = dict(document.data[portal])
    lines = {
        path.removeprefix(prefix): line
        for path, line in document.lines.items()
        if path.startswith(prefix)
    }
    for name, source in INHERITED[portal].items():
        value = _at(document.data, source)
        if name not in data and value is not None:
            data[name] = {source[-1]: value} if source[0] == name != source[-1] else value
            lines[name] = document.lines[".".join(source)]
    return data, lines


def _at(data: Mapping[str, Value], path: Sequence[str]) -> Value:
    """The value at these keys; None where there is none."""
    value: Value = data
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _check(file: str, tree: Tree) -> tuple[Document | None, list[Problem]]:
    """The agent of a document, and what is wrong with it."""
    try:
        data: Any = AGENT.validator.validate_python(tree.value)
        wrong = []
    except ValidationError as error:
        data, wrong = tree.value, problems_from(tree, error, _vocabulary())
    heading = _heading(tree, data)
    if heading:
        return None, [heading]
    unseen = list(_unseen(tree, data))
    places = {(problem.line, problem.column) for problem in unseen}
    wrong = [each for each in wrong if (each.line, each.column) not in places]
    wrong += unseen + _gaps(tree, data)
    if wrong:
        return None, wrong
    key = data["externalId"] if "externalId" in data else f"id:{data['id']}"
    return Document(key, Source(file, *tree.position(())), data, tree.lines()), wrong


def _heading(tree: Tree, data: Mapping[str, Value]) -> Problem | None:
    """What is wrong where agents stand under a heading of their own, or None."""
    if "externalId" in data or "id" in data:
        return None
    known = _vocabulary().keys[""]
    if any(nearest(key, known) in ("externalId", "id") for key in data):
        return None
    for key, value in data.items():
        if key in known or nearest(key, known):
            continue
        parts = list(value.values()) if isinstance(value, Mapping) else value
        below = [value, *(parts if isinstance(parts, list) else ())]
        if any(isinstance(each, Mapping) and {"externalId", "id"} & each.keys() for each in below):
            message = f"an agent stands under no heading, and here is `{printable(key[:60])}`"
            hint = (
                "delete this line, let the agent's keys begin in the first column, and put a line "
                "of --- between two agents"
            )
            return tree.problem((key,), message, hint, key=True)
    return None


def _unseen(tree: Tree, data: Mapping[str, Value]) -> Iterator[Problem]:
    """Characters that nobody sees, in what finds an agent, leads to a page or is a name: two of
    these that look the same would not be. In longer texts they are the author's."""
    for paths, pattern in ((ADDRESSES, UNSEEN), (NAMES, UNSEEN_IN_NAMES)):
        for path in paths:
            text = _at(data, path)
            if not isinstance(text, str) or text.isascii():
                continue
            match = re.search(pattern, text)
            if match:
                code = f"U+{ord(match[0]):04X}"
                message = f"`{path[-1]}` has a character in it that cannot be seen, {code}"
                yield tree.problem(path, message, "delete it, or type the value again")


def _gaps(tree: Tree, data: Mapping[str, Value]) -> list[Problem]:
    """What no single value can show: too few keys, or too many."""
    found = []
    if "externalId" not in data and "id" not in data:
        meant = any(nearest(key, _vocabulary().keys[""]) in ("externalId", "id") for key in data)
        if not meant:
            message = "the agent has neither `externalId` nor `id`"
            found.append(tree.problem((), message, "add a line such as externalId: agent-001"))
    if data.get("description") == {}:
        message = "`description` has no language"
        found.append(tree.problem(("description",), message, "add ru, en or ro, or leave it out"))
    external = data.get("externalId")
    if isinstance(external, str) and re.fullmatch("id:[0-9]+", external):
        message = "`externalId` cannot be id: and a number, the name of agents without one"
        found.append(tree.problem(("externalId",), message))
    for path in (*NAMES, ("externalId",)):
        text = _at(data, path)
        if isinstance(text, str) and re.search(CURLY, text):
            message = f"`{path[-1]}` has curly quotes around it, which would be published with it"
            found.append(tree.problem(path, message, f'write {path[-1]}: "{text[1:-1]}"'))
    if isinstance(data.get("propertyfinder"), Mapping):
        found += _gaps_there(tree, data, data["propertyfinder"])
    avatar = data.get("avatar")
    if isinstance(avatar, dict) and ("url" in avatar) == ("id" in avatar):
        message = "`avatar` has to have either `url` or `id`"
        hint = "keep one of them" if avatar else "write avatar: null to remove the picture"
        found.append(tree.problem(("avatar",), message, hint))
    return found


def _gaps_there(
    tree: Tree, data: Mapping[str, Value], section: Mapping[str, Value]
) -> list[Problem]:
    """What is missing in `propertyfinder`, or does not fit there though it fits at the top."""
    found = []
    within = "propertyfinder"
    if "email" not in section and "id" not in section:
        known = _vocabulary().keys[within]
        if not any(nearest(key, known) in ("email", "id") for key in section):
            message = "`propertyfinder` has neither `email` nor `id`, so it finds nobody"
            found.append(tree.problem((within,), message, "add email: ivan@agency.example"))
    for name in ("position", "bio"):
        if section.get(name) == {}:
            message = f"`{name}` has no text"
            found.append(tree.problem((within, name), message, "add primary, or leave it out"))
    if section.get("avatar") == {}:
        message = "`avatar` has no `url`"
        found.append(tree.problem((within, "avatar"), message, "write avatar: null to remove it"))
    phone = data.get("phone")
    fits = isinstance(phone, str) and re.search(_PHONE, phone)
    if "phone" not in section and fits and not re.search(propertyfinder.PHONE, str(phone)):
        message = "`phone` is inherited by `propertyfinder`, which does not take it in this form"
        digits = re.sub(r"[^0-9+]", "", str(phone))
        found.append(tree.problem(("phone",), message, f'write phone: "{digits}"'))
    return found


def _repeated(
    file: str, tree: Tree, taken: dict[tuple[str, Scalar], tuple[str, int]]
) -> list[Problem]:
    """What of the agent's identity an earlier agent has; `taken` learns what is new."""
    found = []
    for path, sort in UNIQUE.items():
        value: Scalar = _at(tree.value, path)
        if type(value) is not sort:
            continue
        line, _ = tree.position(path, key=True)
        claim: Scalar = value
        if isinstance(value, str):  # what looks the same is the same, however it was typed
            claim = unicodedata.normalize("NFC", value)
            claim = core.mailbox(claim) if path[-1] == "email" else claim
        first = taken.setdefault((".".join(path), claim), (file, line))
        if first != (file, line):
            said = f"`{path[-1]}` {printable(str(value)[:60])}"
            message = f"{said} is taken: {first[0]}:{first[1]} has it"
            hint = "give each agent its own, or delete one of the two"
            found.append(tree.problem(path, message, hint))
    return found
