"""What a new file declares for live agents: what the portals show that is worth declaring, and that
the rules for files accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import fields as core
from reconciler.core.model import Live, Value
from reconciler.documents.agents import Document, Model, check
from reconciler.documents.canonical import SCHEMA_LINE, new_file
from reconciler.documents.parts import Part
from reconciler.documents.scalars import forbidden, is_writable
from reconciler.documents.yaml import load

Path = tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """A document in the making: its file, what it declares, the live agents whom it is about by
    portal, the lines of comments by key, and the values that were left out, each with the reason.
    With `existing`, it is that document with another section (`added`)."""

    file: str
    data: dict[str, Any]
    agents: Mapping[str, Live]
    existing: Document | None = None
    added: str = ""
    comments: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[tuple[Path, str]] = field(default_factory=list)

    def drop(self, path: Path, reason: str) -> bool:
        """Leave a value out, and the mapping that it was in if nothing else is in it. Returns False
        if there is no such value."""
        inner: Any = self.data
        if self.existing is not None and path[0] != self.added:
            return False
        for key in path[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or path[-1] not in inner:
            return False
        del inner[path[-1]]
        self.left_out.append((path, reason))
        if not inner and len(path) > 1:
            self.drop(path[:-1], reason)
            self.left_out.pop()
        return True


def shown_values(
    model: Model, part: Part, fields: Sequence[core.Field], live: Live
) -> dict[str, Value]:
    """The values of a portal's part that agree with what the portal shows, and what identifies the
    agent there."""
    own = (part.section,) if part.section else ()
    found = {name: each for name, each in live.identity.items() if (*own, name) in model.keys}
    for field_ in fields:
        key = model.keys.get((*own, field_.name))
        value = core.declaration(field_, live.values)
        value = key.declares(value) if key is not None and value is not None else None
        if value is not None:
            found[field_.name] = value
    return found


def texts_without_language(
    fields: Sequence[core.Field], live: Live
) -> Iterator[tuple[str, list[str]]]:
    """Yield each text that the portal shows as one string for all languages, and its lines; none
    that a file may not contain."""
    for each in fields:
        text = live.values.get(each.name)
        if each.sort is core.Sort.TEXTS and isinstance(text, str) and text.strip():
            lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
            if is_writable(lines) and "\ufffd" not in text:
                yield each.name, lines


def refusals(model: Model, file: str, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the paths of the values that the rules refuse, each with the reason."""
    if document(model, file, data) is not None:
        return
    for path, value in leaves(data):
        if reason := refusal(model, file, path, value):
            yield path, reason


def leaves(data: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each single value or list in a file's data, with its path."""
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def refusal(model: Model, file: str, path: Path, value: Any) -> str | None:  # noqa: ANN401
    """Why the rules refuse a value at a path of a file; None if they accept it."""
    alone: dict[str, Any] = {"externalId": "x"}
    inner = alone
    for part in model.parts:
        if len(path) > 1 and part.section == path[0]:
            inner = alone.setdefault(part.section, {"id": 1} if "id" in part.keys else {})
    for key in path[1:-1] if inner is not alone else path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    if not is_writable(alone):
        return f"it contains {forbidden(value)}, which no file may contain"
    trees, problems = load(file, text(model, file, alone).encode())
    if not problems:
        _, problems = check(model, file, trees[0])
    return problems[0].message if problems else None


def document(model: Model, file: str, data: Mapping[str, Any]) -> Document | None:
    """The document that a file with this data has; None if the rules refuse it."""
    if not is_writable(data):
        return None
    trees, problems = load(file, text(model, file, data).encode())
    if problems:
        return None
    found, wrong = check(model, file, trees[0])
    return None if wrong else found


def text(
    model: Model,
    file: str,
    data: Mapping[str, Any],
    comments: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The text of a file, with a line that names the schema for editors."""
    depth = file.count("/")
    schema = f"{SCHEMA_LINE[2:]} $schema={'../' * depth}schemas/agent.schema.json"
    return new_file(data, model.vocabulary.keys, {**(comments or {}), "": [schema]})
