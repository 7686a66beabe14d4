"""`init`: a repository laid out, ready for the first agent; what is there already stays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.documents.config import DEFAULT_FILE, Config, read_config
from reconciler.documents.schema import schemas
from reconciler.errors import UsageError
from reconciler.github.workflows import workflows
from reconciler.portals.registry import PORTALS
from reconciler.store.refs import GitError, git

_ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+@[0-9a-f]{40}")
_BRANCH = re.compile(r"[A-Za-z0-9]+([._/-][A-Za-z0-9]+)*")
SAMPLE = "ivan-petrov.yaml"
IGNORED = (".reconciler/", "reconciler-plan/")
"""What the program leaves in a work tree: the ledger of who has it in a file, and a run's plan."""

CONFIG = """\
# yaml-language-server: $schema=schemas/reconciler.schema.json
# A key that is left out has its default. `# key: value` shows what there is to set.
version: 1
agents: agents # the folder with the agents' files
portals: # only those that are named here are used
<PORTALS>
# What was applied is remembered on this branch, which the first apply makes and pushes: the machine
# of a workflow forgets, and so every clone knows it.
ledger: git:reconciler-ledger
# limits: {changes: 30%, removals: 10%, floor: 10} # of the agents, in one apply
# unreadable: send # or hold: a value that the portal does not show, and was never sent from here
"""

SECTIONS = {
    "rentix": """\
  rentix:
    create: never # or upsert: make agents whom the portal does not have; else they wait
    on_removed: report # or unlink: an agent whose file is gone""",
    "propertyfinder": """\
  propertyfinder:
    create: always # or never: agents whom the portal does not have wait
    on_removed: report # or deactivate: an agent whose file is gone""",
}

AGENT = """\
# yaml-language-server: $schema=<UP>schemas/agent.schema.json
# One file, one agent. Only what is written here is kept true; all else stays as the portal has it.
externalId: ivan-petrov # your name for them
phone: "+373 22 000 000" # finds them on the portal the first time; always in quotes
# name: Ivan Petrov
# description: # one text for each language, or one for all
#   ru: Двенадцать лет продаю квартиры в новостройках.
#   en: Twelve years of selling new flats.
# avatar: {url: "https://agency.example/photos/ivan.jpg"}
# settings:
#   contact_phone: true
#   contact_viber: false
# propertyfinder: # with this section they are published there too
#   email: ivan@agency.example
"""


@dataclass(frozen=True, slots=True)
class Laid:
    """What `init` wrote, what was there already, and what a person should know; files by their
    path in the repository."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...]


def init(root: Path, portals: Sequence[str], branch: str, action: str | None) -> Laid:
    """Lay a repository out: every file that is not there yet.

    `portals` are those to use, by name; pushes to `branch` are applied; `action` is OWNER/REPO@SHA
    of our action for the workflows, None for the program in this version. Raises UsageError, and
    InputError where a configuration is there and has mistakes; nothing is written then.
    """
    _check(portals, branch, action)
    config = read_config(root, None)
    files = _files(root, config, portals, branch, action)
    written = [path for path, text in files.items() if _write(root, path, text)]
    kept = [path for path in files if path not in written]
    return Laid(tuple(written), tuple(kept), tuple(_notes(root)))


def _check(portals: Sequence[str], branch: str, action: str | None) -> None:
    """Raises UsageError for what must not go into a workflow."""
    for name in portals:
        if name not in PORTALS:
            raise UsageError(f"There is no portal {name}. There are {', '.join(PORTALS)}.")
    if not _BRANCH.fullmatch(branch):
        raise UsageError("--branch has to be a branch's name, of letters, digits and . _ / -.")
    if action is not None and not _ACTION.fullmatch(action):
        raise UsageError(
            "--action has to be OWNER/REPO@SHA with all 40 hex digits of a commit: a tag or a "
            "branch can be moved to another program."
        )


def _files(
    root: Path, config: Config, portals: Sequence[str], branch: str, action: str | None
) -> Mapping[str, str]:
    """Every file's text by its path. No sample where agents are declared already."""
    folder = root / config.agents
    declared = {*folder.rglob("*.yaml"), *folder.rglob("*.yml")} - {folder / SAMPLE}
    up = "../" * len(Path(config.agents).parts)
    sample = {f"{config.agents}/{SAMPLE}": AGENT.replace("<UP>", up)}
    return {
        DEFAULT_FILE: CONFIG.replace("<PORTALS>", _portals(portals)),
        **({} if declared else sample),
        **{f"schemas/{name}": text for name, text in schemas().items()},
        ".gitignore": "".join(f"{line}\n" for line in IGNORED),
        **workflows(_secrets(), branch, action),
    }


def _portals(chosen: Sequence[str]) -> str:
    """The sections of the portals, those that are not used as comments."""
    texts = {name: SECTIONS.get(name, f"  {name}: {{}}") for name in PORTALS}
    return "\n".join(
        line if name in chosen else f"  # {line.removeprefix('  ')}"
        for name, text in texts.items()
        for line in text.split("\n")
    )


def _secrets() -> list[str]:
    """The variables of every portal's keys: to use another one later needs no new workflow."""
    sections = Config.model_validate({"portals": {name: {} for name in PORTALS}}).portals
    made = [PORTALS[name](section=section) for name, section in sections.items()]
    return [secret for portal in made for secret in portal.secrets]


def _write(root: Path, path: str, text: str) -> bool:
    """Write a file that is not there; whether it was written. Raises UsageError."""
    place = root / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder of {path} cannot be made: {error.strerror}.") from None
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return True


def _notes(root: Path) -> Iterator[str]:
    """What was left to a person."""
    try:
        there = (root / ".gitignore").read_text("utf-8", errors="replace")
    except OSError:
        there = ""
    lines = {line.strip().strip("/") for line in there.splitlines()}
    lacks = [line for line in IGNORED if line.strip("/") not in lines]
    if lacks:
        yield f"add to .gitignore: {' '.join(lacks)}"
    try:
        below = git(root, "rev-parse", "--show-prefix").decode("utf-8", "replace").strip()
    except GitError:
        below = ""
    if below:
        yield f"GitHub reads workflows from the top folder alone, and this is {below}."
