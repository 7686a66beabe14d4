"""The users in SQLite, as the oracle of the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.sandbox.database import Database, Table
from reconciler.sandbox.propertyfinder.user import FIRST_PROFILE_ID, User

_SCHEMA = """
CREATE TABLE IF NOT EXISTS propertyfinder_users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    mobile TEXT NOT NULL,
    role_id INTEGER NOT NULL,
    first_name TEXT,
    last_name TEXT,
    status TEXT NOT NULL,
    profile_id INTEGER UNIQUE,
    profile TEXT,
    picture_source TEXT,
    picture_pending TEXT,
    pictures INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS propertyfinder_roles (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
"""
_ROLES = {1: "Admin", 2: "Decision maker", 3: "Agent", 4: "Limited access"}


class Users:
    """Every user of the client, and its roles. Safe to use from any thread.

    The table `propertyfinder_users` has one row a user, with the fields of `User` as columns;
    `profile` and `picture_pending` are JSON.
    """

    def __init__(self, database: Database) -> None:
        """The users of this database."""
        self._database = database
        database.create(_SCHEMA)
        json_columns = {"profile", "picture_pending"}
        self._users = Table(database, "propertyfinder_users", User, json_columns)
        self._add_roles(_ROLES)

    def replace(self, users: Iterable[User]) -> None:
        """Forget everyone and hold these users instead; what role one has is a role."""
        users = list(users)
        with self._database.transaction():
            self._users.replace(users)
            self._database.run("DELETE FROM propertyfinder_roles")
            self._add_roles({user.role_id: f"Role {user.role_id}" for user in users} | _ROLES)

    def all(self) -> list[User]:
        """The users by ascending id."""
        return self._users.select("ORDER BY id")

    def page(
        self, filters: Mapping[str, Sequence[object]], start: int, count: int
    ) -> tuple[list[User], int]:
        """A part of the users who have one of the values in each column, and how many do."""
        where = " AND ".join(
            f"{column} IN ({', '.join('?' * len(values))})" for column, values in filters.items()
        )
        condition = f"WHERE {where}" if where else ""
        values = [value for each in filters.values() for value in each]
        limited = f"{condition} ORDER BY id LIMIT ? OFFSET ?"
        users = self._users.select(limited, *values, count, start)
        return users, self._users.count(condition, *values)

    def by_id(self, number: int) -> User | None:
        """The user with this id."""
        return self._users.one("WHERE id = ?", number)

    def by_profile_id(self, number: int) -> User | None:
        """The user whose public profile has this id."""
        return self._users.one("WHERE profile_id = ?", number)

    def by_email(self, email: str) -> User | None:
        """The user with this login, in whatever case."""
        return self._users.one("WHERE email = ?", email)

    def save(self, user: User) -> None:
        """Write a user, new or known by its id."""
        self._users.save(user)

    def next_ids(self) -> tuple[int, int]:
        """An id that no user has, and one that no public profile has."""
        table = "FROM propertyfinder_users"
        own = self._database.number(f"SELECT COALESCE(MAX(id), 0) + 1 {table}")
        profile = self._database.number(
            f"SELECT MAX(?, COALESCE(MAX(profile_id), 0) + 1) {table}", FIRST_PROFILE_ID
        )
        return own, profile

    def roles(self) -> dict[int, str]:
        """The roles there are: the name of each by its id."""
        return dict(self._database.run("SELECT id, name FROM propertyfinder_roles ORDER BY id"))

    def _add_roles(self, roles: Mapping[int, str]) -> None:
        for role in roles.items():
            self._database.run("INSERT OR IGNORE INTO propertyfinder_roles VALUES (?, ?)", *role)
