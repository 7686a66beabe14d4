"""Turn pydantic's validation errors into problems at a place in the file.

pydantic locates an error by keys, union members and Python types. `problems_from` finds the line of
the key or value, says what is wrong with it, and suggests the corrected line if it can guess it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reconciler.documents.text import MAX_PROBLEMS, printable
from reconciler.documents.yaml import Path, Tree
from reconciler.documents.yaml_errors import SMART_QUOTES, quoted
from reconciler.errors import Problem

_YES = frozenset(("yes", "y", "on", "true", "1", "да", "da"))
_NO = frozenset(("no", "n", "off", "false", "0", "нет", "nu"))

_MESSAGES = {
    "rule": "{message}",
    "string_type": "`{key}` must be text",
    "string_pattern_mismatch": "`{key}` must be text on one line",
    "bool_type": "`{key}` must be true or false",
    "int_type": "`{key}` must be a whole number",
    "greater_than_equal": "`{key}` must be {ge} or more",
    "less_than_equal": "`{key}` must be {le} or less",
    "literal_error": "`{key}` must be {expected}",
    "list_type": "`{key}` must be a list, such as [a, b]",
    "too_short": "`{key}` must have at least one entry",
    "dict_type": "`{key}` must be a mapping",
    "model_type": "`{key}` must be a mapping",
}
"""The message for each of pydantic's error types, formatted with the context of the error. A model
raises "rule" to give its own message."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one kind of document adds to the messages, by dotted path.

    - `keys`: the keys that each mapping may have ("" is the document; see `known_keys`).
    - `rules`: what a value must be, where pydantic's error says less.
    - `nulls`: what to write instead of null ("" is the default).
    - `refused`: the message and hint for keys that people expect but that are not supported.
    - `advise`: takes a dotted path and the text found there; returns the text that was probably
      meant, as YAML, or None.
    - `explain`: takes the same; returns another hint, or None.
    """

    keys: Mapping[str, Sequence[str]]
    rules: Mapping[str, str]
    nulls: Mapping[str, str]
    refused: Mapping[str, tuple[str, str]]
    advise: Callable[[str, str], str | None]
    explain: Callable[[str, str], str | None]


def known_keys(schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the keys of every mapping in pydantic's JSON schema, by dotted path. The path of a
    mapping in a list is that of the list."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(node: Mapping[str, Any], path: str) -> None:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if "properties" in node:
            found[path] = tuple(node["properties"])
        for name, inner in node.get("properties", {}).items():
            walk(inner, f"{path}.{name}".lstrip("."))
        for member in (*node.get("anyOf", ()), node.get("items")):
            if member is not None:
                walk(member, path)

    walk(schema, "")
    return found


def problems_from(tree: Tree, error: ValidationError, vocabulary: Vocabulary) -> list[Problem]:
    """Return one problem for each place in `tree` that `error` is about, up to `MAX_PROBLEMS`."""
    found: dict[Path, ErrorDetails] = {}
    for details in error.errors(include_url=False)[:MAX_PROBLEMS]:
        found.setdefault(_path(tree.value, details["loc"]), details)
    # Of the errors of a union, keep the deepest: its member is the one that was meant.
    above = {path[:length] for path in found for length in range(1, len(path))}
    return [
        _problem(tree, path, details, vocabulary)
        for path, details in found.items()
        if path not in above
    ]


def elsewhere(problems: Sequence[Problem], others: Sequence[Problem]) -> list[Problem]:
    """The problems at places where none of the others is."""
    places = {(problem.line, problem.column) for problem in others}
    return [each for each in problems if (each.line, each.column) not in places]


def nearest(key: str, known: Sequence[str], least: float = 0.7) -> str | None:
    """Return the known key that `key` is probably a typo of: their similarity, from 0 to 1, is at
    `least` this. None if there is no such key."""
    plain = {name.replace("_", "").lower(): name for name in known}
    typed = _visible_part(key).replace("_", "").replace("-", "").lower()
    near = get_close_matches(typed, plain, 1, least)
    return plain[near[0]] if near else None


def _visible_part(key: str) -> str:
    """Return a key without its invisible characters, and with full-width letters normalized."""
    normal = unicodedata.normalize("NFKC", key)
    return "".join(character for character in normal if character.isprintable()).strip()


def _path(value: object, location: Sequence[str | int]) -> Path:
    """Convert pydantic's location to a path: drop the names of union members between the keys."""
    path: Path = ()
    for step in location:
        known = range(len(value)) if isinstance(value, list) else value
        if isinstance(known, dict | range) and step in known:
            value = value[step]  # type: ignore[index]
            path += (step,)
    return path


def _problem(tree: Tree, path: Path, details: ErrorDetails, vocabulary: Vocabulary) -> Problem:
    if details["type"] == "extra_forbidden":
        return tree.problem(path, *_unknown(path, vocabulary), key=True)
    problem = tree.problem(path, *_bad(tree, path, details, vocabulary))
    if details["input"] is None and re.search(r":\s+#[^\s]", problem.excerpt):
        return replace(problem, hint="# starts a comment; quote the value if the # belongs to it")
    return problem


def _unknown(path: Path, vocabulary: Vocabulary) -> tuple[str, str]:
    """Return the message and hint for a key that its mapping does not have."""
    *above, typed = (step for step in path if isinstance(step, str))
    dotted = ".".join((*above, typed))
    if dotted in vocabulary.refused:
        return vocabulary.refused[dotted]
    message = f"unknown key `{printable(typed[:60])}`"
    if above:
        message += f" in `{above[-1]}`"
    known = vocabulary.keys.get(".".join(above), ())
    return message, _meant(typed, known, vocabulary)


def _meant(typed: str, known: Sequence[str], vocabulary: Vocabulary) -> str:
    """Return the hint for an unknown key: which known key was probably meant."""
    near = nearest(typed, known)
    # An invisible character, or a space other than ASCII's.
    invisible = next((each for each in typed if not (each.isascii() or each.isprintable())), None)
    anywhere = any(_visible_part(typed) in keys for keys in vocabulary.keys.values())
    if invisible and (near or anywhere):
        return f"it contains the invisible character U+{ord(invisible):04X}; retype the line"
    if near:
        letter = _look_alike(typed, near)
        if letter:
            return f"the letter {letter} is U+{ord(letter):04X}, a look-alike; retype `{near}`"
        return f"did you mean `{near}`?"
    for parent, keys in vocabulary.keys.items():
        if typed in keys:
            return f"move it under `{parent}`" if parent else "move it to the top level"
    return f"valid keys: {', '.join(known)}"


def _look_alike(key: str, meant: str) -> str | None:
    """Return the first letter of another script, if only such letters differ from the key meant."""
    if len(key) != len(meant):
        return None
    others = [one for one, right in zip(key.lower(), meant.lower(), strict=True) if one != right]
    return others[0] if others and not any(map(str.isascii, others)) else None


def _bad(tree: Tree, path: Path, details: ErrorDetails, vocabulary: Vocabulary) -> tuple[str, str]:
    """Return the message and hint for a value that is not what it must be."""
    names = [step for step in path if isinstance(step, str)]
    dotted, key = ".".join(names), printable(names[-1])
    value, raw, kind = details["input"], tree.raw(path), details["type"]
    if value is None:
        message = f"`{key}` cannot be null" if raw else f"`{key}` has no value"
        return message, vocabulary.nulls.get(dotted, vocabulary.nulls[""])
    if kind == "string_type" and isinstance(value, bool | int | float):
        meaning = "true/false" if isinstance(value, bool) else "a number"
        message = f"`{key}` must be text, but {raw[:60]} without quotes is {meaning}"
        text = vocabulary.advise(dotted, raw) if dotted in vocabulary.rules else quoted(raw)
        return message, f"write {key}: {text}" if text else ""
    message = _message(dotted, key, details, vocabulary)
    if kind in ("dict_type", "model_type") and re.fullmatch(r"[A-Za-z]\w*:[^\s/].*", raw):
        return message, "add a space after the colon"
    return message, _hint(dotted, path, raw, details, vocabulary)


def _hint(dotted: str, path: Path, raw: str, details: ErrorDetails, vocabulary: Vocabulary) -> str:
    bare = raw.strip(SMART_QUOTES + "'\" \t\n")
    alone = isinstance(path[-1], str)
    if alone and (guess := _guess(dotted, bare, details["type"], vocabulary)):
        return f"write {printable(str(path[-1]))}: {guess}"
    if details["type"] == "literal_error":
        near = nearest(bare, re.findall("'([^']*)'", details["ctx"]["expected"]), 0.75)
        return f"did you mean `{near}`?" if near else ""
    is_text = isinstance(details["input"], str)
    return (vocabulary.explain(dotted, bare) if is_text else None) or ""


def _message(dotted: str, key: str, details: ErrorDetails, vocabulary: Vocabulary) -> str:
    kind, context = details["type"], dict(details.get("ctx", {}))
    template = _MESSAGES.get(kind, details["msg"])
    if dotted in vocabulary.rules and kind != "rule":
        template = vocabulary.rules[dotted]
    if kind == "literal_error":
        context["expected"] = context["expected"].replace("'", "")
    return template.format(key=key, **context)


def _guess(dotted: str, bare: str, kind: str, vocabulary: Vocabulary) -> str | None:
    if kind == "bool_type":
        return "true" if bare.lower() in _YES else "false" if bare.lower() in _NO else None
    if kind == "int_type":
        return bare if bare.isdecimal() else None
    return vocabulary.advise(dotted, bare)
