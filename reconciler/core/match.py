"""Who is who: which live agent each declared agent is, and where that cannot be said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.fields import Identifier
from reconciler.core.model import Candidate, Conflict, Desired, Listing, Live, Match, Scalar

MEMORY = "ledger"
"""What a match is said to be by where only the memory knows who this is."""


@dataclass(frozen=True, slots=True)
class Matching:
    """The three things that can come of a declared agent: found, absent, or in conflict."""

    matches: tuple[Match, ...]
    absent: tuple[Desired, ...]
    conflicts: tuple[Conflict, ...]


def handle(identifiers: Iterable[Identifier]) -> str | None:
    """The name of the identifier that link and unlink move (`externalId`), None without one."""
    return next((each.name for each in identifiers if each.moves == "link"), None)


def is_linked(found: Match, name: str | None) -> bool:
    """Whether the agent has the external id that is declared for it, if one is."""
    wants = found.desired.identity.get(name) if name else None
    return wants is None or (name is not None and found.live.identity.get(name) == wants)


def candidate(live: Live, name: str | None) -> Candidate:
    """A live agent as a conflict tells it; `name` is the assignable identifier's."""
    external = live.identity.get(name) if name else None
    return Candidate(live.id, live.name, None if external is None else str(external))


def label(live: Live) -> str:
    """`15 Ivan Petrov`: how sentences speak of a live agent."""
    return f"{live.id} {live.name}".rstrip()


def match(
    desired: Sequence[Desired],
    listing: Listing,
    identifiers: Sequence[Identifier],
    *,
    order: Sequence[str],
    creating: bool,
    recall: Mapping[str, Sequence[Live]] | None = None,
) -> Matching:
    """Find the live agent of every declared one.

    A declared pin decides alone. Then the other identifiers are tried in `order`, each for all
    agents before the next, so that a shared one never takes an agent that somebody's key claims.
    With `creating`, a shared identifier that fits anybody stops a creation even where `order`
    leaves it out: the person may be there already. `recall` has, by key, whom the memory knows
    under it: it finds who is left, and where it contradicts a key, nobody is guessed.
    """
    return _Matcher(desired, listing, identifiers, creating=creating).run(order, recall or {})


class _Matcher:
    """The state of one matching: who is claimed, who is left."""

    def __init__(
        self,
        desired: Sequence[Desired],
        listing: Listing,
        identifiers: Sequence[Identifier],
        *,
        creating: bool,
    ) -> None:
        self.listing = listing
        self.identifiers = {each.name: each for each in identifiers}
        self.handle = handle(identifiers)
        self.pin = next((each.said for each in identifiers if each.rule == "pin"), "id")
        self.creating = creating
        self.left = list(desired)
        self.claims: dict[Scalar, list[Match]] = defaultdict(list)
        self.conflicts: list[Conflict] = []

    def run(self, order: Sequence[str], recall: Mapping[str, Sequence[Live]]) -> Matching:
        for each in self.identifiers.values():
            if each.rule == "pin":
                self.by_pin(each)
        for name in order:
            each = self.identifiers[name]
            if each.rule == "key":
                self.by_key(each)
            elif each.rule == "shared":
                self.by_shared(each, finding=True)
        self.by_memory(recall)
        for each in self.identifiers.values():
            if each.rule == "shared" and each.name not in order and self.creating:
                self.by_shared(each, finding=False)
        matches = [found for claim in self.claims.values() for found in self.sole(claim)]
        place = {id(found.desired): found for found in matches}
        return Matching(
            tuple(sorted(place.values(), key=lambda found: _order(found.desired))),
            tuple(self.left),
            tuple(self.conflicts),
        )

    def conflict(self, desired: Desired, reason: str, lives: Iterable[Live] = ()) -> None:
        found = tuple(candidate(live, self.handle) for live in lives)
        self.conflicts.append(Conflict(desired.portal, desired.key, desired.source, reason, found))

    def by_pin(self, pin: Identifier) -> None:
        index = {pin.canonical(live.id): live for live in self.listing.agents}
        left = []
        for desired in self.left:
            value = desired.identity.get(pin.name)
            if value is None:
                left.append(desired)
            elif live := index.get(pin.canonical(value)):
                self.claims[live.id].append(Match(desired, live, pin.name))
            else:
                self.conflict(desired, self.no_pin(pin, value))
        self.left = left

    def no_pin(self, pin: Identifier, value: Scalar) -> str:
        if not self.listing.complete:
            return f"{pin.said} {value} is not in the part of the agents that the portal listed."
        return (
            f"{pin.said} {value} is not one of the agency's agents. Check the {pin.said}; an agent "
            f"who left has to be taken out of the files, a new one to be invited on the portal."
        )

    def by_key(self, key: Identifier) -> None:
        index: dict[str, list[Live]] = defaultdict(list)
        for live in self.listing.agents:
            value = live.identity.get(key.name)
            if value is not None:
                index[key.canonical(value)].append(live)
        left = []
        for desired in self.left:
            value = desired.identity.get(key.name)
            holders = index.get(key.canonical(value), []) if value is not None else []
            if len(holders) > 1:
                names = ", ".join(map(label, holders))
                self.conflict(desired, f"{key.name} {value} has several agents: {names}.", holders)
            elif not holders or self.given_up(key, holders[0], desired):
                left.append(desired)
            else:
                self.claims[holders[0].id].append(Match(desired, holders[0], key.name))
        self.left = left

    def given_up(self, key: Identifier, holder: Live, desired: Desired) -> bool:
        """Whether the files pin the holder and give it another key: then it is not this agent."""
        if key.moves is None:
            return False
        return any(
            claim.desired is not desired
            and (other := claim.desired.identity.get(key.name)) is not None
            and key.canonical(other) != key.canonical(desired.identity[key.name])
            for claim in self.claims.get(holder.id, ())
        )

    def by_memory(self, recall: Mapping[str, Sequence[Live]]) -> None:
        """Match whom nothing else finds with the agent that was applied under that key; where a
        key found another, and that one is still there, somebody has to say who it is."""
        if not recall:
            return
        pins = {each.name for each in self.identifiers.values() if each.rule == "pin"}
        for number, claim in self.claims.items():
            for found in [each for each in claim if each.by not in pins]:
                former = recall.get(found.desired.key, ())
                if former and number not in {live.id for live in former}:
                    claim.remove(found)
                    both = (found.live, *former)
                    self.conflict(found.desired, self.contradicted(found, former), both)
        left = []
        for desired in self.left:
            former = recall.get(desired.key, ())
            if len(former) == 1 and desired.values.get("name", former[0].name) != former[0].name:
                self.conflict(desired, self.another_person(former[0]), former)
            elif len(former) == 1:
                self.claims[former[0].id].append(Match(desired, former[0], MEMORY))
            else:
                left.append(desired)
        self.left = left

    def another_person(self, former: Live) -> str:
        return (
            f"was agent {label(former)} at the last apply, and neither the name nor anything that "
            f"finds them is theirs now. If it is the same person, declare `{self.pin}: "
            f"{former.id}`; for somebody else, take another externalId."
        )

    def contradicted(self, found: Match, former: Sequence[Live]) -> str:
        names = ", ".join(map(label, former))
        return (
            f"{found.by} {found.desired.identity[found.by]} is agent {label(found.live)}, and at "
            f"the last apply this was {names}, who is still there. Declare `{self.pin}` to say who "
            f"it is."
        )

    def by_shared(self, shared: Identifier, *, finding: bool) -> None:
        asking: dict[str, list[Desired]] = defaultdict(list)
        left = []
        for desired in self.left:
            value = desired.identity.get(shared.name)
            if value is None:
                left.append(desired)
            else:
                asking[shared.canonical(value)].append(desired)
        if not asking:
            return
        index: dict[str, list[Live]] = defaultdict(list)
        for live in self.listing.agents:
            value = live.identity.get(shared.name)
            if value is not None:
                index[shared.canonical(value)].append(live)
        for form, askers in asking.items():
            holders = index.get(form, [])
            for desired in askers:
                reason = self.why_not(shared, desired, askers, holders, finding=finding)
                if reason:
                    self.conflict(desired, reason, holders)
                elif holders:
                    self.claims[holders[0].id].append(Match(desired, holders[0], shared.name))
                else:
                    left.append(desired)
        self.left = sorted(left, key=_order)

    def why_not(
        self,
        shared: Identifier,
        desired: Desired,
        askers: Sequence[Desired],
        holders: Sequence[Live],
        *,
        finding: bool,
    ) -> str | None:
        """Why this shared value does not say who the agent is; None if it does, or fits nobody."""
        said = f"{shared.name} {desired.identity[shared.name]}"
        own = desired.identity.get(self.handle) if self.handle else None
        if len(askers) > 1 and (holders or self.creating):
            others = ", ".join(f"{each.key} ({each.source})" for each in askers if each != desired)
            return f"{said} is declared for {others} too, so it does not say who this is."
        if not holders:
            return None
        if not self.listing.complete:
            return f"{said} may fit more agents than the portal listed. Declare `{self.pin}`."
        if len(holders) > 1:
            names = ", ".join(map(label, holders))
            return f"{said} fits {len(holders)} agents: {names}. Declare `{self.pin}` to say which."
        return self.why_not_this(said, holders[0], own, finding=finding)

    def why_not_this(
        self, said: str, live: Live, own: Scalar | None, *, finding: bool
    ) -> str | None:
        """Why the only agent that a shared value fits is not the one; None if it is. `own` is the
        external id that is declared: an agent who has it already was linked by us."""
        other = live.identity.get(self.handle) if self.handle else None
        claim = self.claims.get(live.id)
        if other is not None and other != own:
            said += f" belongs to {label(live)}, who has the {self.handle} {other}."
        elif claim:
            return (
                f"{said} belongs to {label(live)}, whom {claim[0].desired.source} declares "
                f"as {claim[0].desired.key}."
            )
        elif finding:
            return None
        else:
            said += f" belongs to {label(live)}."
        return f"{said} If this is the same person, declare `{self.pin}: {live.id}`."

    def sole(self, claim: list[Match]) -> list[Match]:
        """The one match of a live agent; several declared agents for one person are conflicts."""
        if len(claim) == 1:
            return claim
        for found in claim:
            others = ", ".join(
                f"{each.desired.key} ({each.desired.source})" for each in claim if each is not found
            )
            self.conflict(
                found.desired,
                f"is agent {label(found.live)} by {_by(found)}, and so is {others}. "
                f"One live agent is declared once.",
                [found.live],
            )
        return []


def _by(found: Match) -> str:
    return "the last apply" if found.by == MEMORY else found.by


def _order(desired: Desired) -> tuple[str, int, int]:
    return (desired.source.file, desired.source.line, desired.source.column)
