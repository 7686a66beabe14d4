"""Every error that ends a command, and the exit code it ends with.

    ReconcilerError            1
    ├── InputError             1   the files: every problem at once
    ├── ConfigError            1   reconciler.yaml or the environment
    ├── UsageError             1   an option or argument that cannot be served
    ├── PortalError            1   the portal cannot be read: no access, no answer
    │   └── AnswerError        1   it answers otherwise than documented
    ├── LockedError            1   another apply is under way and does not end; or took over
    ├── LimitsError            1   more would change than `limits` allows
    ├── PlanFileError          1   a saved plan that is edited, cut or of another version
    └── StaleError             5   a saved plan that is no longer what would happen
    Interrupted                    no error: somebody wants the run to end

What happens to single agents during an apply is no exception but an outcome in the report.
"""

from __future__ import annotations

from dataclasses import dataclass


class ReconcilerError(Exception):
    """What happened and what to do, in words for a person. Never holds a secret."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place of a file.

    `line` and `column` count from 1. `excerpt` is the line as it stands in the file, without
    its line end ("" where there is no line to show). `hint` is the fix, or "".
    """

    file: str
    line: int
    column: int
    message: str
    excerpt: str = ""
    hint: str = ""


class InputError(ReconcilerError):
    """Files that cannot be taken as they are; `problems` has all of them, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problems in the files")


class ConfigError(ReconcilerError):
    """The configuration or the environment does not allow to go on."""


class UsageError(ReconcilerError):
    """The command cannot be carried out with these options."""


class PortalError(ReconcilerError):
    """The portal could not be read. Nothing was sent, or nothing more."""


class LockedError(ReconcilerError):
    """The right to apply is somebody else's: they do not end, or took it over; nothing was sent."""


class AnswerError(PortalError):
    """The portal's answer is not as documented. It may have been a slip: ask again."""


class LimitsError(ReconcilerError):
    """More agents would change than `limits` allows; nothing was sent."""


class PlanFileError(ReconcilerError):
    """A saved plan that cannot be trusted: edited, cut short, or of another version."""


class StaleError(ReconcilerError):
    """A saved plan that is not what would happen now; nothing was sent."""

    exit_code = 5


class Interrupted(Exception):  # noqa: N818 - no error
    """The run is to end: nothing more is sent. Raised in place of sending, or of waiting to."""
