"""Agents as the YAML files declare them: the model of a file, and reading a repository's files.

The model is built from the parts that the portals declare (`parts`). Nothing is coerced: a document
is a plain dict of the declared keys and their values, as they are in the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from reconciler.core import fields as core
from reconciler.core.model import Desired, Scalar, Source, Value
from reconciler.documents.diagnostics import (
    Vocabulary,
    elsewhere,
    known_keys,
    nearest,
    problems_from,
)
from reconciler.documents.discovery import content, yaml_files
from reconciler.documents.parts import Hints, Key, Part, id_key
from reconciler.documents.patterns import CURLY, UNSEEN, UNSEEN_IN_NAMES, advise_line, mapping
from reconciler.documents.text import MAX_PROBLEMS, printable
from reconciler.documents.yaml import Tree, load
from reconciler.documents.yaml_errors import quoted
from reconciler.errors import InputError, Problem

_EXTERNAL_ID = r"^[^\s]([^\n\t]*[^\s])?$"
_IDENTITY = Part(
    "",
    {
        "externalId": Key(
            Annotated[
                str,
                Field(
                    min_length=1,
                    max_length=255,
                    pattern=_EXTERNAL_ID,
                    description="Your own id of the agent: plans and reports name the agent by it.",
                    examples=["agent-001"],
                    json_schema_extra={"not": {"pattern": CURLY}},
                ),
            ],
            Hints(
                "`externalId` must be 1 to 255 characters on one line, without leading or trailing "
                "whitespace",
                "leave the key out",
                advise_line,
                spelling="exact",
            ),
            unique=str,
        ),
        "id": id_key("agent", 15),
    },
    required=("externalId", "id"),
    example="externalId: agent-001",
)
"""The keys that identify the agent of a file, whatever the portals."""
_CLEAR = "leave the key out to keep the value"


@dataclass(frozen=True, slots=True)
class Document:
    """One agent as declared.

    `key` is its name in every output: the `externalId`, or `id:15`. `data` has the declared keys
    only, checked. `lines` has the line of each key by dotted path (`description.ru`). `notes` are
    what looks like a mistake and may be none, in the form of a problem.
    """

    key: str
    source: Source
    data: Mapping[str, Value]
    lines: Mapping[str, int]
    notes: tuple[Problem, ...] = ()


class Model:
    """What a file may declare: the agent's identity and the parts of all portals."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = (_IDENTITY, *parts)
        top: dict[str, Any] = {}
        for part in self.parts:
            top |= {part.section: _section_type(part)} if part.section else _types(part)
        agent = mapping(
            "Agent",
            top,
            "An agent. Only the keys in this file are managed; all other values stay as they are.",
            anyOf=_any_of(_IDENTITY),
        )
        self.adapter: TypeAdapter[dict[str, Value]] = TypeAdapter(agent)

    @cached_property
    def keys(self) -> dict[tuple[str, ...], Key]:
        """Every key of a part, by its path in the file."""
        return {_path(part, name): key for part in self.parts for name, key in part.keys.items()}

    @cached_property
    def unique(self) -> dict[tuple[str, ...], Key]:
        """The keys whose values no two agents may share."""
        return {path: key for path, key in self.keys.items() if key.unique}

    @cached_property
    def inheriting(self) -> dict[tuple[str, ...], Key]:
        """The keys of sections that inherit a value."""
        return {path: key for path, key in self.keys.items() if key.inherits}

    @cached_property
    def hints(self) -> dict[tuple[str, ...], Hints]:
        """How mistakes in a value are explained, by its path in the file."""
        inner = {
            (*path, name): hints
            for path, key in self.keys.items()
            for name, hints in key.inner.items()
        }
        sections: dict[tuple[str, ...], Hints] = {
            (part.section,): Hints(null=part.null) for part in self.parts if part.section
        }
        return {**{path: key.hints for path, key in self.keys.items()}, **inner, **sections}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """How mistakes in a document are explained; built for the first one."""
        hints = {".".join(path): each for path, each in self.hints.items()}

        def advise(path: str, text: str) -> str | None:
            found = hints[path].advise if path in hints else None
            return found(text) if found else None

        def explain(path: str, text: str) -> str | None:
            found = hints[path].explain if path in hints else None
            return found(text) if found else None

        return Vocabulary(
            keys=known_keys(self.adapter.json_schema()),
            rules={path: each.rule for path, each in hints.items() if each.rule},
            nulls={"": _CLEAR} | {path: each.null for path, each in hints.items() if each.null},
            refused={
                ".".join(_path(part, *path.split("."))): refusal
                for part in self.parts
                for path, refusal in part.refused.items()
            },
            advise=advise,
            explain=explain,
        )


@cache
def model_of(parts: tuple[Part, ...]) -> Model:
    """The model of files with these parts."""
    return Model(parts)


def _path(part: Part, *path: str) -> tuple[str, ...]:
    return (part.section, *path) if part.section else path


def _types(part: Part) -> dict[str, Any]:
    return {name: key.type for name, key in part.keys.items()}


def _section_type(part: Part) -> Any:  # noqa: ANN401 - a type that is made here
    section = mapping(part.section, _types(part), part.description, anyOf=_any_of(part))
    return Annotated[section, Field(description=part.description)]


def _any_of(part: Part) -> list[dict[str, list[str]]]:
    return [{"required": [name]} for name in part.required]


def read_agents(root: Path, folder: str, parts: Sequence[Part]) -> list[Document]:
    """All agents of the repository at `root`: every *.yaml and *.yml below `folder`, by file name.

    `parts` are what the portals declare. Hidden files and folders are skipped. Raises InputError
    with every problem of every file, sorted by place.
    """
    model = model_of(tuple(parts))
    problems: list[Problem] = []
    documents: list[Document] = []
    taken: dict[tuple[str, Scalar], tuple[str, int]] = {}
    for file, path in yaml_files(root, folder, problems):
        try:
            data = content(path)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            problems.append(Problem(file, 1, 1, f"cannot read the file: {reason}"))
            continue
        trees, found = load(file, data)
        unparsed = list(found)
        for tree in trees:
            if len(found) >= MAX_PROBLEMS:
                break
            document, wrong = check(model, file, tree)
            wrong += _repeated(model, file, tree, taken)
            # A value that could not be parsed gets no second problem.
            found += elsewhere(wrong, unparsed)
            if document:
                documents.append(document)
        problems += found
    if problems:
        problems.sort(key=lambda problem: (problem.file, problem.line, problem.column))
        raise InputError(problems)
    return documents


def problems_at(
    root: Path, file: str, faults: Iterable[tuple[Document, tuple[str, ...], str, str]]
) -> list[Problem]:
    """The problems of valid agents of one file that its text does not show, each with its document,
    the path of the value, a message and a hint."""
    try:
        trees, _ = load(file, content(str(root / file)))
    except OSError:
        trees = []
    by_line = {tree.position(())[0]: tree for tree in trees}
    found = []
    for document, path, message, hint in faults:
        line = document.source.line
        try:
            found.append(by_line[line].problem(path, message, hint))
        except LookupError:  # the file has changed meanwhile
            found.append(Problem(file, line, 1, message, hint=hint))
    return found


def desired(
    document: Document,
    part: Part,
    fields: Sequence[core.Field],
    identifiers: Sequence[core.Identifier],
) -> Desired | None:
    """What `document` declares for the portal of `part`, by the portal's tables; None if it has no
    section for it, or says that the agent is not published there.

    Texts in several languages and switches become one path each (`description.ru`); every other
    declared field is one path. Keys that are not in the tables are left out.
    """
    data, lines, source = document.data, document.lines, document.source
    if part.section:
        if part.section not in data:
            return None
        source = Source(source.file, lines.get(part.section, source.line))
        data, lines = _section(document, part)
    if data.get(part.switch) is False:
        return None
    values: dict[str, Value] = {}
    for field in fields:
        if field.name in data:
            values |= core.paths(field, data[field.name])
    identity = {each.name: data[each.name] for each in identifiers if each.name in data}
    return Desired(part.portal, document.key, source, identity, values, lines)


def other_sections(
    documents: Iterable[Document], parts: Iterable[Part], configured: Container[str]
) -> Iterator[tuple[Part, Document, Source]]:
    """Yield each section of a document for a portal that is not `configured`: its part, and where
    it is."""
    absent = [part for part in parts if part.section and part.portal not in configured]
    for document in documents:
        for part in absent:
            if part.section in document.data:
                line = document.lines.get(part.section, document.source.line)
                yield part, document, Source(document.source.file, line)


def _section(document: Document, part: Part) -> tuple[dict[str, Value], dict[str, int]]:
    """A portal's section with what it inherits, and the line of each of its keys."""
    prefix = f"{part.section}."
    data = dict(document.data[part.section])
    lines = {
        path.removeprefix(prefix): line
        for path, line in document.lines.items()
        if path.startswith(prefix)
    }
    for name, key in part.keys.items():
        source = key.inherits
        value = value_at(document.data, source) if source else None
        if name not in data and value is not None:
            data[name] = {source[-1]: value} if source[0] == name != source[-1] else value
            lines[name] = document.lines[".".join(source)]
    return data, lines


def value_at(data: Mapping[str, Value], path: Sequence[str]) -> Value:
    """The value at a path of a file's data; None if there is none."""
    value: Value = data
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def check(model: Model, file: str, tree: Tree) -> tuple[Document | None, list[Problem]]:
    """The agent of a document, and its problems; None if there are any."""
    try:
        data: Any = model.adapter.validator.validate_python(tree.value)
        wrong = []
    except ValidationError as error:
        data, wrong = tree.value, problems_from(tree, error, model.vocabulary)
    heading = _heading(model, tree, data)
    if heading:
        return None, [heading]
    invisible = list(_inprintable(model, tree, data))
    wrong = invisible + elsewhere(wrong, invisible)
    wrong += _gaps(model, tree, data)
    wrong += elsewhere(list(_misfits(model, tree, data)), wrong)
    if wrong:
        return None, wrong
    key = data["externalId"] if "externalId" in data else f"id:{data['id']}"
    source, notes = Source(file, *tree.position(())), tuple(_cut_values(tree))
    return Document(key, source, data, tree.lines(), notes), wrong


def _cut_values(tree: Tree) -> Iterator[Problem]:
    """The values that a comment may have cut short, as in `name: Ivan #1`."""
    for path, word in tree.cut_values():
        key, whole = printable(str(path[-1])), f"{tree.raw(path)} {word}".lstrip()
        message = f"{printable(word)} starts a comment and is not part of `{key}`"
        hint = f"if it belongs to the value, write {key}: {quoted(whole)}"
        yield tree.problem(path, message, hint)


def _heading(model: Model, tree: Tree, data: Mapping[str, Value]) -> Problem | None:
    """The problem of an agent that is nested under a heading; None if it is not."""
    if any(name in data for name in _IDENTITY.required):
        return None
    known = model.vocabulary.keys[""]
    if any(nearest(key, known) in _IDENTITY.required for key in data):
        return None
    for key, value in data.items():
        if key in known or nearest(key, known):
            continue
        parts = list(value.values()) if isinstance(value, Mapping) else value
        below = [value, *(parts if isinstance(parts, list) else ())]
        if any(isinstance(each, Mapping) and {*_IDENTITY.required} & each.keys() for each in below):
            message = f"an agent's keys must be at the top level, not under `{printable(key[:60])}`"
            hint = (
                "delete this line, remove the indentation below it, and separate agents with a "
                "line of ---"
            )
            return tree.problem((key,), message, hint, key=True)
    return None


def _inprintable(model: Model, tree: Tree, data: Mapping[str, Value]) -> Iterator[Problem]:
    """Invisible characters in names, addresses and ids: two values that look the same would
    differ. In longer texts they may be intended."""
    for path, hints in model.hints.items():
        if hints.spelling == "free":
            continue
        text = value_at(data, path)
        if not isinstance(text, str) or text.isascii():
            continue
        pattern = UNSEEN if hints.spelling == "exact" else UNSEEN_IN_NAMES
        if match := re.search(pattern, text):
            message = f"`{path[-1]}` contains the invisible character U+{ord(match[0]):04X}"
            yield tree.problem(path, message, "delete it, or type the value again")


def _gaps(model: Model, tree: Tree, data: Mapping[str, Value]) -> Iterator[Problem]:
    """What no single value shows: missing keys, and keys that do not go together."""
    yield from chain.from_iterable(_missing(model, tree, data, part) for part in model.parts)
    external = data.get("externalId")
    if isinstance(external, str) and re.fullmatch("id:[0-9]+", external):
        message = "`externalId` cannot be `id:` and a number: that names an agent without one"
        yield tree.problem(("externalId",), message)
    for path, key in model.keys.items():
        value = value_at(data, path)
        curly = key.hints.spelling == "name" or path == ("externalId",)
        if curly and isinstance(value, str) and re.search(CURLY, value):
            message = f"`{path[-1]}` has curly quotes, which would be published"
            yield tree.problem(path, message, f'write {path[-1]}: "{value[1:-1]}"')
        found = key.check(value) if isinstance(value, Mapping) else None
        if found:
            yield tree.problem(path, *found)


def _missing(model: Model, tree: Tree, data: Mapping[str, Value], part: Part) -> Iterator[Problem]:
    """The problem of a part that has none of the keys of which it needs one."""
    own = data.get(part.section) if part.section else data
    if not part.required or not isinstance(own, Mapping):
        return
    known = model.vocabulary.keys[part.section]
    # A misspelled key is a problem already.
    if any(key in part.required or nearest(key, known) in part.required for key in own):
        return
    whose = f"`{part.section}`" if part.section else "the agent"
    either = " or ".join(f"`{name}`" for name in part.required)
    message = f"{whose} needs {either} to identify the agent"
    yield tree.problem(_path(part), message, f"add a line such as {part.example}")


def _misfits(model: Model, tree: Tree, data: Mapping[str, Value]) -> Iterator[Problem]:
    """The values that a section inherits and that do not fit there."""
    for (section, *_, name), key in model.inheriting.items():
        own, value = data.get(section), value_at(data, key.inherits)
        if not isinstance(own, Mapping) or name in own or not isinstance(value, str):
            continue
        if form := key.adapt(value):
            source = key.inherits[-1]
            message = f"`{section}` inherits this `{source}` and does not accept its format"
            yield tree.problem(key.inherits, message, f"write {source}: {form}")


def _repeated(
    model: Model, file: str, tree: Tree, taken: dict[tuple[str, Scalar], tuple[str, int]]
) -> list[Problem]:
    """The ids that an earlier agent has already; new ones are added to `taken`."""
    found = []
    for path, key in model.unique.items():
        value: Scalar = value_at(tree.value, path)
        if type(value) is not key.unique:
            continue
        line, _ = tree.position(path, key=True)
        claim = value
        if isinstance(value, str):  # two spellings that look the same are the same
            claim = key.canonical(unicodedata.normalize("NFC", value))
        first = taken.setdefault((".".join(path), claim), (file, line))
        if first != (file, line):
            shown = printable(str(value)[:60])
            message = f"`{path[-1]}` {shown} is already used in {first[0]}:{first[1]}"
            hint = "give each agent its own, or delete one of the two"
            found.append(tree.problem(path, message, hint))
    return found
