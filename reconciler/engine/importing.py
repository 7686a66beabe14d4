"""Import: files for live agents that no file declares, and files edited to what the portals show.

Nothing is sent to a portal. Before anything is written, the plan is made again with the new files:
what would still change is left out, so that a plan right after an import is empty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import PurePosixPath

from reconciler.core import adoption
from reconciler.core.adoption import Doubt, FileEdit, Imported, Note, Person
from reconciler.core.fields import Verdict, canonical, compare, parent
from reconciler.core.model import Live
from reconciler.core.plan import Draft as PlanDraft
from reconciler.core.selection import Selection
from reconciler.documents.adopted import (
    Draft,
    document,
    refusal,
    refusals,
    shown_values,
    text,
    texts_without_language,
)
from reconciler.documents.agents import Document, desired, model_of, value_at
from reconciler.documents.discovery import content
from reconciler.documents.edit import set_value
from reconciler.documents.parts import Part
from reconciler.engine.edits import index_of
from reconciler.engine.planning import Planner, Proposal, Snapshot
from reconciler.errors import InputError
from reconciler.portals.registry import PORTALS, parts

EVERYONE = Selection()


def find_imports(planner: Planner, proposal: Proposal) -> Imported:
    """The files to write for the live agents that no file declares. `proposal` is the plan of all
    agents as the files are now."""
    return _Importer(planner, proposal).run()


class _Importer:
    """One import in progress: the drafts of files, the agents without one, and the notes."""

    def __init__(self, planner: Planner, proposal: Proposal) -> None:
        self.planner = planner
        self.proposal = proposal
        self.repository = planner.session.repository
        self.model = model_of(parts())
        self.snapshots = planner.snapshots
        self.documents = {each.key: each for each in self.repository.documents}
        self.matched = {
            (name, each.desired.key): (each.live,)
            for name, draft in proposal.drafts.items()
            for each in draft.matches
        }
        self.drafts: list[Draft] = []
        self.left: list[Live] = []
        self.notes: list[Note] = []

    def run(self) -> Imported:
        people, doubts = adoption.join(
            [self.declared(each) for each in self.documents.values()],
            [(each.catalogue, self.unmanaged(name)) for name, each in self.snapshots.items()],
        )
        for doubt in doubts:
            self.note_doubt(doubt)
        for person in people:
            if person.key is not None:
                self.add_sections(person, self.documents[person.key])
        self.add_files([each for each in people if each.key is None])
        self.apply_rules()
        self.settle()
        edits = tuple(self.edits())
        for draft in self.drafts:
            self.note_left_out(draft)
        return Imported(edits, tuple(self.notes), tuple(self.left))

    # -- who has no file ------------------------------------------------------------------------

    def unmanaged(self, portal: str) -> list[Live]:
        """The live agents of a portal that match no file, without those that a conflict concerns,
        for which there is a note."""
        draft = self.proposal.drafts[portal]
        known = {each.live.id for each in draft.matches}
        disputed = {
            each.id: conflict.key for conflict in draft.conflicts for each in conflict.candidates
        }
        found = []
        for live in sorted(self.snapshots[portal].listing.agents, key=_by_id):
            if live.id in known:
                continue
            if live.id in disputed:
                self.leave(live, f"in conflict with {disputed[live.id]}: see the plan")
            else:
                found.append(live)
        return found

    def declared(self, document: Document) -> Person:
        """The person whom a file declares, on portals that are not read too."""
        person = Person("", frozenset(), document.key)
        name = str(document.data.get("name", ""))
        for portal in PORTALS.values():
            own = desired(document, portal.part, portal.fields, portal.identifiers)
            if own is None:
                person.lacks |= {portal.name}
                continue
            known = [own, *self.matched.get((portal.name, document.key), ())]
            for each in known:
                person.contacts |= adoption.contacts(portal.fields, portal.identifiers, each)
            name = name or str(own.values.get("name") or getattr(known[-1], "name", ""))
        person.name = name
        return person

    # -- drafts ---------------------------------------------------------------------------------

    def add_sections(self, person: Person, existing: Document) -> None:
        """Drafts of an existing file with sections for the portals that it lacks."""
        for portal, live in person.agents.items():
            part = self.snapshots[portal].portal.part
            if not part.section:
                self.leave(
                    live,
                    f"probably the agent of {existing.source}: to manage both there, delete "
                    f"`{part.switch}: false` and declare `id: {live.id}`",
                )
                continue
            data = deepcopy(dict(existing.data))
            draft = Draft(existing.source.file, data, {portal: live}, existing, part.section)
            self.add_part(draft, live)
            self.drafts.append(draft)

    def add_files(self, people: Sequence[Person]) -> None:
        """Drafts of new files."""
        folder = self.repository.config.agents
        names = [(each.name, self.own_name(each)) for each in people]
        stems = adoption.file_stems(names, self.existing_stems(folder))
        used = {str(each.data.get("externalId", "")).casefold() for each in self.documents.values()}
        for snapshot in self.snapshots.values():
            for live in snapshot.listing.agents:
                used.add(str(snapshot.catalogue.external_id(live.identity) or "").casefold())
        prefix = "" if folder in ("", ".") else f"{PurePosixPath(folder)}/"
        for person, stem, (_, own) in zip(people, stems, names, strict=True):
            draft = Draft(f"{prefix}{stem}.yaml", {}, person.agents)
            snapshots = [self.snapshots[portal] for portal in person.agents]
            for snapshot in sorted(snapshots, key=lambda each: each.portal.part.section):
                live = person.agents[snapshot.portal.name]
                self.add_part(draft, live)
                if not snapshot.portal.part.section:
                    self.add_comments(draft, live, snapshot)
            for part in parts():
                if part.switch and part.portal not in person.agents:
                    draft.data[part.switch] = False
            if "externalId" not in draft.data and "id" not in draft.data:
                external_id = stem if stem not in used else f"{stem}-{own}"
                used.add(external_id)
                draft.data["externalId"] = external_id
            self.drafts.append(draft)

    @staticmethod
    def own_name(person: Person) -> str:
        portal, live = next(iter(person.agents.items()))
        return f"{portal}-{adoption.slug(str(live.id))}"

    def existing_stems(self, folder: str) -> set[str]:
        path = self.repository.root / folder
        return {each.stem.casefold() for each in path.iterdir()} if path.is_dir() else set()

    def add_part(self, draft: Draft, live: Live) -> None:
        """Add what a portal shows of an agent. A section gets only what differs from what it
        inherits; in a new file, what it can inherit is at the top level, if that is free."""
        portal = self.snapshots[live.portal].portal
        values = shown_values(self.model, portal.part, portal.fields, live)
        section = portal.part.section
        if not section:
            draft.data |= {name: each for name, each in values.items() if name not in draft.data}
            return
        draft.data[section] = values
        for field in portal.fields:
            source = portal.part.keys[field.name].inherits
            if not source:
                continue
            value = values.get(field.name)
            fits = draft.existing is None and value is not None and len(source) == 1
            if fits and refusal(self.model, draft.file, source, value) is None:
                draft.data.setdefault(source[0], value)
            inherited = value_at(draft.data, source)
            if inherited is None:
                continue
            if canonical(field, inherited) == canonical(field, value):
                values.pop(field.name, None)
                continue
            shows_none = value is None and not live.values.get(field.name)
            place = section, field.name
            if shows_none and refusal(self.model, draft.file, place, None) is None:
                values[field.name] = None

    def add_comments(self, draft: Draft, live: Live, snapshot: Snapshot) -> None:
        """Add the texts whose languages are unknown."""
        for name, lines in texts_without_language(snapshot.portal.fields, live):
            about = [
                f"{name}: {live.portal} shows this text without its languages.",
                "To manage it, declare it for each language:",
            ]
            draft.comments[name] = [*about, *(f"  {line}" for line in lines)]

    # -- what must hold -------------------------------------------------------------------------

    def apply_rules(self) -> None:
        """Leave out the values that the rules for files refuse, and ids that another file has."""
        taken = {
            (path, key.canonical(value))
            for each in self.documents.values()
            for path, key in self.model.unique.items()
            if (value := value_at(each.data, path)) is not None
        }
        for draft in list(self.drafts):
            for path, reason in list(refusals(self.model, draft.file, draft.data)):
                draft.drop(path, reason)
            for path, key in self.model.unique.items():
                value = value_at(draft.data, path)
                if value is None or (draft.existing is not None and path[0] != draft.added):
                    continue
                claim = path, key.canonical(value)
                if claim in taken:
                    draft.drop(path, "another file declares it")
                taken.add(claim)

    def settle(self) -> None:
        """Leave out what a plan with the new files would change, until it changes nothing."""
        while self.drafts:
            documents = {}
            for draft in list(self.drafts):
                found = document(self.model, draft.file, draft.data)
                if found is None:
                    self.give_up(draft, "the portal shows too little for a valid file")
                elif not self.drop_differences(draft, found):
                    documents[found.key] = found, draft
            if len(documents) < len(self.drafts):
                continue
            portals = [self.settle_portal(each, documents) for each in self.snapshots.values()]
            if not any(portals):
                return

    def drop_differences(self, draft: Draft, found: Document) -> bool:
        """Leave out the values of a draft that its live agents do not have. Returns whether any
        was."""
        dropped = False
        for name, live in draft.agents.items():
            portal, catalogue = self.snapshots[name].portal, self.snapshots[name].catalogue
            own = desired(found, portal.part, portal.fields, portal.identifiers)
            if own is None:
                continue
            for path in own.values:
                if compare(catalogue.field(path), path, own, live) is not Verdict.SAME:
                    dropped |= self.drop(draft, path, portal.part)
        return dropped

    def settle_portal(
        self, snapshot: Snapshot, documents: Mapping[str, tuple[Document, Draft]]
    ) -> bool:
        """Leave out what would still change on one portal. Returns whether anything did."""
        plan = self.plan(snapshot, {key: each for key, (each, _) in documents.items()})
        reasons = {each.key: each.reason for each in plan.conflicts}
        reasons |= dict.fromkeys(plan.waiting, "a plan would not match it")
        for entry in plan.entries:
            if entry.key in documents:
                paths = [change.path for change in entry.changes]
                part = snapshot.portal.part
                dropped = [self.drop(documents[entry.key][1], path, part) for path in paths]
                if not any(dropped):
                    verbs = ", ".join(entry.actions)
                    reasons[entry.key] = f"a plan would still change it ({verbs})"
        unsettled = [key for key in documents if key in reasons]
        for key in unsettled:
            if documents[key][1] in self.drafts:
                self.give_up(documents[key][1], reasons[key])
        return bool(unsettled) or any(entry.key in documents for entry in plan.entries)

    def plan(self, snapshot: Snapshot, documents: Mapping[str, Document]) -> PlanDraft:
        """The plan of one portal with these documents, new or in place of those with their key."""
        portal = snapshot.portal
        own = [each for each in snapshot.desired if each.key not in documents]
        for each in documents.values():
            found = desired(each, portal.part, portal.fields, portal.identifiers)
            if found is not None:
                own.append(found)
        return self.planner.draft(replace(snapshot, desired=tuple(own)), EVERYONE)

    @staticmethod
    def drop(draft: Draft, path: str, part: Part) -> bool:
        """Leave a value out, or the value that it inherits. Returns whether there is one."""
        own = (part.section,) if part.section else ()
        name = parent(path)
        reason = "the portal does not show it in a form that a plan can compare"
        if draft.drop((*own, *path.split(".")), reason) or draft.drop((*own, name), reason):
            return True
        key = part.keys.get(name)
        if key is None or not key.inherits:
            return False
        shown = ".".join((*own, name))
        return draft.drop(key.inherits, f"{shown} inherits it, and the portal shows another value")

    # -- results --------------------------------------------------------------------------------

    def edits(self) -> Iterator[FileEdit]:
        """The files to write: existing ones with more sections, then new ones."""
        order = self.model.vocabulary.keys
        contents: dict[str, tuple[bytes, bytes]] = {}
        agents: dict[str, list[Live]] = {}
        for draft in list(self.drafts):
            if draft.existing is None:
                continue
            try:
                if draft.file not in contents:
                    data = content(os.fspath(self.repository.root / draft.file))
                    contents[draft.file] = data, data
                before, after = contents[draft.file]
                index = index_of(draft.existing, self.documents.values())
                section = draft.data[draft.added]
                after = set_value(draft.file, after, index, (draft.added,), section, order)
            except (OSError, InputError) as error:
                reason = error.problems[0].message if isinstance(error, InputError) else str(error)
                self.give_up(draft, reason)
            else:
                contents[draft.file] = before, after
                agents.setdefault(draft.file, []).extend(draft.agents.values())
        for file, (before, after) in contents.items():
            if after != before:
                yield FileEdit(file, before, after, tuple(agents[file]))
        for draft in self.drafts:
            if draft.existing is None:
                new = text(self.model, draft.file, draft.data, draft.comments).encode()
                yield FileEdit(draft.file, None, new, tuple(draft.agents.values()))

    def leave(self, live: Live, reason: str) -> None:
        """Write no file for an agent, with a note."""
        self.left.append(live)
        self.notes.append(Note(live.portal, live.id, live.name, None, None, reason))

    def give_up(self, draft: Draft, reason: str) -> None:
        self.drafts.remove(draft)
        for live in draft.agents.values():
            self.leave(live, f"not written to {draft.file}: {reason}")

    def note_doubt(self, doubt: Doubt) -> None:
        live = doubt.live
        message = (
            f"may be the same person as {', '.join(doubt.people)}, so a separate file is written: "
            f"join them by hand if so"
        )
        self.notes.append(Note(live.portal, live.id, live.name, None, None, message))

    def note_left_out(self, draft: Draft) -> None:
        live = next(iter(draft.agents.values()))
        for path, reason in draft.left_out:
            shown = ".".join(path)
            message = f"{shown} was left out: {reason}"
            self.notes.append(Note(live.portal, live.id, live.name, draft.file, shown, message))


def _by_id(live: Live) -> tuple[bool, int, str]:
    number = live.id if isinstance(live.id, int) else 0
    return not isinstance(live.id, int), number, str(live.id)
