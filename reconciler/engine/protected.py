"""The files of a repository that no result may replace: the agents' files, the configuration and
the ledger, under any of their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.documents.config import DEFAULT_FILE, Config, read_config
from reconciler.documents.discovery import yaml_files
from reconciler.errors import ConfigError, InputError, UsageError
from reconciler.portals.registry import sections
from reconciler.store import BRANCH_PREFIX

DEFAULT_FOLDER = "agents"
YAML = (".yaml", ".yml")


def check_not_protected(root: Path, file: Path | None, option: str, path: Path) -> None:
    """Raise UsageError if `path`, the value of an option, would replace a file of the repository
    at `root`, or become an agent's file. `file` is the configuration, None for the default one."""
    config = None
    with suppress(ConfigError, InputError):  # `show` needs no valid configuration
        config = read_config(root, file, sections())
    target = Path(os.path.realpath(path))
    for each, role in _files(root, file, config):
        if _is_same(target, each):
            name = os.path.relpath(each, root)
            raise UsageError(f"{option} {path} would replace {role} ({name}). Choose another file.")
    folder = root / (config.agents if config else DEFAULT_FOLDER)
    below = any(_is_one(parent, folder) for parent in target.parents)
    if below and target.suffix.casefold() in YAML:
        raise UsageError(
            f"{option} {path} would become an agent's file, because it is in {folder}. Choose "
            f"another directory."
        )


def _files(root: Path, file: Path | None, config: Config | None) -> Iterator[tuple[Path, str]]:
    """The files, each with what it is; of an invalid configuration, only itself."""
    for path in filter(None, (file, root / DEFAULT_FILE)):
        yield path, "the configuration"
    if config is None:
        return
    if not config.ledger.startswith(BRANCH_PREFIX):
        yield root / config.ledger, "the ledger"
    for _, name in yaml_files(root, config.agents, []):
        yield Path(name), "an agent's file"


def _is_same(target: Path, other: Path) -> bool:
    """Whether two paths are one file: by a link, or by letter case where that does not count. Two
    files that do not exist yet are compared by directory and name, in any case."""
    if target.exists() or other.exists():
        return _is_one(target, other)
    other = Path(os.path.realpath(other))
    same_name = target.name.casefold() == other.name.casefold()
    return same_name and _is_one(target.parent, other.parent)


def _is_one(path: Path, other: Path) -> bool:
    """Whether two paths exist and are the same file or directory."""
    try:
        return path.samefile(other)
    except OSError:
        return False
