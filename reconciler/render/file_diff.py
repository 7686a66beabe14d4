"""The difference that an import makes to a file."""

from __future__ import annotations

import re
from difflib import unified_diff

from reconciler.core.adoption import FileEdit

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def file_diff(edit: FileEdit) -> list[str]:
    """The lines of a unified diff, without line ends."""
    before, after = (_LINE.findall((each or b"").decode()) for each in (edit.before, edit.after))
    old = "/dev/null" if edit.before is None else f"a/{edit.file}"
    found = unified_diff(before, after, old, f"b/{edit.file}", lineterm="")
    return [line.rstrip("\r\n") for line in found]
