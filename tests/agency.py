"""An agency for tests: a repository on disk, the commands that run in it, and the portals."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from formats import check_format

from reconciler.cli.program import run
from reconciler.sandbox import propertyfinder
from reconciler.sandbox.propertyfinder.user import User
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.server import Application, Running
from reconciler.sandbox.state import PropertyFinderState, State
from reconciler.sandbox.store import Store

KEY = "sandbox"
FAST = Limits(rate_limit=10**9, bulk_rate_limit=10**9)
PF_FAST = propertyfinder.Limits(rate_limit=10**9, token_rate_limit=10**9)
PREFIX = "/api/v1"
"""The prefix of Rentix's paths; Property Finder's have none."""


@dataclass(frozen=True)
class Result:
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON. Fails unless it is one document that is valid by its schema."""
        output = json.loads(self.out)
        check_format(output)
        return output


@dataclass
class Agency:
    """A repository of agents and its portals. Commands run in this process and talk HTTP to the
    sandbox. Methods that name no portal are for Rentix."""

    root: Path
    portal: Running
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def pf(self) -> PropertyFinderState:
        """The state of Property Finder in the sandbox."""
        return self.portal.state.propertyfinder

    @property
    def ledger(self) -> Path:
        """The path of the ledger."""
        return self.root / ".reconciler" / "ledger.json"

    def declare(self, *agents: Mapping[str, Any], file: str = "agents.yaml") -> None:
        """Write these agents, and no others, into one file (JSON is valid YAML)."""
        folder = self.root / "agents"
        folder.mkdir(exist_ok=True)
        documents = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in agents)
        (folder / file).write_text(documents, "utf-8")

    def configure(self, **portal: Any) -> None:
        """Write reconciler.yaml: `limits` and `unreadable` at the top level, the rest for
        Rentix."""
        top = {name: portal.pop(name) for name in ("limits", "unreadable") if name in portal}
        self.use(rentix=portal, **top)

    def use(
        self,
        *,
        rentix: Mapping[str, Any] | None = None,
        propertyfinder: Mapping[str, Any] | None = None,
        **top: Any,
    ) -> None:
        """Write reconciler.yaml with these portals and other top-level keys."""
        given = {"rentix": rentix, "propertyfinder": propertyfinder}
        portals = {name: section for name, section in given.items() if section is not None}
        config = {"version": 1, "portals": portals, **top}
        (self.root / "reconciler.yaml").write_text(json.dumps(config), "utf-8")

    def live(
        self,
        *users: Mapping[str, Any],
        readings: Readings | None = None,
        limits: Limits = FAST,
    ) -> None:
        """Reset both portals, with these users on Rentix and none on Property Finder."""
        self.portal.state.reset(users, readings or Readings(), limits)
        self.pf.reset(limits=PF_FAST)

    def live_pf(
        self,
        *users: Mapping[str, Any],
        readings: propertyfinder.Readings | None = None,
        limits: propertyfinder.Limits = PF_FAST,
    ) -> None:
        """Reset Property Finder, with these users."""
        self.pf.reset(users, readings, limits)

    def run(self, *arguments: str) -> Result:
        """Run a command of the program."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RENTIX_URL", self.portal.url)
            patch.setenv("RENTIX_API_KEY", KEY)
            patch.setenv("PROPERTYFINDER_URL", self.portal.urls["propertyfinder"])
            patch.setenv("PROPERTYFINDER_API_KEY", self.pf.key)
            patch.setenv("PROPERTYFINDER_API_SECRET", self.pf.secret)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(["-C", str(self.root), *arguments])
        return Result(code, out.getvalue(), err.getvalue())

    def plan(self, *arguments: str) -> Any:
        """Run `plan` and return its JSON."""
        result = self.run("plan", "--format", "json", *arguments)
        assert result.code == 0, result.err
        return result.json

    def apply(self, *arguments: str) -> Any:
        """Run `apply` without confirmation and return its JSON report, with the exit code as
        `exit`."""
        result = self.run("apply", "--yes", "--force", "--format", "json", *arguments)
        assert result.out, result.err
        return {**result.json, "exit": result.code}

    def calls(self, portal: str | None = None) -> list[tuple[str, str, Any, int]]:
        """The requests since the last call, to one portal or to all: method, path below the
        base URL, body, status."""
        log = self.portal.state.log
        found = [each for each in log if portal in (None, _portal(each.path))]
        others = [each for each in log if portal not in (None, _portal(each.path))]
        log.clear()
        log.extend(others)
        return [
            (each.method, each.path.removeprefix(PREFIX), each.body, each.status) for each in found
        ]

    def truth(self) -> dict[int, Any]:
        """The agents as Rentix stores them, by id, whatever it shows."""
        return {agent.id: agent for agent in self.portal.state.store.agents()}

    def truth_pf(self) -> dict[int, User]:
        """The users as Property Finder stores them, by id, whatever it shows."""
        return {user.id: user for user in self.pf.users.all()}


@contextlib.contextmanager
def new_portals(server: Running, key: str) -> Iterator[Running]:
    """Serve new portals, with this key for Rentix, until the context ends. All connections and
    requests in progress end before and after it."""
    with contextlib.closing(Store()) as store:
        server.restart(Application(State(store, key)))
        yield server
        server.restart(server.application)


def writes(calls: Iterable[tuple[str, str, Any, int]]) -> list[tuple[str, str, Any, int]]:
    """The calls that change an agent: no reads, and no logins."""
    return [call for call in calls if call[0] != "GET" and "token" not in call[1]]


def _portal(path: str) -> str:
    return "rentix" if path.startswith(PREFIX) else "propertyfinder"


def user(number: int, **values: Any) -> dict[str, Any]:
    """A user as Rentix's `GET /users` shows it, with defaults for omitted values."""
    return {
        "id": number,
        "externalId": None,
        "name": f"Agent {number}",
        "phone": f"+373 60 {number:06d}",
        "description": "",
        "avatar": None,
        "instagram": None,
        "youtube": None,
        "tiktok": None,
        "settings": {
            "posting_type": "agent",
            "contact_phone": True,
            "contact_whatsapp": True,
            "contact_viber": True,
            "contact_telegram": True,
        },
        **values,
    }


def person(number: int, **values: Any) -> dict[str, Any]:
    """A user as Property Finder's `GET /v1/users` shows it. `values` may include public ones by
    their names in the public profile; names that both parts have go into `publicProfile`."""
    private = ("email", "firstName", "lastName", "mobile", "roleId", "status")
    own = {name: values.pop(name) for name in private if name in values}
    if "publicProfile" in values:
        return {"id": number, **own, "publicProfile": values["publicProfile"]}
    return {"id": number, **own, "publicProfile": values}


def section(number: int, **values: Any) -> dict[str, Any]:
    """The section of a file that matches the user with this number by e-mail."""
    return {"email": f"user-{number}@agency.example", **values}
