"""`reconciler.yaml`: the settings of a repository. Every key has a default.

It is read by the same strict loader as the agents, and its mistakes are explained in the same form.
A secret that is in it by mistake never appears in a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import PydanticCustomError

from reconciler.core.address import check_url
from reconciler.documents.diagnostics import Vocabulary, elsewhere, known_keys, problems_from
from reconciler.documents.discovery import inside
from reconciler.documents.patterns import ONE_LINE, mapping
from reconciler.documents.text import MAX_BYTES, printable
from reconciler.documents.yaml import load
from reconciler.errors import ConfigError, InputError, Problem

DEFAULT_FILE = "reconciler.yaml"
"""The configuration's name in the repository's top folder."""

LEDGER = ".reconciler/ledger.json"
"""The default path of the ledger."""

OTHER_FILES = ("reconciler.yml", "reconciler.yaml.txt")
"""Likely wrong names for it, which are refused."""

_PERCENT = r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$"
_BRANCH = (
    r"^git:(?!-|refs/|@$|HEAD$)(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))"
    r"[^\x00-\x20\x7f~^:?*\[\\./]([^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\./])?$"
)
"""A branch that `git check-ref-format` accepts, but neither a full reference nor HEAD."""
_NOT_A_LEDGER = r"(^|/)(\.\.|\.[Gg][Ii][Tt]([Ii][Gg][Nn][Oo][Rr][Ee])?)(/|$)"
"""A path outside the repository, or one of git's files."""
_SECRET = re.compile(r"(key|secret|token(?!_path)|passw)\w*[\"']?\s*:|://[^/\s]*@", re.IGNORECASE)


def _checked_url(url: str) -> str:
    if wrong := check_url(url):
        raise _rule(wrong)
    return url


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise _rule("`match` lists an identifier twice")
    return names


def _some(portals: dict[str, Section]) -> dict[str, Section]:
    if not portals:
        raise _rule("`portals` must name at least one portal")
    return portals


def _share(value: object) -> float:
    if isinstance(value, str) and re.search(_PERCENT, value):
        return float(value[:-1]) / 100
    raise _rule("a limit must be a percentage from 0% to 100%, such as 30%")


def _place(ledger: str) -> str:
    if ledger.startswith("git:"):
        if not re.search(_BRANCH, ledger) or ledger.endswith("\n"):
            raise _rule("`ledger` must have a valid branch name after git:")
        return ledger
    if ledger.startswith("~"):
        raise _rule("`ledger` must be a path inside the repository; ~ is not expanded")
    parts = {part.casefold() for part in Path(ledger).parts}
    if ".." in parts:
        raise _rule("`ledger` must be a path inside the repository, without ..")
    if parts & {".git", ".gitignore"}:
        raise _rule("`ledger` must not be one of git's files: an apply would overwrite it")
    if ledger.endswith((".yaml", ".yml")):
        raise _rule("`ledger` must not be a YAML file: an apply would overwrite it")
    if not re.search(ONE_LINE, ledger):
        raise _rule("`ledger` must be a file name")
    return ledger


def _rule(message: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"message": message})


_Share = Annotated[
    float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": _PERCENT})
]


Url = Annotated[
    str,
    AfterValidator(_checked_url),
    Field(
        description="Address of the portal's API.",
        json_schema_extra={"pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^@?#\s]+$"},
    ),
]
"""A portal's base address."""


AccountId = Annotated[
    Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=ONE_LINE)],
    Field(
        description="Id of the portal's account that this repository is for. Without it, that of "
        "the last apply.",
        json_schema_extra=lambda schema: schema.pop("default", None),
    ),
]
"""The id of a portal's account."""
ACCOUNT_RULE = "`account` must be the account's id: a number such as 17, or a text"


def order() -> tuple[Any, ...]:
    """What pydantic needs to know about `match`."""
    about = Field(
        min_length=1,
        description="Identifiers that find a live agent, in this order.",
        json_schema_extra={"uniqueItems": True},
    )
    return AfterValidator(_distinct), about


class _Strict(BaseModel):
    """No coercion, no other keys, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Section(_Strict):
    """A portal's section: the keys that every portal has.

    `title` is the portal's name for people. `rules` says what a value must be, `advice` takes the
    text in the file and returns what was probably meant, or None; both by key.
    """

    title: ClassVar[str]
    rules: ClassVar[Mapping[str, str]] = {}
    advice: ClassVar[Mapping[str, Callable[[str], str | None]]] = {}

    url: str


class Limits(_Strict):
    """How much one run may change, as shares of the declared agents."""

    changes: Annotated[
        _Share,
        Field(
            description="Largest share of agents that one run may change.",
            json_schema_extra={"default": "30%"},
        ),
    ] = 0.3
    removals: Annotated[
        _Share,
        Field(
            description="Largest share of agents that one run may take off a portal.",
            json_schema_extra={"default": "10%"},
        ),
    ] = 0.1
    floor: Annotated[
        int, Field(ge=0, description="No limit applies below this number of declared agents.")
    ] = 10


class Config(_Strict, defer_build=True):
    """The settings of a repository; every key may be left out."""

    # No Literal: it accepts true and 1.0 as 1.
    version: Annotated[int, Field(ge=1, le=1, description="Version of this file's format.")] = 1
    agents: Annotated[
        str, Field(pattern=ONE_LINE, description="Directory with the agents' files.")
    ] = "agents"
    # `config_model` narrows this to the sections of the portals.
    portals: Mapping[str, Section]
    ledger: Annotated[
        str,
        AfterValidator(_place),
        Field(
            description="Where to record what was applied: a file, which you keep out of git, or "
            "git:BRANCH, a branch of this repository for the ledger alone.",
            json_schema_extra={
                "anyOf": [
                    {
                        "pattern": ONE_LINE,
                        "not": {"pattern": rf"^git:|^~|{_NOT_A_LEDGER}|\.ya?ml$"},
                    },
                    {"pattern": _BRANCH},
                ]
            },
        ),
    ] = LEDGER
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


@cache
def config_model(sections: tuple[tuple[str, type[Section]], ...]) -> type[Config]:
    """The model of a configuration with these portals' sections, by name. Without a file, only the
    first portal is used."""
    described: dict[str, Any] = {
        name: Annotated[section, Field(description=f"{section.title}; {{}} for all its defaults.")]
        for name, section in sections
    }
    portals: Any = mapping("Portals", described, "The portals to use.", minProperties=1)
    first, default = sections[0]
    annotation: Any = Annotated[
        Mapping[str, Section],
        GetPydanticSchema(lambda _, handler: handler(portals)),
        AfterValidator(_some),
        Field(description="The portals to use, each with its settings."),
    ]
    without: Any = Field(default_factory=lambda: {first: default.model_validate({})})
    return create_model(
        "Config", __base__=Config, __doc__=Config.__doc__, portals=(annotation, without)
    )


Sections = Mapping[str, type[Section]]
"""The model of each portal's section, by the portal's name."""


def read_config(root: Path, file: Path | None, sections: Sections) -> Config:
    """The configuration of the repository at `root`: `file`, or `reconciler.yaml` if it exists.

    Without a file, every key has its default. Raises ConfigError if the named file cannot be read
    or is a link out of the repository; InputError with every problem in it.
    """
    path = file or root / DEFAULT_FILE
    try:
        _refuse_strange(root, path)
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if file is None:
            return _without(root, sections)
        raise ConfigError(f"The file {printable(str(path))} does not exist.") from None
    except OSError as error:
        name = printable(str(path))
        raise ConfigError(f"Cannot read {name}: {error.strerror}.") from None
    return parse_config(_name(root, path), data, sections)


def _without(root: Path, sections: Sections) -> Config:
    """The defaults, unless a file with a wrong name or a broken link shows that one is expected."""
    if (root / DEFAULT_FILE).is_symlink():
        raise ConfigError(f"{DEFAULT_FILE} is a broken link. Fix it, or delete it.")
    for name in OTHER_FILES:
        if (root / name).exists():
            raise ConfigError(f"Found {name} instead of {DEFAULT_FILE}. Rename it.")
    return config_model(tuple(sections.items())).model_validate({})


def _refuse_strange(root: Path, path: Path) -> None:
    """Raises ConfigError for a link out of the repository, a pipe or a device: the repository may
    be somebody else's pull request. A path outside was named by the user and may be a pipe."""
    top, place = (os.path.normpath(each.absolute()) for each in (root, path))
    if not inside(place, top) or not path.exists():
        return
    name = printable(Path(place).relative_to(top).as_posix())
    if not inside(os.path.realpath(path), os.path.realpath(root)):
        raise ConfigError(f"{name} is a link out of the repository. Replace it with the file.")
    if not path.is_file() and not path.is_dir():
        raise ConfigError(f"{name} is not a regular file.")


def at_key(root: Path, file: Path | None, key: str, message: str, hint: str) -> InputError | None:
    """A problem with a top-level key's value, at its place in the configuration; None if that does
    not set the key."""
    path = file or root / DEFAULT_FILE
    try:
        trees, _ = load(_name(root, path), path.read_bytes())
        return InputError([tree.problem((key,), message, hint) for tree in trees[:1]])
    except (OSError, LookupError):
        return None


def _name(root: Path, path: Path) -> str:
    """The configuration's name in messages."""
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return printable(name.as_posix())


def parse_config(name: str, data: bytes, sections: Sections) -> Config:
    """The configuration in a file with this name and content. Raises InputError."""
    model = config_model(tuple(sections.items()))
    config = model.model_validate({})
    trees, problems = load(name, data)
    for tree in trees[1:]:
        message = "the configuration must be a single document, and a second one starts here"
        problems.append(tree.problem((), message, "delete the `---` line"))
    for tree in trees[:1]:
        try:
            config = model.model_validate(tree.value)
        except ValidationError as error:
            wrong = problems_from(tree, error, _vocabulary(sections, model))
            problems += elsewhere(wrong, problems)
    if problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        raise InputError([_discreet(problem) for problem in problems])
    return config


def _discreet(problem: Problem) -> Problem:
    """The problem without its line and the hint made from it, if they may contain a secret."""
    if not _SECRET.search(problem.excerpt):
        return problem
    hint = "put keys and passwords into environment variables, never into a file"
    return replace(problem, excerpt="", hint=hint)


def _advise(sections: Sections, path: str, text: str) -> str | None:
    """The value that was probably meant by `text`, or None."""
    match path.split("."):
        case ["limits", "changes" | "removals"]:
            return _advise_share(text)
        case ["ledger"] if text.startswith("git:"):
            name = re.sub(r"[^\w./-]+", "-", text.removeprefix("git:").strip()).strip("./-")
            return f"git:{name}" if re.search(_BRANCH, f"git:{name}") else "git:reconciler-ledger"
        case ["ledger"] if text.startswith("~") or ".." in text or ".git" in text.casefold():
            return LEDGER
        case ["portals", _, "url"]:
            secure = re.sub("^http:", "https:", text, flags=re.IGNORECASE)
            return secure if check_url(secure) is None else None
        case ["portals", portal, key]:
            advise = sections[portal].advice.get(key)
            return advise(text) if advise else None
        case _:
            return None


def _advise_share(text: str) -> str | None:
    try:
        number = float(text.rstrip("% "))
    except ValueError:
        return None
    percent = number * 100 if 0 < number < 1 and "%" not in text else number
    return f"{percent:g}%" if 0 <= percent <= 100 else None


def _vocabulary(sections: Sections, model: type[Config]) -> Vocabulary:
    first = next(iter(sections))
    return Vocabulary(
        keys=known_keys(model.model_json_schema()),
        rules={
            "version": "`version` must be 1, the only version that this program supports",
            "portals": f"`portals` must be a mapping of the portals to use, such as {first}: "
            "{{}}",
            **{f"portals.{name}": f"`{name}` must be a mapping, or {{{{}}}}" for name in sections},
            **{
                f"portals.{name}.{key}": rule
                for name, section in sections.items()
                for key, rule in section.rules.items()
            },
        },
        nulls={
            "": "leave the key out to use its default",
            **{f"portals.{name}": f"write {name}: {{}} for its defaults" for name in sections},
        },
        refused={},
        advise=partial(_advise, sections),
        explain=lambda _path, _text: None,
    )
