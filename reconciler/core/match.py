"""Matching: which live agent each declared agent is, and where that cannot be determined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from reconciler.core import names, spelling
from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import Identifier, Rule
from reconciler.core.model import (
    Candidate,
    Conflict,
    Desired,
    Listing,
    Live,
    Match,
    PortalState,
    Scalar,
)
from reconciler.core.people import People, by_identifier
from reconciler.core.state import former

LEDGER = "ledger"
"""`Match.by` of an agent that only the ledger identifies."""
NAMED = 10
"""The most agents that a message names."""


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of each declared agent: matched, absent, or in conflict.

    `former` has, by key, the live agents that were matched under that key in an earlier apply.
    """

    matches: tuple[Match, ...]
    absent: tuple[Desired, ...]
    conflicts: tuple[Conflict, ...]
    former: Mapping[str, Sequence[Live]]


def match(
    desired: Sequence[Desired], listing: Listing, prior: PortalState, catalogue: Catalogue
) -> Matching:
    """Find the live agent of each declared agent.

    A declared pin decides alone. A declared key that no live agent has but that resembles a live
    agent's is a conflict. The other identifiers follow in the policy's order, each for all agents
    before the next, so that a shared value never takes an agent that another file's key matches. A
    key whose holder has another name and phone is a conflict if another live agent has one of
    those. If the policy allows creations, a shared value outside the order still prevents one,
    since the person may exist already. If the policy recalls, the ledger matches the agents that
    are left, and a key that contradicts it is a conflict.
    """
    return _Matcher(desired, listing, catalogue, former(prior, listing)).run()


def is_linked(found: Match, handle: str | None) -> bool:
    """Whether the live agent has the declared external id, or none is declared."""
    wants = found.desired.identity.get(handle) if handle else None
    return wants is None or (handle is not None and found.live.identity.get(handle) == wants)


def candidate(live: Live, handle: str | None) -> Candidate:
    """A live agent as a candidate of a conflict; `handle` is the external id's name."""
    external = live.identity.get(handle) if handle else None
    return Candidate(live.id, live.name, None if external is None else str(external))


def label(live: Live) -> str:
    """`15 Ivan Petrov`: a live agent in a sentence."""
    return f"{live.id} {live.name}".rstrip()


def labels(agents: Collection[Live]) -> str:
    """Several live agents in a sentence."""
    return _first(map(label, agents), len(agents))


def _first(names: Iterable[str], count: int) -> str:
    """The first of `count` names, and how many more there are: an office may share one phone."""
    first = list(islice(names, NAMED))
    rest = [f"{count - NAMED} more"] if count > NAMED else []
    return ", ".join([*first, *rest])


class _Matcher:
    """One matching in progress: `left` has the agents not yet matched, `claims` the matches of each
    live agent."""

    def __init__(
        self,
        desired: Sequence[Desired],
        listing: Listing,
        catalogue: Catalogue,
        former: Mapping[str, Sequence[Live]],
    ) -> None:
        self.listing = listing
        self.catalogue = catalogue
        self.former = former
        self.people = People(listing.agents, catalogue.identifiers)
        self.left = list(desired)
        self.claims: dict[Scalar, list[Match]] = defaultdict(list)
        self.conflicts: list[Conflict] = []

    def run(self) -> Matching:
        identifiers = {each.name: each for each in self.catalogue.identifiers}
        policy = self.catalogue.policy
        for each in self.with_rule("pin"):
            self.match_pin(each)
        for each in self.with_rule("key"):
            self.refuse_resembling(each)
        for name in policy.order:
            each = identifiers[name]
            if each.rule == "key":
                self.match_key(each)
            elif each.rule == "shared":
                self.match_shared(each, matching=True)
        if policy.recall:
            self.match_ledger()
        for each in self.with_rule("shared"):
            if each.name not in policy.order and policy.create:
                self.match_shared(each, matching=False)
        matches = [found for claim in self.claims.values() for found in self.unique(claim)]
        return Matching(
            tuple(sorted(matches, key=lambda found: _order(found.desired))),
            tuple(self.left),
            tuple(self.conflicts),
            self.former,
        )

    def with_rule(self, rule: Rule) -> list[Identifier]:
        return [each for each in self.catalogue.identifiers if each.rule == rule]

    def claim(self, desired: Desired, live: Live, by: str) -> None:
        self.claims[live.id].append(Match(desired, live, by))

    def conflict(self, desired: Desired, reason: str, agents: Iterable[Live] = ()) -> None:
        candidates = tuple(candidate(live, self.catalogue.handle) for live in agents)
        self.conflicts.append(
            Conflict(desired.portal, desired.key, desired.source, reason, candidates)
        )

    # -- by the portal's own id -----------------------------------------------------------------

    def match_pin(self, pin: Identifier) -> None:
        agents = {pin.canonical(live.id): live for live in self.listing.agents}
        left = []
        for desired in self.left:
            value = desired.identity.get(pin.name)
            if value is None:
                left.append(desired)
            elif live := agents.get(pin.canonical(value)):
                self.claim(desired, live, pin.name)
            else:
                self.conflict(desired, self.unknown_pin(pin, value))
        self.left = left

    def unknown_pin(self, pin: Identifier, value: Scalar) -> str:
        if not self.listing.complete:
            return (
                f"no agent with {pin.spelling} {value} in the incomplete list that the portal "
                f"returned. Run again later."
            )
        return (
            f"no agent in the agency has {pin.spelling} {value}. Check the {pin.spelling}. If the "
            f"agent has left, delete the file; if they are new, invite them on the portal."
        )

    # -- by a key -------------------------------------------------------------------------------

    def match_key(self, key: Identifier) -> None:
        index = by_identifier(self.listing.agents, key)
        left = []
        for desired in self.left:
            value = desired.identity.get(key.name)
            holders = index.get(key.canonical(value), []) if value is not None else []
            if len(holders) > 1:
                reason = f"several live agents have {key.name} {value}: {labels(holders)}."
                self.conflict(desired, reason, holders)
            elif not holders or self.is_given_up(key, holders[0]):
                left.append(desired)
            elif not self.refuse_reused(key, desired, holders[0]):
                self.claim(desired, holders[0], key.name)
        self.left = left

    def is_given_up(self, key: Identifier, holder: Live) -> bool:
        """Whether a file pins the holder of a key and declares another key for it."""
        if key.moves is None:
            return False
        return any(
            (other := claim.desired.identity.get(key.name)) is not None
            and key.canonical(other) != key.canonical(holder.identity[key.name])
            for claim in self.claims.get(holder.id, ())
        )

    def refuse_reused(self, key: Identifier, desired: Desired, holder: Live) -> bool:
        """Add a conflict if the file describes another person than the holder of its key, and one
        that the portal has: the key was reused. Returns whether it did."""
        if not self.people.contradict(desired, holder):
            return False
        similar = {
            what: [each for each in agents if each.id != holder.id]
            for what, agents in self.people.similar(desired).items()
        }
        others = {each.id: each for agents in similar.values() for each in agents}
        if not others:
            return False
        pin, first = self.catalogue.pin, next(iter(others.values()))
        common = [what for what, agents in similar.items() if agents]
        verb = "belongs" if len(common) == 1 else "belong"
        reason = (
            f"{key.name} {desired.identity[key.name]} matches agent {label(holder)}, whose name "
            f"and phone differ from those in the file: {' and '.join(common)} {verb} to "
            f"{labels(others.values())}. If the file describes {label(first)}, declare "
            f"`{pin}: {first.id}`; if {label(holder)} has a new name and phone, declare "
            f"`{pin}: {holder.id}`."
        )
        self.conflict(desired, reason, (holder, *others.values()))
        return True

    def refuse_resembling(self, key: Identifier) -> None:
        """Add a conflict for each declared key that no live agent has and that differs from a live
        one only in Unicode form, letter case or whitespace: neither a match nor a new agent."""
        held = by_identifier(self.listing.agents, key)
        unknown = [
            value is not None and key.canonical(value) not in held
            for value in (desired.identity.get(key.name) for desired in self.left)
        ]
        similar = self.by_folded_key(key) if any(unknown) else {}
        left = []
        for desired, is_unknown in zip(self.left, unknown, strict=True):
            value = str(desired.identity.get(key.name))
            holders = similar.get(spelling.fold(value), []) if is_unknown else []
            if holders and not self.is_recorded(desired, holders[0]):
                self.conflict(desired, self.resemblance(key, value, holders[0]), holders)
            else:
                left.append(desired)
        self.left = left

    def by_folded_key(self, key: Identifier) -> dict[str, list[Live]]:
        """The live agents that keep their key, by what keys that look alike have in common."""
        index: dict[str, list[Live]] = defaultdict(list)
        for live in self.listing.agents:
            value = live.identity.get(key.name)
            if value is not None and not self.is_given_up(key, live):
                index[spelling.fold(str(value))].append(live)
        return index

    def is_recorded(self, desired: Desired, live: Live) -> bool:
        """Whether the ledger will match the declared agent with this live agent."""
        recorded = self.former.get(desired.key, ()) if self.catalogue.policy.recall else ()
        return any(each.id == live.id for each in recorded)

    def resemblance(self, key: Identifier, value: str, live: Live) -> str:
        held = str(live.identity[key.name])
        return (
            f"{key.name} “{value}” only resembles “{held}” of agent {label(live)}: "
            f"{spelling.difference(value, held)}. If this is the same person, copy the "
            f"{key.name} from the portal, or declare `{self.catalogue.pin}: {live.id}` to change "
            f"it there; otherwise use another {key.name}."
        )

    # -- by the ledger --------------------------------------------------------------------------

    def match_ledger(self) -> None:
        """Match the agents that are left with the live agent recorded under their key. A key that
        matches another agent while the recorded one still exists is a conflict."""
        if not self.former:
            return
        self.check_keys()
        left = []
        for desired in self.left:
            recorded = self.former.get(desired.key, ())
            if len(recorded) != 1:
                left.append(desired)
            elif self.has_another_name(desired, recorded[0]):
                self.conflict(desired, self.another_person(recorded[0]), recorded)
            else:
                self.claim(desired, recorded[0], LEDGER)
        self.left = left

    @staticmethod
    def has_another_name(desired: Desired, recorded: Live) -> bool:
        name = desired.values.get("name", recorded.name)
        return name != recorded.name and not names.same_name(str(name), recorded.name)

    def check_keys(self) -> None:
        for live_id, claim in self.claims.items():
            for found in [each for each in claim if self.catalogue.rule(each.by) != "pin"]:
                recorded = self.former.get(found.desired.key, ())
                if recorded and live_id not in {live.id for live in recorded}:
                    claim.remove(found)
                    agents = (found.live, *recorded)
                    self.conflict(found.desired, self.contradiction(found, recorded), agents)

    def another_person(self, recorded: Live) -> str:
        return (
            f"was agent {label(recorded)} at the last apply, but now the name and everything that "
            f"identifies the agent differ. If it is the same person, declare "
            f"`{self.catalogue.pin}: {recorded.id}`; otherwise use another externalId."
        )

    def contradiction(self, found: Match, recorded: Sequence[Live]) -> str:
        value = found.desired.identity[found.by]
        return (
            f"{found.by} {value} matches agent {label(found.live)}, but at the last apply this was "
            f"{labels(recorded)}, who still exists. Declare `{self.catalogue.pin}` to decide."
        )

    # -- by a value that several people may share -----------------------------------------------

    def match_shared(self, shared: Identifier, *, matching: bool) -> None:
        """Match by a shared value; without `matching`, only look for conflicts."""
        claimants: dict[str, list[Desired]] = defaultdict(list)
        left = []
        for desired in self.left:
            value = desired.identity.get(shared.name)
            if value is None:
                left.append(desired)
            else:
                claimants[shared.canonical(value)].append(desired)
        if not claimants:
            return
        index = by_identifier(self.listing.agents, shared)
        for canonical, group in claimants.items():
            holders = index.get(canonical, [])
            for desired in group:
                reason = self.why_ambiguous(shared, desired, group, holders, matching=matching)
                if reason:
                    self.conflict(desired, reason, holders)
                elif holders:
                    self.claim(desired, holders[0], shared.name)
                else:
                    left.append(desired)
        self.left = sorted(left, key=_order)

    def why_ambiguous(
        self,
        shared: Identifier,
        desired: Desired,
        group: Sequence[Desired],
        holders: Sequence[Live],
        *,
        matching: bool,
    ) -> str | None:
        """Why a shared value does not identify the agent; None if it does, or no one has it."""
        value = f"{shared.name} {desired.identity[shared.name]}"
        if len(group) > 1 and (holders or self.catalogue.policy.create):
            others = (f"{each.key} ({each.source})" for each in group if each is not desired)
            named = _first(others, len(group) - 1)
            return f"{value} is also declared for {named}, so it does not identify the agent."
        if not holders:
            return None
        if not self.listing.complete:
            return (
                f"{value} may match agents missing from the incomplete list that the portal "
                f"returned. Declare `{self.catalogue.pin}`."
            )
        if len(holders) > 1:
            return (
                f"{value} matches {len(holders)} agents: {labels(holders)}. "
                f"Declare `{self.catalogue.pin}` to choose one."
            )
        return self.why_not(value, holders[0], desired, matching=matching)

    def why_not(self, value: str, holder: Live, desired: Desired, *, matching: bool) -> str | None:
        """Why the only agent with a shared value is not the declared one; None if it is."""
        handle, pin = self.catalogue.handle, self.catalogue.pin
        external = self.catalogue.external_id(holder.identity)
        own = self.catalogue.external_id(desired.identity)
        claim = self.claims.get(holder.id)
        same = f"If this is the same person, declare `{pin}: {holder.id}`."
        if external is not None and external != own:
            return f"{value} belongs to {label(holder)}, who has {handle} {external}. {same}"
        if claim:
            other = claim[0].desired
            return f"{value} belongs to {label(holder)}, declared as {other.key} ({other.source})."
        return None if matching else f"{value} belongs to {label(holder)}. {same}"

    # -- the result -----------------------------------------------------------------------------

    def unique(self, claim: list[Match]) -> list[Match]:
        """The match of a live agent; several declared agents for one are conflicts."""
        if len(claim) == 1:
            return claim
        verb, files = ("does", "Two files") if len(claim) == 2 else ("do", "Several files")
        for found in claim:
            others = ", ".join(
                f"{each.desired.key} ({each.desired.source})" for each in claim if each is not found
            )
            by = "the ledger" if found.by == LEDGER else found.by
            reason = (
                f"matches agent {label(found.live)} by {by}, and so {verb} {others}. {files} match "
                f"one agent: declare each live agent once."
            )
            self.conflict(found.desired, reason, [found.live])
        return []


def _order(desired: Desired) -> tuple[str, int, int]:
    return (desired.source.file, desired.source.line, desired.source.column)
