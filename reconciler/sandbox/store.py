"""The agents in SQLite, in memory or in a file that tests may read as the oracle of the truth."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from dataclasses import fields
from threading import RLock
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.agent import Agent, Json, picture

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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
_COLUMNS = tuple(each.name for each in fields(Agent))
_JSON = {"description", "avatar", "avatar_pending", "settings"}
_NAMES = ", ".join(_COLUMNS)
# Not INSERT OR REPLACE: that would delete whoever else holds the external id.
_PUT = (
    f"INSERT INTO rentix_users ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)
_FIRST_PICTURE = 1001  # imported pictures stand out among loaded ones


class Store:
    """Every agent of the agency, and the pictures the portal knows. Safe to use from any thread.

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
        self._lock = RLock()
        # Autocommit: every statement is its own short transaction, so a reader is never in the way.
        self._db = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None
        )
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self.agents(count=1)  # a file with another table of that name shows now, not later
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file, as one file without a `-wal` beside it."""
        with self._lock:
            with suppress(sqlite3.Error):  # someone else still reads it, which is no harm
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()

    def replace(self, agents: Iterable[Agent]) -> None:
        """Forget everything and hold these agents instead."""
        agents = list(agents)
        pictures = {
            agent.avatar["id"]: json.dumps(agent.avatar) for agent in agents if agent.avatar
        }
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                self._db.execute("DELETE FROM rentix_users")
                self._db.execute("DELETE FROM rentix_pictures")
                self._db.executemany(_PUT, map(_row, agents))
                self._db.executemany(
                    "INSERT INTO rentix_pictures VALUES (?, ?, NULL)", pictures.items()
                )

    def agents(self, start: int = 0, count: int = -1) -> list[Agent]:
        """The agents by ascending id: `count` of them (all if negative) from `start` on."""
        return self._select("ORDER BY id LIMIT ? OFFSET ?", count, start)

    def __len__(self) -> int:
        """How many agents there are."""
        return self._number("SELECT COUNT(*) FROM rentix_users")

    def by_id(self, number: int) -> Agent | None:
        """The agent with this id."""
        return next(iter(self._select("WHERE id = ?", number)), None)

    def by_external_id(self, external_id: str) -> Agent | None:
        """The agent with this external id."""
        return next(iter(self._select("WHERE external_id = ?", external_id)), None)

    def importing(self) -> list[Agent]:
        """The agents whose picture is still being imported."""
        return self._select("WHERE avatar_pending IS NOT NULL")

    def save(self, agent: Agent) -> None:
        """Write an agent, new or known by its id."""
        with self._lock:
            self._db.execute(_PUT, _row(agent))

    def next_id(self) -> int:
        """An id that no agent has."""
        return self._number("SELECT COALESCE(MAX(id), 0) + 1 FROM rentix_users")

    def imported(self, url: str) -> Json:
        """A new picture, imported from `url`: every import has an id of its own."""
        with self._lock:
            number = self._number(
                "SELECT MAX(?, COALESCE(MAX(id), 0) + 1) FROM rentix_pictures", _FIRST_PICTURE
            )
            return self._add_picture(number, url)

    def picture(self, number: int) -> tuple[Json, str | None] | None:
        """A picture loaded or imported before, with the URL it came from if it was imported."""
        with self._lock:
            found = self._db.execute(
                "SELECT avatar, source FROM rentix_pictures WHERE id = ?", (number,)
            ).fetchone()
        return found and (json.loads(found[0]), found[1])

    def uploaded(self, number: int) -> Json:
        """A picture that is said to have been uploaded elsewhere, known from now on."""
        return self._add_picture(number, None)

    def _add_picture(self, number: int, source: str | None) -> Json:
        avatar = picture(number)
        with self._lock:
            self._db.execute(
                "INSERT INTO rentix_pictures VALUES (?, ?, ?)", (number, json.dumps(avatar), source)
            )
        return avatar

    def _select(self, condition: str, *values: object) -> list[Agent]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_NAMES} FROM rentix_users {condition}", values
            ).fetchall()
        return [_agent(row) for row in rows]

    def _number(self, query: str, *values: object) -> int:
        with self._lock:
            return int(self._db.execute(query, values).fetchone()[0])


def _row(agent: Agent) -> list[object]:
    """An agent in the order of the columns."""
    values = ((name, getattr(agent, name)) for name in _COLUMNS)
    return [
        json.dumps(value, ensure_ascii=False) if name in _JSON and value is not None else value
        for name, value in values
    ]


def _agent(row: tuple[Any, ...]) -> Agent:
    """An agent from the columns in their order."""
    values = {
        name: json.loads(value) if name in _JSON and value is not None else value
        for name, value in zip(_COLUMNS, row, strict=True)
    }
    return Agent(**values)
