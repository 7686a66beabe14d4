"""What is kept between runs: the ledger and saved plans, each written completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.store.ledger import Store

BRANCH_PREFIX = "git:"
"""How the configuration's `ledger` starts if it names a branch."""


def open_store(root: Path, location: str) -> Store:
    """The store at a location from the configuration's `ledger`, in the repository at `root`.
    Raises ConfigError if it is a branch that cannot be used, or a path outside."""
    if location.startswith(BRANCH_PREFIX):
        from reconciler.store.branch import open_branch  # noqa: PLC0415 - git, which few need

        return open_branch(root, location.removeprefix(BRANCH_PREFIX))
    from reconciler.store.file import File  # noqa: PLC0415

    return File(root, location)
