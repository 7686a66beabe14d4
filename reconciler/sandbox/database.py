"""One SQLite file, or memory, and dataclasses as the rows of its tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


class Database:
    """A connection that any thread may use; a file is in WAL mode, so others can read it."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or memory without one. Raises `sqlite3.Error` if that fails."""
        self._lock = RLock()
        # Autocommit: each statement is a short transaction and blocks no reader.
        self._db = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None
        )
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the database; a file is left without a `-wal` file beside it."""
        with self._lock:
            with suppress(sqlite3.Error):  # another process is still reading, which is harmless
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements inside, or none of them; part of an outer transaction if any."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo all statements inside; no other connection sees them."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                self._db.rollback()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute one statement and return its rows."""
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def number(self, query: str, *values: object) -> int:
        """Return the single number that a query yields."""
        return int(self.run(query, *values)[0][0])


class _Column(NamedTuple):
    """A column: its definition in SQL, and whether it holds JSON."""

    definition: str
    json: bool


class Table(Generic[Row]):
    """A table of dataclass instances, keyed by their `id`.

    Each field is a column: `int` and `bool` are INTEGER, `str` is TEXT, `dict` is JSON in TEXT.
    Only an optional field is nullable.
    """

    def __init__(
        self, database: Database, name: str, kind: type[Row], constraints: Mapping[str, str]
    ) -> None:
        """Create the table unless it exists; `constraints` adds SQL to single columns.

        Raises sqlite3.Error if an existing table of this name has other columns.
        """
        self._database = database
        self._name = name
        self._kind = kind
        constraints = {"id": "PRIMARY KEY", **constraints}
        self._columns = {
            field: _column(field, hint, constraints.get(field, ""))
            for field, hint in get_type_hints(kind).items()
        }
        names = ", ".join(self._columns)
        marks = ", ".join("?" * len(self._columns))
        updates = ", ".join(f"{column} = excluded.{column}" for column in self._columns)
        self._select = f"SELECT {names} FROM {name}"
        # Not INSERT OR REPLACE, which would delete another row that holds a unique value.
        self._upsert = (
            f"INSERT INTO {name} ({names}) VALUES ({marks}) "
            f"ON CONFLICT (id) DO UPDATE SET {updates}"
        )
        definitions = ", ".join(column.definition for column in self._columns.values())
        database.run(f"CREATE TABLE IF NOT EXISTS {name} ({definitions})")
        self.select("LIMIT 1")  # fail now if the existing table has other columns

    def select(self, condition: str, *values: object) -> list[Row]:
        """Return the rows that meet a condition in SQL."""
        rows = self._database.run(f"{self._select} {condition}", *values)
        return [self._from_sql(row) for row in rows]

    def one(self, condition: str, *values: object) -> Row | None:
        """Return the first row that meets a condition, or None."""
        return next(iter(self.select(condition, *values)), None)

    def count(self, condition: str = "", *values: object) -> int:
        """Return how many rows meet a condition."""
        return self._database.number(f"SELECT COUNT(*) FROM {self._name} {condition}", *values)

    def save(self, row: Row) -> None:
        """Insert the row, or update the one with its id."""
        self._database.run(self._upsert, *self._to_sql(row))

    def replace(self, rows: Iterable[Row]) -> None:
        """Replace all rows with these; call it in a transaction."""
        self._database.run(f"DELETE FROM {self._name}")
        for row in rows:
            self.save(row)

    def _to_sql(self, row: Row) -> list[object]:
        values = ((column, getattr(row, name)) for name, column in self._columns.items())
        return [
            json.dumps(value, ensure_ascii=False) if column.json and value is not None else value
            for column, value in values
        ]

    def _from_sql(self, row: tuple[Any, ...]) -> Row:
        columns = zip(self._columns.items(), row, strict=True)
        values = {
            name: json.loads(value) if column.json and value is not None else value
            for (name, column), value in columns
        }
        return self._kind(**values)


def _column(name: str, hint: Any, constraint: str) -> _Column:  # noqa: ANN401 - a type hint
    optional = isinstance(hint, UnionType)
    kind = next(each for each in get_args(hint) if each is not NoneType) if optional else hint
    is_json = get_origin(kind) is dict
    affinity = "TEXT" if is_json or kind is str else "INTEGER"
    parts = (name, affinity, "" if optional else "NOT NULL", constraint)
    return _Column(" ".join(part for part in parts if part), is_json)
