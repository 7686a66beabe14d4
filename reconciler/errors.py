"""The errors that end a command, and their exit codes.

    ReconcilerError            1
    ├── InputError             1   mistakes in the files, all of them at once
    ├── ConfigError            1   reconciler.yaml or the environment
    │   └── LedgerPathError      1   `ledger` names a file that must not be written
    ├── UsageError             1   an option or argument
    ├── PortalError            1   the portal cannot be read: no access or no response
    │   └── ResponseError        1   its response is not as documented
    ├── AccountError           1   a key is for another account than the ledger or the configuration
    ├── LockedError            1   another apply holds the lock, or this one lost it
    ├── LimitsError            1   the plan is over `limits`
    ├── PlanFileError          1   a saved plan was edited, truncated or has another version
    ├── OutputError            1   a result cannot be written
    └── StaleError             5   a saved plan does not match what would happen now
    Interrupted                    not an error: the run was cancelled

What happens to one agent during an apply is an outcome in the report, not an exception.
"""

from __future__ import annotations

from dataclasses import dataclass


class ReconcilerError(Exception):
    """What happened, where, and how to fix it. The message never contains a secret."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake at one place in a file.

    `line` and `column` count from 1. `excerpt` is the line in the file, without its line end, or ""
    if there is none to show. `hint` is the suggested fix, or "".
    """

    file: str
    line: int
    column: int
    message: str
    excerpt: str = ""
    hint: str = ""


class InputError(ReconcilerError):
    """The files have mistakes; `problems` lists all of them, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} found")


class ConfigError(ReconcilerError):
    """The configuration or the environment is wrong or incomplete."""


class LedgerPathError(ConfigError):
    """The ledger's path must not be written: `path` as configured, what is wrong, and the fix."""

    def __init__(self, path: str, problem: str, hint: str) -> None:
        self.problem = f"the ledger {path} {problem}"
        self.hint = hint
        super().__init__(f"The ledger {path} {problem}. {hint[:1].upper()}{hint[1:]}.")


class UsageError(ReconcilerError):
    """The command cannot run with these options or arguments."""


class PortalError(ReconcilerError):
    """The portal could not be read. Nothing was sent, or nothing more."""


class AccountError(ReconcilerError):
    """A portal's key is for another account than the ledger or the configuration. Nothing was sent.

    `portal` is the portal's name, `account` the id of the key's account, as text.
    """

    def __init__(self, message: str, portal: str, account: str) -> None:
        self.portal = portal
        self.account = account
        super().__init__(message)


class LockedError(ReconcilerError):
    """Another apply holds the lock, this one lost it, or it cannot be released. Nothing was
    sent."""


class ResponseError(PortalError):
    """The portal's response is not as documented. Reading again may help."""


class LimitsError(ReconcilerError):
    """The plan changes more agents than `limits` allows. Nothing was sent."""


class PlanFileError(ReconcilerError):
    """A saved plan cannot be trusted: it was edited, truncated or has another version."""


class OutputError(ReconcilerError):
    """A result cannot be written to its file or to standard output."""


class StaleError(ReconcilerError):
    """A saved plan does not match what would happen now. Nothing was sent."""

    exit_code = 5


class Interrupted(Exception):  # noqa: N818 - not an error
    """The run was cancelled. Raised instead of sending a request or waiting to send one."""
