"""`reconciler.yaml`: what a repository sets, with a default for every key.

Read by the same strict loader as the agents, and its mistakes are explained in the same form. No
secret belongs into it; one that is there by mistake is not repeated in a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from reconciler.core.address import check_url
from reconciler.documents.diagnostics import Vocabulary, known_keys, problems_from
from reconciler.documents.discovery import inside
from reconciler.documents.text import MAX_BYTES, printable
from reconciler.documents.yaml import load
from reconciler.errors import ConfigError, InputError, Problem

DEFAULT_FILE = "reconciler.yaml"
"""Where the configuration is looked for, in the repository's top folder."""

OTHER_FILES = ("reconciler.yml", "reconciler.yaml.txt")
"""Where nothing is read, and somebody may write it."""

_PERCENT = r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$"
_ONE_LINE = r"^[^\n\t]*[^\s][^\n\t]*$"
_PATH = r"^/[A-Za-z0-9/._-]+$"
_BRANCH = (
    r"^git:(?!-|refs/|@$|HEAD$)(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))"
    r"[^\x00-\x20\x7f~^:?*\[\\./]([^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\./])?$"
)
"""What `git check-ref-format` takes as a branch; but no whole reference, and no word for HEAD."""
_SECRET = re.compile(r"(key|secret|token(?!_path)|passw)\w*[\"']?\s*:|://[^/\s]*@", re.IGNORECASE)


def _checked_url(url: str) -> str:
    if wrong := check_url(url):
        raise _rule(wrong)
    return url


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise _rule("`match` names something twice")
    return names


def _some(portals: dict[str, Section]) -> dict[str, Section]:
    if not portals:
        raise _rule("`portals` names no portal")
    return portals


def _share(value: object) -> float:
    """A share of one, from a text in percent."""
    if isinstance(value, str) and re.search(_PERCENT, value):
        return float(value[:-1]) / 100
    raise _rule("a limit has to be a percentage from 0% to 100%, such as 30%")


def _place(ledger: str) -> str:
    if ledger.startswith("git:"):
        if not re.search(_BRANCH, ledger) or ledger.endswith("\n"):
            raise _rule("after git: comes the name of a branch, as git takes it")
        return ledger
    if ledger.endswith((".yaml", ".yml")):
        raise _rule("`ledger` names a YAML file; an apply would write over it")
    if not re.search(_ONE_LINE, ledger):
        raise _rule("`ledger` has to be a file's name")
    return ledger


def _rule(message: str) -> PydanticCustomError:
    """An error whose message is for the user as it is."""
    return PydanticCustomError("rule", "{message}", {"message": message})


_Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"type": "string", "pattern": _PERCENT}),
]


_Url = Annotated[
    str,
    AfterValidator(_checked_url),
    Field(
        description="Address of the portal's API.",
        json_schema_extra={"pattern": r"^https?://[^@?#\s]+$"},
    ),
]
_ORDER = (
    AfterValidator(_distinct),
    Field(
        min_length=1,
        description="By what a live agent is found, in this order.",
        json_schema_extra={"uniqueItems": True},
    ),
)


class _Strict(BaseModel):
    """No coercion, no other keys, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Section(_Strict):
    """What every portal's section has."""

    url: str


class Rentix(Section):
    """How agents are kept true on Rentix."""

    url: _Url = "https://crm.rentix.md/api/v1"
    create: Annotated[
        Literal["never", "upsert"],
        Field(
            description="What to do for an agent that the portal does not have: never create it "
            "(it has to be invited), or send it with its externalId (upsert)."
        ),
    ] = "never"
    match: Annotated[
        list[Literal["id", "externalId", "phone"]],
        *_ORDER,
    ] = ["id", "externalId", "phone"]
    bulk: Annotated[
        int, Field(ge=1, le=1000, description="The most operations in one bulk request.")
    ] = 100
    bulk_by: Annotated[
        Literal["id", "externalId"],
        Field(description="How an operation in a bulk request names its agent."),
    ] = "id"
    on_removed: Annotated[
        Literal["report", "unlink"],
        Field(
            description="What to do with a live agent that was ours and that no file declares any "
            "more: report it, or take our externalId off it (unlink)."
        ),
    ] = "report"


class PropertyFinder(Section):
    """How agents are kept true on Property Finder."""

    url: _Url = "https://atlas.propertyfinder.com"
    create: Annotated[
        Literal["always", "never"],
        Field(description="What to do for an agent that the portal does not have."),
    ] = "always"
    match: Annotated[
        list[Literal["id", "email"]],
        *_ORDER,
    ] = ["id", "email"]
    on_removed: Annotated[
        Literal["report", "deactivate"],
        Field(
            description="What to do with a live agent that was ours and that no file declares any "
            "more: report it, or take it off all listings (deactivate)."
        ),
    ] = "report"
    token_path: Annotated[
        str,
        Field(
            pattern=_PATH,
            description="Where a token is asked for; older installations have /oauth/token.",
        ),
    ] = "/v1/auth/token"  # noqa: S105 - an address
    deactivate_by: Annotated[
        Literal["isActive", "status"],
        Field(description="The attribute by which the portal takes an agent on and off."),
    ] = "isActive"


@with_config(ConfigDict(extra="forbid", strict=True, json_schema_extra={"minProperties": 1}))
class Portals(TypedDict, total=False):
    """The portals that are used: those that are named. A new one is a class and a line here."""

    rentix: Annotated[Rentix, Field(description="Rentix; {} for all its defaults.")]
    propertyfinder: Annotated[
        PropertyFinder, Field(description="Property Finder; {} for all its defaults.")
    ]


class Limits(_Strict):
    """How much may change at once, as shares of the declared agents."""

    changes: Annotated[
        _Share,
        Field(
            description="The largest share of agents that one run may change.",
            json_schema_extra={"default": "30%"},
        ),
    ] = 0.3
    removals: Annotated[
        _Share,
        Field(
            description="The largest share of agents that one run may take off a portal.",
            json_schema_extra={"default": "10%"},
        ),
    ] = 0.1
    floor: Annotated[
        int, Field(ge=0, description="With fewer declared agents than this there is no limit.")
    ] = 10


class Config(_Strict):
    """The settings of a repository; every key may be left out."""

    # No Literal: that takes true and 1.0 for 1.
    version: Annotated[int, Field(ge=1, le=1, description="The form of this file.")] = 1
    agents: Annotated[
        str, Field(pattern=_ONE_LINE, description="The folder with the agents' files.")
    ] = "agents"
    portals: Annotated[
        Mapping[str, Section],
        GetPydanticSchema(lambda _, handler: handler(Portals)),
        AfterValidator(_some),
        Field(description="The portals to keep true, and how. Only those named here are used."),
    ] = Field(default_factory=lambda: {"rentix": Rentix()})
    ledger: Annotated[
        str,
        AfterValidator(_place),
        Field(
            description="Where it is remembered what was applied: a file, which you keep out of "
            "git, or git:BRANCH, a branch of this repository for the ledger alone.",
            json_schema_extra={
                "anyOf": [
                    {"pattern": _ONE_LINE, "not": {"pattern": r"^git:|\.ya?ml$"}},
                    {"pattern": _BRANCH},
                ]
            },
        ),
    ] = ".reconciler/ledger.json"
    limits: Annotated[Limits, Field(description="How much may change at once without --force.")] = (
        Limits()
    )
    unreadable: Annotated[
        Literal["send", "hold"],
        Field(
            description="What to do with a value that the portal does not show and that was never "
            "applied from here: send it, or hold it back."
        ),
    ] = "send"


def read_config(root: Path, file: Path | None) -> Config:
    """The configuration of the repository at `root`: `file`, or `reconciler.yaml` if it is there.

    Without a file every key has its default. Raises ConfigError where the file that was named
    cannot be read, or leads out of the repository; InputError with every problem of what it holds.
    """
    path = file or root / DEFAULT_FILE
    try:
        _refuse_strange(root, path)
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if file is None:
            return _without(root)
        raise ConfigError(f"There is no file {printable(str(path))}.") from None
    except OSError as error:
        name = printable(str(path))
        raise ConfigError(f"{name} cannot be read: {error.strerror}.") from None
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return _parse(printable(name), data)


def _without(root: Path) -> Config:
    """The defaults; but not in place of a file that somebody means to be read."""
    if (root / DEFAULT_FILE).is_symlink():
        raise ConfigError(f"{DEFAULT_FILE} is a link that leads nowhere.")
    for name in OTHER_FILES:
        if (root / name).exists():
            raise ConfigError(f"There is {name} and no {DEFAULT_FILE}. Rename it.")
    return Config()


def _refuse_strange(root: Path, path: Path) -> None:
    """Of a repository, which may be somebody else's pull request, only what is in it is read, and
    nothing that does not end. What lies elsewhere was named by the user, and may be a pipe."""
    here, lies = (os.path.normpath(each.absolute()) for each in (root, path))
    if not inside(lies, here) or not path.exists():
        return
    name = printable(Path(lies).relative_to(here).as_posix())
    if not inside(os.path.realpath(path), os.path.realpath(root)):
        raise ConfigError(f"{name} is a link that leads out of the repository. Put the file there.")
    if not path.is_file() and not path.is_dir():
        raise ConfigError(f"{name} is not a file that can be read.")


def _parse(name: str, data: bytes) -> Config:
    """The configuration that `data` holds. Raises InputError."""
    config = Config()
    trees, problems = load(name, data)
    for tree in trees[1:]:
        message = "the configuration is one document; this is a second one"
        problems.append(tree.problem((), message, "delete the line of ---"))
    for tree in trees[:1]:
        try:
            config = Config.model_validate(tree.value)
        except ValidationError as error:
            places = {(problem.line, problem.column) for problem in problems}
            wrong = problems_from(tree, error, _vocabulary())
            problems += [each for each in wrong if (each.line, each.column) not in places]
    if problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        raise InputError([_discreet(problem) for problem in problems])
    return config


def _discreet(problem: Problem) -> Problem:
    """The problem without its line, and what was guessed from it, if that may hold a secret."""
    if not _SECRET.search(problem.excerpt):
        return problem
    hint = "keys and passwords belong into the environment, never into a file"
    return replace(problem, excerpt="", hint=hint)


def _advise(path: str, text: str) -> str | None:
    """The value that was probably meant by `text`, or None."""
    match path.split("."):
        case ["limits", "changes" | "removals"]:
            return _advise_share(text)
        case ["ledger"] if text.startswith("git:"):
            name = re.sub(r"[^\w./-]+", "-", text.removeprefix("git:").strip()).strip("./-")
            return f"git:{name}" if re.search(_BRANCH, f"git:{name}") else "git:reconciler-ledger"
        case ["portals", _, "url"]:
            secure = re.sub("^http:", "https:", text)
            return secure if check_url(secure) is None else None
        case ["portals", _, "token_path"]:
            return f"/{text}" if re.search(_PATH, f"/{text}") else None
        case _:
            return None


def _advise_share(text: str) -> str | None:
    try:
        number = float(text.rstrip("% "))
    except ValueError:
        return None
    percent = number * 100 if 0 < number < 1 and "%" not in text else number
    return f"{percent:g}%" if 0 <= percent <= 100 else None


@cache
def _vocabulary() -> Vocabulary:
    """How mistakes in the configuration are explained; made when the first is met."""
    keys = known_keys(Config.model_json_schema())
    portals = keys["portals"]
    return Vocabulary(
        keys=keys,
        rules={
            "version": "`version` has to be 1; this program knows no other",
            "portals": "`portals` has to be a group with the portals to use, such as rentix: {{}}",
            **{
                f"portals.{name}": f"`{name}` has to be a group of keys, or {{{{}}}}"
                for name in portals
            },
            "portals.propertyfinder.token_path": "`token_path` has to be a path that begins with "
            "/, such as /v1/auth/token",
        },
        nulls={
            "": "leave the key out for its default",
            **{f"portals.{name}": f"write {name}: {{}} for its defaults" for name in portals},
        },
        refused={},
        advise=_advise,
    )
