"""What a model found wrong with a document, in the words of the file it stands in.

pydantic names a place by keys, union members and Python types. Here that becomes a `Problem` at the
line of the key or the value, and where the fix can be guessed, the line as it should be written.
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

from reconciler.documents.yaml import MAX_PROBLEMS, Path, Tree, visible
from reconciler.documents.yaml_errors import SMART_QUOTES, quoted
from reconciler.errors import Problem

_YES = frozenset(("yes", "y", "on", "true", "1", "да", "da"))
_NO = frozenset(("no", "n", "off", "false", "0", "нет", "nu"))


_SENTENCES = {
    "rule": "{message}",
    "string_type": "`{key}` has to be text",
    "string_pattern_mismatch": "`{key}` has to be text on one line",
    "bool_type": "`{key}` has to be true or false",
    "int_type": "`{key}` has to be a whole number",
    "greater_than_equal": "`{key}` has to be {ge} or more",
    "less_than_equal": "`{key}` has to be {le} or less",
    "literal_error": "`{key}` has to be {expected}",
    "list_type": "`{key}` has to be a list, such as [a, b]",
    "too_short": "`{key}` has to have an entry",
    "dict_type": "`{key}` has to be a group of keys",
    "model_type": "`{key}` has to be a group of keys",
}
"""What pydantic's error types mean, filled with its context; "rule" is a model's own sentence."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is particular to a sort of document in explaining its mistakes, by dotted path.

    `keys` are the keys each mapping may have ("" is the document; see `known_keys`). `rules` say
    what a value has to be where pydantic's error says less, `nulls` what to do in place of null,
    `refused` why a key that people may expect is not there, as message and hint. `advise` gets a
    dotted path and the text that stands there, and gives the text that was probably meant, or None.
    """

    keys: Mapping[str, Sequence[str]]
    rules: Mapping[str, str]
    nulls: Mapping[str, str]
    refused: Mapping[str, tuple[str, str]]
    advise: Callable[[str, str], str | None]


def known_keys(schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The keys of every mapping that pydantic's JSON schema describes, by dotted path."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(node: Mapping[str, Any], path: str) -> None:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if "properties" in node:
            found[path] = tuple(node["properties"])
        for name, inner in node.get("properties", {}).items():
            walk(inner, f"{path}.{name}".lstrip("."))
        for member in node.get("anyOf", ()):
            walk(member, path)

    walk(schema, "")
    return found


def mistakes(tree: Tree, error: ValidationError, words: Words) -> list[Problem]:
    """One problem for each place of `tree` that `error` is about, up to `MAX_PROBLEMS`."""
    found: dict[Path, ErrorDetails] = {}
    for details in error.errors(include_url=False)[:MAX_PROBLEMS]:
        found.setdefault(_path(tree.value, details["loc"]), details)
    # Of a union, the member that was meant is the one that got furthest.
    above = {path[:length] for path in found for length in range(1, len(path))}
    return [
        _problem(tree, path, details, words) for path, details in found.items() if path not in above
    ]


def nearest(key: str, known: Sequence[str]) -> str | None:
    """The known key that `key` may be a slip for: `external_ID` is `externalId`."""
    plain = {name.replace("_", "").lower(): name for name in known}
    typed = _as_seen(key).replace("_", "").replace("-", "").lower()
    near = get_close_matches(typed, plain, 1, 0.7)
    return plain[near[0]] if near else None


def _as_seen(key: str) -> str:
    """A key without what cannot be seen in it, in letters of the usual width."""
    seen = unicodedata.normalize("NFKC", key)
    return "".join(sign for sign in seen if sign.isprintable()).strip()


def _path(value: object, location: Sequence[str | int]) -> Path:
    """The keys of a location, without the members of unions that pydantic puts between them."""
    path: Path = ()
    for step in location:
        known = range(len(value)) if isinstance(value, list) else value
        if isinstance(known, dict | range) and step in known:
            value = value[step]  # type: ignore[index]
            path += (step,)
    return path


def _problem(tree: Tree, path: Path, details: ErrorDetails, words: Words) -> Problem:
    if details["type"] == "extra_forbidden":
        return tree.problem(path, *_unknown(path, words), key=True)
    problem = tree.problem(path, *_bad(tree, path, details, words))
    if details["input"] is None and re.search(r":\s+#[^\s]", problem.excerpt):
        return replace(
            problem, hint="a # begins a comment; if it is meant, put the value in quotes"
        )
    return problem


def _unknown(path: Path, words: Words) -> tuple[str, str]:
    """Message and hint for a key that its mapping does not have."""
    key, dotted = visible(str(path[-1])[:60]), ".".join(map(str, path))
    if dotted in words.refused:
        return words.refused[dotted]
    known = words.keys.get(".".join(map(str, path[:-1])), ())
    message = f"there is no key `{key}`" + (f" in `{path[-2]}`" if len(path) > 1 else "")
    typed = str(path[-1])
    near, unseen = nearest(typed, known), _unseen(typed)
    if unseen and (near or any(_as_seen(typed) in inner for inner in words.keys.values())):
        return message, f"it has a U+{ord(unseen):04X} that cannot be seen; type the line again"
    if near:
        foreign = _foreign(typed, near)
        if foreign:
            code = f"U+{ord(foreign):04X}"
            return message, f"the letter {foreign} in it is {code}; type `{near}` again"
        return message, f"did you mean `{near}`?"
    for parent, inner in words.keys.items():
        if key in inner:
            return message, f"it belongs {f'under `{parent}`' if parent else 'to the top level'}"
    return message, f"the keys are {', '.join(known)}"


def _unseen(key: str) -> str | None:
    """The first character of a key that cannot be seen, or is another blank than it seems."""
    return next((sign for sign in key if not (sign.isascii() or sign.isprintable())), None)


def _foreign(key: str, meant: str) -> str | None:
    """If a key is the one that was meant but for letters of other scripts, the first of these."""
    if len(key) != len(meant):
        return None
    other = [one for one, right in zip(key.lower(), meant.lower(), strict=True) if one != right]
    return other[0] if other and not any(map(str.isascii, other)) else None


def _bad(tree: Tree, path: Path, details: ErrorDetails, words: Words) -> tuple[str, str]:
    """Message and hint for a value that is not what it has to be."""
    names = [step for step in path if isinstance(step, str)]
    dotted, key = ".".join(names), visible(names[-1])
    value, written, kind = details["input"], tree.written(path), details["type"]
    if value is None:
        message = f"`{key}` cannot be null" if written else f"`{key}` has no value"
        return message, words.nulls.get(dotted, words.nulls[""])
    if kind == "string_type" and isinstance(value, bool | int | float):
        sort = "true/false" if isinstance(value, bool) else "a number"
        message = f"`{key}` has to be text, and without quotes {written[:60]} is {sort}"
        text = words.advise(dotted, written) if dotted in words.rules else quoted(written)
        return message, f"write {key}: {text}" if text else ""
    sentence = _SENTENCES.get(kind, details["msg"])
    if dotted in words.rules and kind != "rule":
        sentence = words.rules[dotted]
    context = dict(details.get("ctx", {}))
    if kind == "literal_error":
        context["expected"] = context["expected"].replace("'", "")
    message = sentence.format(key=key, **context)
    if kind in ("dict_type", "model_type") and re.fullmatch(r"[A-Za-z]\w*:[^\s/].*", written):
        return message, "write a blank after the colon"
    guess = _guess(dotted, written, kind, words) if isinstance(path[-1], str) else None
    return message, f"write {key}: {guess}" if guess else ""


def _guess(dotted: str, written: str, kind: str, words: Words) -> str | None:
    """What a scalar was probably meant to be, as YAML; None where nothing is likely."""
    bare = written.strip(SMART_QUOTES + "'\" \t\n")
    if kind == "bool_type":
        return "true" if bare.lower() in _YES else "false" if bare.lower() in _NO else None
    if kind == "int_type":
        return bare if bare.isdecimal() else None
    return words.advise(dotted, bare)
