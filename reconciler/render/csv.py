"""Who is on the portals, as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io

from reconciler.core.roster import Member, Roster
from reconciler.render.visible import one_line

COLUMNS = (
    *("portal", "id", "profileId", "externalId", "name", "phone", "status", "file", "line"),
    "notes",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet runs as a formula."""


def roster(roster: Roster) -> str:
    """One line for each agent, after a line with the names of the columns.

    A cell that would be a formula gets an apostrophe, which spreadsheets take for `this is text`.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(each) for each in _row(member)] for member in roster.members)
    return file.getvalue()


def _row(member: Member) -> tuple[object, ...]:
    source = member.source
    return (
        *(member.portal, member.id, member.profile_id, member.external_id, member.name),
        *(member.phone, member.status),
        *((source.file, source.line) if source else (None, None)),
        "; ".join(member.notes),
    )


def _cell(value: object) -> str:
    text = "" if value is None else one_line(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text
