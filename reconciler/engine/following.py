"""`import --drift`: edit files to what the portals show, where someone changed it there."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace

from reconciler.core.adoption import FileEdit, Imported, Note
from reconciler.core.fields import Field, Sort, declaration, text
from reconciler.core.model import Change, Desired, Entry, Live, Value
from reconciler.core.plan import Draft
from reconciler.core.selection import Selection
from reconciler.documents.adopted import Path, refusal
from reconciler.documents.agents import Document, check, desired, model_of, value_at
from reconciler.documents.discovery import content
from reconciler.documents.edit import set_value
from reconciler.documents.yaml import load
from reconciler.engine.edits import index_of
from reconciler.engine.planning import Planner, Proposal, Snapshot
from reconciler.errors import InputError
from reconciler.portals.registry import parts

EVERYONE = Selection()
NO_LANGUAGES = "the portal shows one text without its languages"
ROUNDS = 3
"""How often the plan is made again: a value at the top level may be what a section inherits."""

_Changed = tuple[str, str, str]
"""A changed value: portal, key and path."""


def find_drift(planner: Planner, proposal: Proposal) -> Imported:
    """The edits that make the files agree with the portals wherever `drift` reports a difference.
    `proposal` is the plan of all agents."""
    return _Follower(planner, proposal).run()


class _Follower:
    """The edits in progress: the content of each file before and after, and the documents in it."""

    def __init__(self, planner: Planner, proposal: Proposal) -> None:
        self.planner = planner
        self.proposal = proposal
        self.model = model_of(parts())
        self.documents = {each.key: each for each in planner.session.repository.documents}
        self.originals = dict(self.documents)
        self.before: dict[str, bytes] = {}
        self.after: dict[str, bytes] = {}
        self.agents: dict[str, dict[tuple[str, str], Live]] = {}
        self.notes: dict[_Changed, Note] = {}

    def run(self) -> Imported:
        drift = self.planner.drift(self.proposal)
        pending = {
            (name, entry.key, change.path)
            for name, draft in self.proposal.drafts.items()
            for entry in draft.entries
            for change in entry.changes
        }
        for name, draft in drift.drafts.items():
            self.note_missing(name, draft)
            pending -= self.follow(self.planner.snapshots[name], draft)
        for _ in range(ROUNDS):
            handled: set[_Changed] = set()
            for snapshot in self.planner.snapshots.values():
                handled |= self.follow(snapshot, self.plan(snapshot), pending)
            if not handled:
                break
        edits = [
            FileEdit(file, self.before[file], after, tuple(self.agents[file].values()))
            for file, after in self.after.items()
            if after != self.before[file]
        ]
        return Imported(tuple(edits), tuple(self.notes.values()))

    def follow(
        self, snapshot: Snapshot, draft: Draft, others: Collection[_Changed] = ()
    ) -> set[_Changed]:
        """Edit the files to what a portal shows, where a draft would change it, but for `others`.
        Returns what was edited."""
        portal = snapshot.portal.name
        by_id = snapshot.listing.by_id()
        edited: set[_Changed] = set()
        for entry in draft.entries:
            live = by_id.get(str(entry.id))
            if live is None or entry.key not in self.documents:
                continue
            if "link" in entry.actions and not others:
                self.note(
                    live, entry, "", "the portal shows another external id; change it by hand"
                )
            for change in entry.changes:
                each = portal, entry.key, change.path
                known = each in others or each in self.notes
                if not known and self.edit(snapshot, entry, change, live):
                    edited.add(each)
        return edited

    def edit(self, snapshot: Snapshot, entry: Entry, change: Change, live: Live) -> bool:
        """Edit one value. Returns whether it was possible; if not, there is a note."""
        document = self.documents[entry.key]
        field = snapshot.catalogue.field(change.path)
        path = self.path(snapshot, document, field, change.path)
        value, problem = self.value(field, path, change.path, live, document)
        problem = problem or refusal(self.model, document.source.file, path, value)
        if problem is None:
            problem = self.set(document, path, value, live)
        if problem is not None:
            self.note(live, entry, change.path, problem)
        return problem is None

    def path(self, snapshot: Snapshot, document: Document, field: Field, path: str) -> Path:
        """Where a file declares a value, or would override what a section inherits."""
        section = snapshot.portal.part.section
        own = (section, field.name) if section else (field.name,)
        part = path.removeprefix(field.name).lstrip(".")
        declared = value_at(document.data, own)
        return (*own, part) if part and not isinstance(declared, str) else own

    def value(
        self, field: Field, path: Path, shown_path: str, live: Live, document: Document
    ) -> tuple[Value, str | None]:
        """What a file declares to agree with the portal, or why it cannot."""
        value = live.values.get(shown_path)
        if shown_path not in live.values:
            value = declaration(field, live.values) if shown_path == field.name else None
            if field.sort is Sort.TEXTS and isinstance(value, dict):
                return value, None
            hidden = field.sort is Sort.TEXTS and field.name in live.values
            return None, NO_LANGUAGES if hidden else "the portal does not show it"
        if field.sort is Sort.TEXTS:
            declared = value_at(document.data, path)
            end = "\n" if isinstance(declared, str) and declared.endswith("\n") else ""
            return (text(value) + end if value else ""), None
        if field.sort is Sort.PICTURE and value is not None:
            value = self.model.keys[path].declares(value)
            return value, "the portal does not show its address" if value is None else None
        if field.sort not in (Sort.SWITCHES, Sort.CODES):
            value = value or None
        return value, None

    def set(self, document: Document, path: Path, value: Value, live: Live) -> str | None:
        """Set a value of a document. Returns why that is impossible, None if it was set."""
        file = document.source.file
        try:
            if file not in self.after:
                root = self.planner.session.repository.root
                data = content(os.fspath(root / file))
                self.before[file] = self.after[file] = data
                self.agents[file] = {}
            index = index_of(document, self.documents.values())
            order = self.model.vocabulary.keys
            after = set_value(file, self.after[file], index, path, value, order)
            self.take(file, after)
        except (OSError, InputError) as error:
            return error.problems[0].message if isinstance(error, InputError) else str(error)
        self.after[file] = after
        self.agents[file][live.portal, str(live.id)] = live
        return None

    def take(self, file: str, data: bytes) -> None:
        """Replace the documents of a file by those of its new content. Raises InputError."""
        trees, problems = load(file, data)
        found = []
        for tree in trees:
            document, wrong = check(self.model, file, tree)
            problems += wrong
            if document is not None:
                found.append(document)
        if problems:
            raise InputError(problems)
        self.documents |= {each.key: each for each in found}

    def plan(self, snapshot: Snapshot) -> Draft:
        """The plan of one portal with the edited files."""
        own = tuple(self.redeclared(snapshot, each) for each in snapshot.desired)
        return self.planner.draft(replace(snapshot, desired=own), EVERYONE)

    def redeclared(self, snapshot: Snapshot, declared: Desired) -> Desired:
        """What an edited file declares; values that are as before stay in the portal's terms."""
        old, new = self.originals[declared.key], self.documents[declared.key]
        if old is new:
            return declared
        portal = snapshot.portal
        before, after = (
            desired(each, portal.part, portal.fields, portal.identifiers) for each in (old, new)
        )
        if before is None or after is None:
            return declared
        values: Mapping[str, Value] = {
            path: declared.values.get(path, value) if before.values.get(path) == value else value
            for path, value in after.values.items()
        }
        return replace(after, values=values)

    # -- notes ----------------------------------------------------------------------------------

    def note_missing(self, portal: str, draft: Draft) -> None:
        """Note the agents that the portal no longer has."""
        reasons = {each.key: (each.name, each.reason) for each in draft.conflicts}
        reasons |= {each.key: (each.name, each.message) for each in draft.warnings}
        for key, (name, reason) in reasons.items():
            document = self.documents.get(key)
            file = document.source.file if document is not None else None
            self.notes[portal, key, ""] = Note(portal, key, name, file, None, reason)

    def note(self, live: Live, entry: Entry, path: str, reason: str) -> None:
        file = self.documents[entry.key].source.file
        what = f"{path} was" if path else "this agent was"
        message = f"{what} not edited: {reason}"
        key = live.portal, entry.key, path
        self.notes[key] = Note(live.portal, live.id, live.name, file, path or None, message)
