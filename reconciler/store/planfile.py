"""Saved plans: a plan's JSON in a file, rejected if any value in it was changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reconciler.core.model import Plan
from reconciler.core.plan_json import FORMAT_VERSION, PlanDocument, digest, parse, selection, text
from reconciler.errors import PlanFileError
from reconciler.store import output


def save(path: Path, document: PlanDocument) -> None:
    """Write a plan to a file, a device or a pipe. Raises PlanFileError."""
    try:
        output.write(path, text(document).encode(errors="surrogatepass"))
    except OSError as error:
        raise PlanFileError(f"The plan cannot be saved as {path}: {error.strerror}.") from None


def load(path: Path) -> PlanDocument:
    """Read a plan from a file. Raises PlanFileError."""
    try:
        if not S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise PlanFileError(f"The plan {path} cannot be read: it is not a regular file.")
        content = path.read_bytes()
    except OSError as error:
        raise PlanFileError(f"The plan {path} cannot be read: {error.strerror}.") from None
    return read(content, str(path))


def read(content: bytes, path: str) -> PlanDocument:
    """The plan in a file's content; `path` is its name in messages. Raises PlanFileError."""
    try:
        document: PlanDocument = json.loads(content)
    except (ValueError, RecursionError):
        raise PlanFileError(f"{path} is not a saved plan: invalid JSON.") from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, str) or "digest" not in document:
        raise PlanFileError(f"{path} is not a saved plan. Save one with `plan --out {path}`.")
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise PlanFileError(
            f"{path} has format version {version}; this program reads {FORMAT_VERSION}. Plan again."
        )
    try:
        unchanged = document["digest"] == digest(document)
    except RecursionError:
        unchanged = False
    if not unchanged:
        raise PlanFileError(f"{path} was changed after it was saved. Plan again.")
    if not _is_plan(document):
        raise PlanFileError(f"{path} is not a saved plan. Save one with `plan --out {path}`.")
    return document


def _is_plan(document: PlanDocument) -> bool:
    """Whether the document has all that a plan has, with the right types. The digest does not prove
    that: anyone can compute it."""
    try:
        chosen, portals = selection(document)
        names = (*chosen.targets, *chosen.excludes, *portals)
        plan = parse(document)
        return (
            _fits(plan, Plan)
            and all(step.operations for step in plan.steps)
            and all(isinstance(each, str) for each in names)
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False


def _fits(value: Any, kind: Any) -> bool:  # noqa: ANN401 - types are values here
    """Whether a value matches a type hint, with all its parts."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        fits = any(_fits(value, each) for each in inner)
    elif origin is Literal:
        fits = isinstance(value, str) and value in inner
    elif origin is tuple and isinstance(value, tuple):
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        fits = len(kinds) == len(value) and all(map(_fits, value, kinds))
    elif origin is not None:
        fits = isinstance(value, Mapping) and all(_fits(each, inner[0]) for each in value)
        fits = fits and all(_fits(each, inner[1]) for each in value.values())
    elif is_dataclass(kind):
        hints = _hints(kind).items()
        fits = type(value) is kind and all(_fits(getattr(value, name), of) for name, of in hints)
    else:
        fits = kind is Any or type(value) is kind
    return fits


_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
"""The type hints of a class; a plan has thousands of objects and few classes."""
