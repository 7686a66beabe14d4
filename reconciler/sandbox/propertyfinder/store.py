"""Property Finder's users in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from reconciler.sandbox.database import Database, Table
from reconciler.sandbox.propertyfinder.facts import ROLES
from reconciler.sandbox.propertyfinder.user import FIRST_PROFILE_ID, User

_ROLES_TABLE = """
CREATE TABLE IF NOT EXISTS propertyfinder_roles (id INTEGER PRIMARY KEY, name TEXT NOT NULL)
"""

CONTAINS = "instr(lower(first_name || ' ' || coalesce(last_name, '') || ' ' || email), lower(?))"
"""The filter for users whose name or e-mail contains a text."""


class Users:
    """The users of the client and its roles; any thread may use it.

    The table `propertyfinder_users` has a row for each user, with the fields of `User` as columns;
    `profile` and `picture_pending` are JSON.
    """

    def __init__(self, database: Database) -> None:
        """Use this database. Raises `sqlite3.Error` if it has other tables of these names."""
        self._database = database
        constraints = {"email": "UNIQUE COLLATE NOCASE", "profile_id": "UNIQUE"}
        self._users = Table(database, "propertyfinder_users", User, constraints)
        database.run(_ROLES_TABLE)
        self._add_roles(ROLES)

    def replace(self, users: Iterable[User], roles: Mapping[int, str] | None = None) -> None:
        """Replace all users with these; every role that a user has exists afterwards, under its
        name in `roles` if it is there."""
        users = list(users)
        with self._database.transaction():
            self._users.replace(users)
            self._database.run("DELETE FROM propertyfinder_roles")
            unnamed = {user.role_id: f"Role {user.role_id}" for user in users}
            self._add_roles(unnamed | ROLES | dict(roles or {}))

    @contextmanager
    def showing(self, users: Iterable[User]) -> Iterator[None]:
        """Hold these users while the context is open, then the former ones again."""
        with self._database.rolled_back():
            self._users.replace(users)
            yield

    def all(self) -> list[User]:
        """Return the users by ascending id."""
        return self._users.select("ORDER BY id")

    def page(
        self, filters: Mapping[str, Sequence[object]], start: int, count: int
    ) -> tuple[list[User], int]:
        """Return a page of the users that match every filter, and how many match.

        A filter is a column and its accepted values, or `CONTAINS` and a text.
        """
        where = " AND ".join(
            column if column == CONTAINS else f"{column} IN ({', '.join('?' * len(values))})"
            for column, values in filters.items()
        )
        condition = f"WHERE {where}" if where else ""
        values = [value for each in filters.values() for value in each]
        limited = f"{condition} ORDER BY id LIMIT ? OFFSET ?"
        users = self._users.select(limited, *values, count, start)
        return users, self._users.count(condition, *values)

    def by_id(self, number: int) -> User | None:
        """Return the user with this id."""
        return self._users.one("WHERE id = ?", number)

    def by_profile_id(self, number: int) -> User | None:
        """Return the user with this public profile id."""
        return self._users.one("WHERE profile_id = ?", number)

    def by_email(self, email: str) -> User | None:
        """Return the user with this login, ignoring case."""
        return self._users.one("WHERE email = ?", email)

    def save(self, user: User) -> None:
        """Insert the user, or update the one with its id."""
        self._users.save(user)

    def next_ids(self) -> tuple[int, int]:
        """Return a free user id and a free public profile id."""
        table = "FROM propertyfinder_users"
        user_id = self._database.number(f"SELECT COALESCE(MAX(id), 0) + 1 {table}")
        profile_id = self._database.number(
            f"SELECT MAX(?, COALESCE(MAX(profile_id), 0) + 1) {table}", FIRST_PROFILE_ID
        )
        return user_id, profile_id

    def roles(self) -> dict[int, str]:
        """Return the name of each role by its id."""
        return dict(self._database.run("SELECT id, name FROM propertyfinder_roles ORDER BY id"))

    def _add_roles(self, roles: Mapping[int, str]) -> None:
        for role in roles.items():
            self._database.run("INSERT OR IGNORE INTO propertyfinder_roles VALUES (?, ?)", *role)
