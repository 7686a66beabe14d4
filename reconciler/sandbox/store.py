"""Both portals' users in SQLite: in memory, or in a file, which tests read to verify the result."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.sandbox.agent import Agent, picture
from reconciler.sandbox.database import Database, Table
from reconciler.sandbox.propertyfinder.store import Users
from reconciler.sandbox.values import Json

_PICTURES = """
CREATE TABLE IF NOT EXISTS rentix_pictures (id INTEGER PRIMARY KEY, avatar TEXT, source TEXT)
"""
_FIRST_PICTURE = 1001  # keeps imported pictures apart from loaded ones


class Store:
    """The agents of the agency on Rentix and the portal's pictures; any thread may use it.

    `propertyfinder` holds the users of Property Finder, in the same file.

    The table `rentix_users` has a row for each agent, with the fields of `Agent` as columns;
    `description`, `avatar`, `avatar_pending` and `settings` are JSON. A file is in WAL mode, so
    another process can read it (`file:PATH?mode=ro`) while it is served.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or memory without one. Raises `sqlite3.Error` if that fails."""
        self._database = Database(path)
        try:
            self._agents = Table(self._database, "rentix_users", Agent, {"external_id": "UNIQUE"})
            self._database.run(_PICTURES)
            self.propertyfinder = Users(self._database)
        except sqlite3.Error:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the database; a file is left without a `-wal` file beside it."""
        self._database.close()

    def replace(self, agents: Iterable[Agent]) -> None:
        """Replace all agents and pictures with these."""
        agents = list(agents)
        pictures = {agent.avatar["id"]: agent.avatar for agent in agents if agent.avatar}
        with self._database.transaction():
            self._agents.replace(agents)
            self._database.run("DELETE FROM rentix_pictures")
            for avatar in pictures.values():
                self._add_picture(avatar, None)

    @contextmanager
    def showing(self, agents: Iterable[Agent]) -> Iterator[None]:
        """Hold these agents while the context is open, then the former ones again."""
        with self._database.rolled_back():
            self._agents.replace(agents)
            yield

    def agents(self, start: int = 0, count: int = -1) -> list[Agent]:
        """Return `count` agents (all if negative) by ascending id, from `start` on."""
        return self._agents.select("ORDER BY id LIMIT ? OFFSET ?", count, start)

    def __len__(self) -> int:
        """Return how many agents there are."""
        return self._agents.count()

    def by_id(self, number: int) -> Agent | None:
        """Return the agent with this id."""
        return self._agents.one("WHERE id = ?", number)

    def by_external_id(self, external_id: str) -> Agent | None:
        """Return the agent with this external id."""
        return self._agents.one("WHERE external_id = ?", external_id)

    def importing(self) -> list[Agent]:
        """Return the agents with an unfinished picture import."""
        return self._agents.select("WHERE avatar_pending IS NOT NULL")

    def save(self, agent: Agent) -> None:
        """Insert the agent, or update the one with its id."""
        self._agents.save(agent)

    def next_id(self) -> int:
        """Return a free agent id."""
        return self._database.number("SELECT COALESCE(MAX(id), 0) + 1 FROM rentix_users")

    def import_picture(self, url: str) -> Json:
        """Return a new picture imported from `url`; every import has its own id."""
        with self._database.transaction():
            number = self._database.number(
                "SELECT MAX(?, COALESCE(MAX(id), 0) + 1) FROM rentix_pictures", _FIRST_PICTURE
            )
            return self._add_picture(picture(number), url)

    def picture(self, number: int) -> tuple[Json, str | None] | None:
        """Return a known picture and the URL it was imported from (None if uploaded)."""
        query = "SELECT avatar, source FROM rentix_pictures WHERE id = ?"
        found = self._database.run(query, number)
        return (json.loads(found[0][0]), found[0][1]) if found else None

    def upload_picture(self, number: int) -> Json:
        """Return a picture with this id, as if it had been uploaded elsewhere."""
        return self._add_picture(picture(number), None)

    def _add_picture(self, avatar: Json, source: str | None) -> Json:
        insert = "INSERT INTO rentix_pictures VALUES (?, ?, ?)"
        self._database.run(insert, avatar["id"], json.dumps(avatar), source)
        return avatar
