"""An agency for tests: a repository on the disk, the commands run in it, and the portal."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import run
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.server import Running

KEY = "sandbox"
FAST = Limits(rate_limit=10**9, bulk_rate_limit=10**9)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON: alone there, or this fails."""
        return json.loads(self.out)


@dataclass
class Agency:
    """A repository of agents and the portal it is applied to; commands run in this process and
    talk HTTP to the sandbox."""

    root: Path
    portal: Running
    environment: dict[str, str] = field(default_factory=dict)

    def declare(self, *agents: Mapping[str, Any], file: str = "agents.yaml") -> None:
        """Put these agents, and no others, into one file (JSON is YAML too)."""
        folder = self.root / "agents"
        folder.mkdir(exist_ok=True)
        documents = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in agents)
        (folder / file).write_text(documents, "utf-8")

    def configure(self, **portal: Any) -> None:
        """Write reconciler.yaml; `limits` and `unreadable` are the file's, the rest Rentix's."""
        top = {name: portal.pop(name) for name in ("limits", "unreadable") if name in portal}
        config = {"version": 1, "portals": {"rentix": portal}, **top}
        (self.root / "reconciler.yaml").write_text(json.dumps(config), "utf-8")

    def live(
        self,
        *users: Mapping[str, Any],
        readings: Readings | None = None,
        limits: Limits = FAST,
    ) -> None:
        """Begin a new world on the portal."""
        self.portal.state.reset(users, readings or Readings(), limits)

    def run(self, *arguments: str) -> Said:
        """Run a command of the program."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RENTIX_URL", self.portal.url)
            patch.setenv("RENTIX_API_KEY", KEY)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(["-C", str(self.root), *arguments])
        return Said(code, out.getvalue(), err.getvalue())

    def plan(self, *arguments: str) -> Any:
        """The JSON plan."""
        said = self.run("plan", "--format", "json", *arguments)
        assert said.code == 0, said.err
        return said.json

    def apply(self, *arguments: str) -> Any:
        """The JSON report of an apply that nobody is asked about, with its exit code."""
        said = self.run("apply", "--yes", "--force", "--format", "json", *arguments)
        assert said.out, said.err
        return {**said.json, "exit": said.code}

    def calls(self) -> list[tuple[str, str, Any, int]]:
        """The requests since the last look: method, path below the base URL, body, status."""
        prefix = "/api/v1"
        found = [
            (each.method, each.path.removeprefix(prefix), each.body, each.status)
            for each in self.portal.state.log
        ]
        self.portal.state.log.clear()
        return found

    def truth(self) -> dict[int, Any]:
        """The agents as the portal has them, by id, whatever it shows."""
        return {agent.id: agent for agent in self.portal.state.store.agents()}


def user(number: int, **values: Any) -> dict[str, Any]:
    """A User as `GET /users` shows it, with whatever a test does not care about."""
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
