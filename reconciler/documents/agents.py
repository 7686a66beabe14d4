"""Agents as the YAML files declare them: the models, and reading all of a repository's files.

The models say what an agent may have on a portal (Rentix: the vendor's page on users, "What PUT
and an upsert take"); their descriptions are what an editor shows, by way of `schema`. Nothing is
coerced: what a file declares comes out as it went in, as plain dicts of the declared keys only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from reconciler.core import fields as core
from reconciler.core.model import Desired, Scalar, Source, Value
from reconciler.documents.mistakes import Words, known_keys, mistakes, nearest
from reconciler.documents.syntax import quoted
from reconciler.documents.yaml import MAX_BYTES, MAX_PROBLEMS, Tree, load, visible
from reconciler.errors import InputError, Problem

# Patterns in what three dialects share: pydantic's (Rust), the editor's (ECMAScript), and re's.
_EXTERNAL_ID = r"^[^\s]([^\n\t]*[^\s])?$"
# Quotes that YAML does not know: an office program puts them where straight ones were typed.
_CURLY = "^[“”„‟‘’‚].*[“”„‟‘’‚]$"
_ONE_LINE = r"^[^\n\t]*[^\s][^\n\t]*$"
_PHONE = r"^\(?\+?\(?[0-9]([ \u00a0()./-]*[0-9]){6,14}\)?$"
_HTTPS = r"^https://[A-Za-z0-9.-]+(:[0-9]+)?([/?#][^\s]*)?$"
_SITES = {"instagram": "instagram.com", "youtube": "youtube.com", "tiktok": "tiktok.com"}
_LINKS = {
    site: rf"^https://([A-Za-z0-9-]+\.)*{host}([/?#][^\s]*)?$"
    for site, host in (
        ("instagram", r"instagram\.com"),
        ("youtube", r"(youtube\.com|youtu\.be)"),
        ("tiktok", r"tiktok\.com"),
    )
}


def _closed(**extra: Any) -> ConfigDict:  # noqa: ANN401 - JSON Schema
    """No coercion, no other keys; `extra` is what the JSON schema says besides."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=extra)


_Id = Annotated[int, Field(ge=1, le=2**53 - 1)]


@with_config(_closed(minProperties=1))
class Texts(TypedDict, total=False):
    """One text for each language. A language that is left out keeps the text it has."""

    ru: Annotated[str, Field(description='The text in Russian; "" clears it.')]
    en: Annotated[str, Field(description='The text in English; "" clears it.')]
    ro: Annotated[str, Field(description='The text in Romanian; "" clears it.')]


@with_config(_closed(minProperties=1, maxProperties=1))
class Avatar(TypedDict, total=False):
    """A picture: by its address, or by the number of one that was uploaded already."""

    url: Annotated[
        str,
        Field(
            pattern=_HTTPS,
            description="Address of the picture, which the portal fetches; https only.",
            examples=["https://agency.example/photos/ivan.jpg"],
        ),
    ]
    id: Annotated[
        _Id, Field(description="Number of a picture that the portal has already.", examples=[123])
    ]


@with_config(_closed())
class Settings(TypedDict, total=False):
    """Ways to contact the agent. A way that is left out keeps its setting."""

    contact_phone: Annotated[bool, Field(description="Clients may call.")]
    contact_whatsapp: Annotated[bool, Field(description="Clients may write by WhatsApp.")]
    contact_viber: Annotated[bool, Field(description="Clients may write by Viber.")]
    contact_telegram: Annotated[bool, Field(description="Clients may write by Telegram.")]


@with_config(_closed(anyOf=[{"required": ["externalId"]}, {"required": ["id"]}]))
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
            json_schema_extra={"not": {"pattern": _CURLY}},
        ),
    ]
    id: Annotated[
        _Id,
        Field(
            description="The portal's id of the agent. With it, it is certain who is meant.",
            examples=[15],
        ),
    ]
    name: Annotated[
        str,
        Field(
            pattern=_ONE_LINE,
            description="Name as clients read it.",
            examples=["Ivan Petrov"],
            json_schema_extra={"not": {"pattern": _CURLY}},
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


AGENT: TypeAdapter[Agent] = TypeAdapter(Agent)
"""Checks one document; its JSON schema is what editors use."""


def _advise(path: str, text: str) -> str | None:
    """What was probably meant by `text`, as YAML, or None."""
    match path:
        case "instagram" | "youtube" | "tiktok":
            return _advise_link(path, text) if text else "null"
        case "avatar" | "avatar.url":
            return _advise_picture(path, text)
        case "phone":
            return quoted(text) if re.search(_PHONE, text) else None
        case "name" | "externalId" | "description":
            return quoted(" ".join(text.split())) if 0 < len(text) <= 255 else None
        case _:
            return None


def _advise_link(site: str, text: str) -> str | None:
    handle = re.fullmatch(r"@?([\w.-]+)", text)
    if handle and not handle[1].lower().endswith((".com", ".be")):
        text = f"{_SITES[site]}/{'' if site == 'instagram' else '@'}{handle[1]}"
    host, slash, rest = _secure(text).removeprefix("https://").partition("/")
    url = f"https://{host.lower()}{slash}{rest}"
    return url if re.search(_LINKS[site], url) else None


def _advise_picture(path: str, text: str) -> str | None:
    if path == "avatar" and text.isdecimal():
        return f"{{id: {text}}}"
    url = quoted(_secure(text))
    if not re.search(_HTTPS, _secure(text)):
        return None
    return url if path == "avatar.url" else f"{{url: {url}}}"


def _secure(address: str) -> str:
    """An address with the scheme that it needs."""
    return "https://" + re.sub(r"^https?:/*", "", address, flags=re.IGNORECASE)


@cache
def _words() -> Words:
    """How mistakes in an agent are explained; made when the first is met."""
    keep = 'leave the key out to keep it, or write "" to clear it'
    language = 'leave the language out, or write "" to clear it'
    no_picture = "to remove the picture, write avatar: null"
    sites = {
        site: f"`{site}` has to be an address that begins with https://{host}/, or null"
        for site, host in _SITES.items()
    }
    return Words(
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
        },
        refused={
            "settings.posting_type": (
                "`posting_type` is not managed: the portal shows it and does not take it",
                "delete this line",
            ),
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
    for file, path in _files(root, folder, problems):
        try:
            data = _read(path)
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
) -> Desired:
    """What `document` wants on `portal`, by the portal's tables.

    Texts given by language and switches become one path each (`description.ru`); every other
    declared field is one path, and what is not in the tables is left out.
    """
    data = document.data
    values: dict[str, Value] = {}
    for field in fields:
        if field.name in data:
            values |= core.paths(field, data[field.name])
    identity = {each.name: data[each.name] for each in identifiers if each.name in data}
    return Desired(portal, document.key, document.source, identity, values, document.lines)


def _check(file: str, tree: Tree) -> tuple[Document | None, list[Problem]]:
    """The agent of a document, and what is wrong with it."""
    try:
        data: Any = AGENT.validator.validate_python(tree.value)
        wrong = []
    except ValidationError as error:
        data, wrong = tree.value, mistakes(tree, error, _words())
    wrong += _gaps(tree, data)
    if wrong:
        return None, wrong
    key = data["externalId"] if "externalId" in data else f"id:{data['id']}"
    return Document(key, Source(file, *tree.position(())), data, tree.lines()), wrong


def _gaps(tree: Tree, data: Mapping[str, Value]) -> list[Problem]:
    """What no single value can show: too few keys, or too many."""
    found = []
    if "externalId" not in data and "id" not in data:
        meant = any(nearest(key, _words().keys[""]) in ("externalId", "id") for key in data)
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
    for key in ("name", "externalId"):
        text = data.get(key)
        if isinstance(text, str) and re.search(_CURLY, text):
            message = f"`{key}` has curly quotes around it, which would be published with it"
            found.append(tree.problem((key,), message, f'write {key}: "{text[1:-1]}"'))
    avatar = data.get("avatar")
    if isinstance(avatar, dict) and ("url" in avatar) == ("id" in avatar):
        message = "`avatar` has to have either `url` or `id`"
        hint = "keep one of them" if avatar else "write avatar: null to remove the picture"
        found.append(tree.problem(("avatar",), message, hint))
    return found


def _repeated(
    file: str, tree: Tree, taken: dict[tuple[str, Scalar], tuple[str, int]]
) -> list[Problem]:
    """What of the agent's identity an earlier agent has; `taken` learns what is new."""
    found = []
    external, number = tree.value.get("externalId"), tree.value.get("id")
    claims: list[tuple[str, Scalar]] = []
    if isinstance(external, str):
        claims.append(("externalId", external))
    if isinstance(number, int) and not isinstance(number, bool):
        claims.append(("id", number))
    for claim in claims:
        name, value = claim
        line, _ = tree.position((name,), key=True)
        first = taken.setdefault(claim, (file, line))
        if first != (file, line):
            message = f"`{name}` {visible(str(value)[:60])} is taken: {first[0]}:{first[1]} has it"
            hint = "give each agent its own, or delete one of the two"
            found.append(tree.problem((name,), message, hint))
    return found


def _files(root: Path, folder: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """The files to read, by their names relative to `root`, sorted."""
    top = os.path.realpath(root)
    start = root / folder
    name = visible(folder)
    if not start.is_dir():
        hint = "make the folder and put one YAML file an agent into it, or set `agents`"
        message = f"there is no folder {name}" if not start.exists() else f"{name} is no folder"
        problems.append(Problem(name, 1, 1, message, hint=hint))
        return []
    if not _inside(os.path.realpath(start), top):
        problems.append(Problem(name, 1, 1, "the folder is outside of the repository"))
        return []
    prefix = Path(os.path.normpath(folder)).as_posix()
    return sorted(_walk(os.fspath(start), "" if prefix == "." else f"{prefix}/", top, problems))


def _walk(folder: str, prefix: str, top: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """The YAML files in `folder` and below, as (name to show, path); what is odd is a problem."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = prefix + entry.name
            wanted = entry.name.endswith((".yaml", ".yml"))
            if entry.is_symlink() and (wanted or entry.is_dir()):
                problem = _bad_link(entry.path, visible(name), top)
                if problem:
                    problems.append(problem)
                    continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{name}/", top, problems)
            elif wanted and not entry.name.isprintable():
                message = "the file's name has characters that cannot be seen"
                problems.append(Problem(visible(name), 1, 1, message, hint="rename the file"))
            elif wanted and not entry.is_file():
                problems.append(Problem(name, 1, 1, "this is not a file that can be read"))
            elif wanted:
                yield name, entry.path


def _bad_link(path: str, name: str, top: str) -> Problem | None:
    """Why a symbolic link is not followed: it leads nowhere, out of the repository, or back."""
    real = os.path.realpath(path)
    if not Path(real).exists():
        return Problem(name, 1, 1, "the link leads nowhere", hint="delete it")
    if not _inside(real, top):
        message = "the link leads out of the repository"
        return Problem(name, 1, 1, message, hint="put the file itself here")
    if _inside(os.path.realpath(Path(path).parent), real):
        return Problem(name, 1, 1, "the link leads back to a folder that holds it")
    return None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _read(path: str) -> bytes:
    """A file's content, or as much of it as shows that it is too large. Raises OSError."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - Path.open takes twice as long
        too_large = os.fstat(file.fileno()).st_size > MAX_BYTES
        return (file.read(MAX_BYTES + 1) if too_large else file.readall()) or b""
