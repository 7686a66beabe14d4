"""Saved plans: the JSON of a plan in a file, refused if a single value in it was changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reconciler.core.model import Plan
from reconciler.core.plan_json import FORMAT_VERSION, PlanDocument, digest, parse, selection, text
from reconciler.errors import PlanFileError
from reconciler.store import atomic


def save(path: Path, form: PlanDocument) -> None:
    """Write a plan's form. Raises PlanFileError where the file cannot be written."""
    if not path.parent.is_dir():
        raise PlanFileError(f"The plan cannot be saved as {path}: there is no such folder.")
    try:
        atomic.write(path, text(form).encode(errors="surrogatepass"))
    except OSError as error:
        raise PlanFileError(f"The plan cannot be saved as {path}: {error.strerror}.") from None


def load(path: Path) -> PlanDocument:
    """Read a plan's form back, as it was saved. Raises PlanFileError where it is not."""
    try:
        if not S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise PlanFileError(f"The plan {path} cannot be read: it is no plain file.")
        content = path.read_bytes()
    except OSError as error:
        raise PlanFileError(f"The plan {path} cannot be read: {error.strerror}.") from None
    return read(content, str(path))


def read(content: bytes, path: str) -> PlanDocument:
    """The form that a saved plan's content is; `path` is what to call it. Raises PlanFileError."""
    try:
        form: PlanDocument = json.loads(content)
    except (ValueError, RecursionError):
        raise PlanFileError(f"{path} is not a saved plan: it is no JSON.") from None
    version = form.get("format_version") if isinstance(form, dict) else None
    if not isinstance(version, str) or "digest" not in form:
        raise PlanFileError(f"{path} is not a saved plan. Make one with `plan --out {path}`.")
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise PlanFileError(
            f"{path} has the format {version}, and this program reads {FORMAT_VERSION}. "
            f"Make the plan again."
        )
    try:
        whole = form["digest"] == digest(form)
    except RecursionError:
        whole = False
    if not whole:
        raise PlanFileError(f"{path} was changed after it was saved. Make the plan again.")
    if not _is_plan(form):
        raise PlanFileError(f"{path} is not a saved plan. Make one with `plan --out {path}`.")
    return form


def _is_plan(form: PlanDocument) -> bool:
    """Whether all that a plan has is there, and of the right type: whoever shows it or compares it
    need not ask. The digest says only that nobody changed the file since its last one was made."""
    try:
        chosen, portals = selection(form)
        names = (*chosen.targets, *chosen.excludes, *portals)
        made = parse(form)
        return (
            _fits(made, Plan)
            and all(step.operations for step in made.steps)
            and all(isinstance(each, str) for each in names)
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False


def _fits(value: Any, kind: Any) -> bool:  # noqa: ANN401 - types are values here
    """Whether a value is what a type hint says, down to its last part."""
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
        fits = type(value) is kind
        fits = fits and all(_fits(getattr(value, name), hint) for name, hint in _hints(kind))
    else:
        fits = kind is Any or type(value) is kind
    return fits


def _hints(kind: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    hints = _resolved(kind)
    return [(field.name, hints[field.name]) for field in fields(kind)]


_resolved = cache(get_type_hints)
"""The type hints of a class; a plan has thousands of objects and few classes."""
