"""The files that `init` creates in a repository. Existing files are left unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.documents.config import DEFAULT_FILE, Config, read_config
from reconciler.engine.schemas import editor_schemas
from reconciler.errors import UsageError
from reconciler.github.workflows import secret, suffix, workflows
from reconciler.portals.registry import PORTALS, sections
from reconciler.store.refs import GitError, git

_ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+@[0-9a-f]{40}")
_BRANCH = re.compile(r"[A-Za-z0-9]+([._/-][A-Za-z0-9]+)*")
_FOLDER = re.compile(
    r"(?!.*(\.\.|\.$|\.lock$))[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*"
)
SAMPLE = "ivan-petrov.yaml"
IGNORED = (".reconciler/", "reconciler-plan/")
"""What the program writes into a work tree: the ledger, if it is a file, and a run's plan."""

CONFIG = """\
# yaml-language-server: $schema=schemas/reconciler.schema.json
# A key that is left out has its default; lines like `# key: value` show other settings.
version: 1
agents: agents # the directory with the agents' files
portals: # only the portals named here are used
<PORTALS>
# The branch that records what was applied; the first apply creates and pushes it. Workflows start
# from a fresh clone each time, so a file would be lost.
ledger: git:reconciler-ledger<SUFFIX>
# limits: {changes: 30%, removals: 10%, floor: 10} # per apply, of all agents
# unreadable: send # or hold: values that the portal does not show and that were never applied
"""

SECTIONS = {
    "rentix": """\
  rentix:
    create: never # or upsert: create agents that are not on the portal; with never they wait
    on_removed: report # or unlink: what to do if an agent's file is deleted""",
    "propertyfinder": """\
  propertyfinder:
    create: always # or never: agents that are not on the portal wait
    on_removed: report # or deactivate: what to do if an agent's file is deleted""",
}

AGENT = """\
# yaml-language-server: $schema=<UP>schemas/agent.schema.json
# One agent per file. Only the fields in this file are managed; others stay as they are.
externalId: ivan-petrov # your id for the agent
phone: "+373 22 000 000" # matches the agent on the portal at first; always in quotes
# name: Ivan Petrov
# description: # one text per language, or a single text for all
#   ru: Двенадцать лет продаю квартиры в новостройках.
#   en: Twelve years of selling new flats.
# avatar: {url: "https://agency.example/photos/ivan.jpg"}
# settings:
#   contact_phone: true
#   contact_viber: false
# propertyfinder: # publishes the agent on Property Finder too
#   email: ivan@agency.example
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files that `init` created and those that existed, by path, and notes for the user."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...]


def init(
    root: Path, portals: Sequence[str], branch: str, action: str | None, folder: str = ""
) -> Layout:
    """Create the files that do not exist yet.

    `portals` are the names of those to use. Pushes to `branch` are applied. `action` is the
    OWNER/REPO@SHA of our action for the workflows; None: they install this version. `folder` is
    the agency's below `root`, beside other agencies; "": the repository has one agency. Raises
    UsageError, and InputError if there is an invalid configuration, before anything is written.
    """
    folder = "" if Path(folder) == Path() else Path(folder).as_posix()
    _check(root, portals, branch, action, folder)
    config = read_config(root / folder, None, sections())
    agency = _agency(root / folder, config, portals, suffix(folder))
    # The keys of every portal: to use another one later needs no new workflow.
    variables = [variable for portal in PORTALS.values() for variable in portal.secrets]
    files = {
        **{(Path(folder) / path).as_posix(): text for path, text in agency.items()},
        **workflows(variables, branch, action, folder),
    }
    written = [path for path, text in files.items() if _write(root, path, text)]
    kept = [path for path in files if path not in written]
    return Layout(tuple(written), tuple(kept), tuple(_notes(root, portals, folder)))


def _check(
    root: Path, portals: Sequence[str], branch: str, action: str | None, folder: str
) -> None:
    """Raises UsageError for values that must not be put into a workflow."""
    for name in portals:
        if name not in PORTALS:
            raise UsageError(f"Unknown portal {name}. Available: {', '.join(PORTALS)}.")
    if not _BRANCH.fullmatch(branch):
        raise UsageError("--branch must be a branch name of letters, digits and . _ / -.")
    if action is not None and not _ACTION.fullmatch(action):
        raise UsageError(
            "--action must be OWNER/REPO@SHA with all 40 hex digits of a commit; a tag or branch "
            "could be moved to other code."
        )
    inside = (root / folder).resolve().is_relative_to(root.resolve())
    if folder and not (_FOLDER.fullmatch(folder) and inside):
        raise UsageError(
            "--dir must be a directory below this one, with a name of letters, digits and . _ - /, "
            "such as agencies/north."
        )


def _agency(root: Path, config: Config, portals: Sequence[str], ending: str) -> Mapping[str, str]:
    """The text of each file of an agency, by its path below `root`; without a sample if there are
    agents. `ending` is that of the ledger's branch."""
    agents = root / config.agents
    declared = {*agents.rglob("*.yaml"), *agents.rglob("*.yml")} - {agents / SAMPLE}
    up = "../" * len(Path(config.agents).parts)
    sample = {f"{config.agents}/{SAMPLE}": AGENT.replace("<UP>", up)}
    return {
        DEFAULT_FILE: CONFIG.replace("<PORTALS>", _portals(portals)).replace("<SUFFIX>", ending),
        **({} if declared else sample),
        **{f"schemas/{name}": text for name, text in editor_schemas().items()},
        ".gitignore": "".join(f"{line}\n" for line in IGNORED),
    }


def _portals(chosen: Sequence[str]) -> str:
    """The portals' sections, commented out for those that are not used."""
    texts = {name: SECTIONS.get(name, f"  {name}: {{}}") for name in PORTALS}
    return "\n".join(
        line if name in chosen else f"  # {line.removeprefix('  ')}"
        for name, text in texts.items()
        for line in text.split("\n")
    )


def _write(root: Path, path: str, text: str) -> bool:
    """Write a file unless it exists; whether it was written. Raises UsageError."""
    file_path = root / path
    try:
        file_path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The directory of {path} cannot be created: {error.strerror}.") from None
    try:
        with file_path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return True


def _notes(root: Path, portals: Sequence[str], folder: str) -> Iterator[str]:
    try:
        existing = (root / folder / ".gitignore").read_text("utf-8", errors="replace")
    except OSError:
        existing = ""
    lines = {line.strip().strip("/") for line in existing.splitlines()}
    missing = [line for line in IGNORED if line.strip("/") not in lines]
    if missing:
        yield f"add to .gitignore: {' '.join(missing)}"
    try:
        above = git(root, "rev-parse", "--show-prefix").decode("utf-8", "replace").strip()
    except GitError:
        above = ""
    if above:
        yield (
            f"GitHub reads workflows only from the repository's top directory: run init there with "
            f"--dir {(Path(above) / folder).as_posix()}, or move .github there from {above}"
        )
    if folder:
        names = [secret(each, folder) for name in portals for each in PORTALS[name].secrets]
        yield f"the workflows of {folder} read the portals' keys from: {', '.join(names)}"
