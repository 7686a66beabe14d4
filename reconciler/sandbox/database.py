"""One SQLite file, or memory, and dataclasses as the rows of its tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


class Database:
    """A connection that any thread may use. A file is in WAL mode, so others can read it."""

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
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file, as one file without a `-wal` beside it."""
        with self._lock:
            with suppress(sqlite3.Error):  # someone else still reads it, which is no harm
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()

    def create(self, schema: str) -> None:
        """Make the tables of a schema where they are not there yet."""
        with self._lock:
            self._db.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside, or none of them."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute one statement; the rows that it gives."""
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def number(self, query: str, *values: object) -> int:
        """The one number that a query gives."""
        return int(self.run(query, *values)[0][0])


class Table(Generic[Row]):
    """A table with a row for each of some dataclass, keyed by its `id`."""

    def __init__(
        self, database: Database, name: str, kind: type[Row], json_columns: set[str]
    ) -> None:
        """A table with a column for every field of `kind`; some are written as JSON."""
        self._database = database
        self._name = name
        self._kind = kind
        self._json = json_columns
        self._columns = [each.name for each in fields(kind)]
        names = ", ".join(self._columns)
        marks = ", ".join("?" * len(self._columns))
        new = ", ".join(f"{column} = excluded.{column}" for column in self._columns)
        self._select = f"SELECT {names} FROM {name}"
        # Not INSERT OR REPLACE: that would delete whoever else holds a unique value.
        self._put = (
            f"INSERT INTO {name} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {new}"
        )
        self.select("LIMIT 1")  # a file with another table of that name shows now, not later

    def select(self, condition: str, *values: object) -> list[Row]:
        """The rows that meet a condition, in SQL."""
        return [
            self._read(row) for row in self._database.run(f"{self._select} {condition}", *values)
        ]

    def one(self, condition: str, *values: object) -> Row | None:
        """The first row that meets a condition, if any does."""
        return next(iter(self.select(condition, *values)), None)

    def count(self, condition: str = "", *values: object) -> int:
        """How many rows meet a condition."""
        return self._database.number(f"SELECT COUNT(*) FROM {self._name} {condition}", *values)

    def save(self, row: Row) -> None:
        """Write a row, new or known by its id."""
        self._database.run(self._put, *self._written(row))

    def replace(self, rows: Iterable[Row]) -> None:
        """Hold these rows instead of all there were; to be called in a transaction."""
        self._database.run(f"DELETE FROM {self._name}")
        for row in rows:
            self.save(row)

    def _written(self, row: Row) -> list[object]:
        """A row in the order of the columns."""
        values = ((name, getattr(row, name)) for name in self._columns)
        return [
            json.dumps(value, ensure_ascii=False)
            if name in self._json and value is not None
            else value
            for name, value in values
        ]

    def _read(self, row: tuple[Any, ...]) -> Row:
        """A row from the columns in their order."""
        values = {
            name: json.loads(value) if name in self._json and value is not None else value
            for name, value in zip(self._columns, row, strict=True)
        }
        return self._kind(**values)
