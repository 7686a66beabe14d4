"""The users in SQLite, in memory or in a file that tests may read as the oracle of the truth."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from reconciler.sandbox.agent import Agent, picture
from reconciler.sandbox.database import Database, Table
from reconciler.sandbox.propertyfinder.store import Users
from reconciler.sandbox.values import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rentix_users (
    id INTEGER PRIMARY KEY,
    external_id TEXT UNIQUE,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    description TEXT NOT NULL,
    description_put_as_string INTEGER NOT NULL,
    avatar TEXT,
    avatar_source TEXT,
    avatar_pending TEXT,
    instagram TEXT,
    youtube TEXT,
    tiktok TEXT,
    settings TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS rentix_pictures (id INTEGER PRIMARY KEY, avatar TEXT, source TEXT);
"""
_FIRST_PICTURE = 1001  # imported pictures stand out among loaded ones


class Store:
    """Every agent of the agency on Rentix, and the pictures the portal knows; safe in any thread.

    `propertyfinder` holds the users of Property Finder, in the same file.

    The table `rentix_users` has one row an agent:

    - `id`, `external_id` (unique or null), `name`, `phone` as loaded or normalised at creation;
    - `description`: JSON object, always with `ru`, `en` and `ro`, "" where there is no text, and
      `description_put_as_string`: 1 where a string was put last, 0 where an object was;
    - `avatar`: JSON as GET shows it, or null; `avatar_source`: the URL that picture was imported
      from, or null; `avatar_pending`: JSON `{"url", "reads"}` of an import that is still to
      finish, or null;
    - `instagram`, `youtube`, `tiktok`: URL or null;
    - `settings`: JSON object of `posting_type` and the four `contact_*` switches.

    A file is in WAL mode, so another process can read it (`file:PATH?mode=ro`) meanwhile.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or memory where there is none. Raises `sqlite3.Error` if it cannot."""
        self._database = Database(path)
        try:
            self._database.create(_SCHEMA)
            json_columns = {"description", "avatar", "avatar_pending", "settings"}
            self._agents = Table(self._database, "rentix_users", Agent, json_columns)
            self.propertyfinder = Users(self._database)
        except sqlite3.Error:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file, as one file without a `-wal` beside it."""
        self._database.close()

    def replace(self, agents: Iterable[Agent]) -> None:
        """Forget everything and hold these agents instead."""
        agents = list(agents)
        pictures = {agent.avatar["id"]: agent.avatar for agent in agents if agent.avatar}
        with self._database.transaction():
            self._agents.replace(agents)
            self._database.run("DELETE FROM rentix_pictures")
            for avatar in pictures.values():
                self._keep_picture(avatar, None)

    def agents(self, start: int = 0, count: int = -1) -> list[Agent]:
        """The agents by ascending id: `count` of them (all if negative) from `start` on."""
        return self._agents.select("ORDER BY id LIMIT ? OFFSET ?", count, start)

    def __len__(self) -> int:
        """How many agents there are."""
        return self._agents.count()

    def by_id(self, number: int) -> Agent | None:
        """The agent with this id."""
        return self._agents.one("WHERE id = ?", number)

    def by_external_id(self, external_id: str) -> Agent | None:
        """The agent with this external id."""
        return self._agents.one("WHERE external_id = ?", external_id)

    def importing(self) -> list[Agent]:
        """The agents whose picture is still being imported."""
        return self._agents.select("WHERE avatar_pending IS NOT NULL")

    def save(self, agent: Agent) -> None:
        """Write an agent, new or known by its id."""
        self._agents.save(agent)

    def next_id(self) -> int:
        """An id that no agent has."""
        return self._database.number("SELECT COALESCE(MAX(id), 0) + 1 FROM rentix_users")

    def imported(self, url: str) -> Json:
        """A new picture, imported from `url`: every import has an id of its own."""
        with self._database.transaction():
            number = self._database.number(
                "SELECT MAX(?, COALESCE(MAX(id), 0) + 1) FROM rentix_pictures", _FIRST_PICTURE
            )
            return self._keep_picture(picture(number), url)

    def picture(self, number: int) -> tuple[Json, str | None] | None:
        """A picture loaded or imported before, with the URL it came from if it was imported."""
        query = "SELECT avatar, source FROM rentix_pictures WHERE id = ?"
        found = self._database.run(query, number)
        return (json.loads(found[0][0]), found[0][1]) if found else None

    def uploaded(self, number: int) -> Json:
        """A picture that is said to have been uploaded elsewhere, known from now on."""
        return self._keep_picture(picture(number), None)

    def _keep_picture(self, avatar: Json, source: str | None) -> Json:
        insert = "INSERT INTO rentix_pictures VALUES (?, ?, ?)"
        self._database.run(insert, avatar["id"], json.dumps(avatar), source)
        return avatar
