"""Saved plans: the JSON of a plan in a file, refused if a single value in it was changed."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.core.form import FORMAT_VERSION, Form, digest, text
from reconciler.errors import PlanFileError
from reconciler.store import atomic


def save(path: Path, form: Form) -> None:
    """Write a plan's form. Raises PlanFileError where the file cannot be written."""
    try:
        atomic.write(path, text(form).encode(errors="surrogatepass"))
    except OSError as error:
        raise PlanFileError(f"The plan cannot be saved as {path}: {error.strerror}.") from None


def load(path: Path) -> Form:
    """Read a plan's form back, as it was saved. Raises PlanFileError where it is not."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanFileError(f"The plan {path} cannot be read: {error.strerror}.") from None
    return read(content, str(path))


def read(content: bytes, path: str) -> Form:
    """The form that a saved plan's content is; `path` is what to call it. Raises PlanFileError."""
    try:
        form: Form = json.loads(content)
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
    if form["digest"] != digest(form):
        raise PlanFileError(f"{path} was changed after it was saved. Make the plan again.")
    return form
