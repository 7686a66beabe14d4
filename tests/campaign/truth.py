"""Whether the portals' own state is as it has to be: after any apply, and after a clean one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import propertyfinder_truth
import rentix_truth

from reconciler.core.model import Operation, Plan, Report
from reconciler.sandbox import rentix
from reconciler.sandbox.agent import Agent
from reconciler.sandbox.propertyfinder import calls as propertyfinder
from reconciler.sandbox.state import Call, State

Truth = Mapping[str, Mapping[int, Any]]
"""All agents of the portals, by portal and id."""
Matches = Mapping[tuple[str, str], int]
"""Who each declared agent is, by portal and key."""


@dataclass(frozen=True)
class Portals:
    """The portals themselves, behind what they show."""

    state: State

    def truth(self) -> Truth:
        """All that they have, as it is now: each look gives objects of its own."""
        return {
            "rentix": {each.id: each for each in self.state.store.agents()},
            "propertyfinder": {each.id: each for each in self.state.propertyfinder.users.all()},
        }

    def importing(self) -> bool:
        """Whether a picture is under way that will come."""
        mine = self.state.propertyfinder
        users = () if mine.readings.picture_import == "never" else mine.users.all()
        return bool(self.state.store.importing()) or any(
            user.picture_pending is not None for user in users
        )

    def look(self) -> None:
        """Somebody reads both lists to their end."""
        state = self.state
        last = str(max(1, -(-len(state.store) // state.limits.page_size)))
        rentix.Calls(state).list(Call("GET", "", (), {"page": last}, None))
        propertyfinder.Calls(state).list(Call("GET", "", (), {}, None))

    @property
    def reading(self) -> Any:
        """Rentix's readings."""
        return self.state.readings

    @property
    def pf_reading(self) -> Any:
        """Property Finder's readings."""
        return self.state.propertyfinder.readings


def claims_are_true(portals: Portals, report: Report) -> None:
    """What the report says is applied is what the portal has."""
    truth = portals.truth()
    for _, outcome in report.outcomes:
        operation = outcome.operation
        if outcome.status != "applied":
            continue
        where = f"claimed: {operation.name} of {outcome.id} on {operation.portal}"
        found = truth[operation.portal].get(outcome.id)  # type: ignore[call-overload]
        assert found is not None, f"{where}: there is nobody"
        try:
            if operation.verb == "link":
                assert found.external_id == operation.external_id
            elif operation.verb == "unlink":
                assert found.external_id != unlinked(operation)
            else:
                _has(portals, operation, found)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error} {operation.values} {found}") from error


def unlinked(operation: Operation) -> str | None:
    """The external id that an unlink takes away."""
    return operation.external_id


def _has(portals: Portals, operation: Operation, found: Any) -> None:
    """An agent has an operation's values."""
    if operation.portal == "rentix":
        if portals.reading.strings == "kept":
            rentix_truth.declared_is_true(operation.values, found, portals.reading)
    elif portals.pf_reading.strings == "kept":
        wanted = at_once(operation.values, portals.pf_reading)
        propertyfinder_truth.declared_is_true(wanted, found, portals.pf_reading, operation.name)


def at_once(wanted: Mapping[str, Any], reading: Any) -> dict[str, Any]:
    """What is to be true on Property Finder now: a picture may come later, and a role has a
    number."""
    wanted = dict(wanted)
    if wanted.get("roleId") == "Agent":
        wanted["roleId"] = 3
    wanted.pop("avatar", None)
    return wanted


def nobody_else(portals: Portals, files: Files, before: Truth) -> None:
    """Whom no file means is as before the round; and nobody is there twice."""
    truth = portals.truth()
    for portal, agents in before.items():
        for number, agent in agents.items():
            if not files.mean(portal, agent):
                found = truth[portal][number]
                assert without_picture(found) == without_picture(agent), (
                    f"nobody declares {portal} {number}: {agent} became {found}"
                )
    for portal, agents in truth.items():
        new = [agent for number, agent in agents.items() if number not in before[portal]]
        for agent in new:
            assert files.create(portal, agent), f"made without a file: {portal} {agent}"
        keys = [name_of(agent) for agent in new]
        assert len(keys) == len(set(keys)), f"made twice: {keys}"


def name_of(agent: Any) -> str:
    """What a new agent was made under."""
    return str(agent.external_id if isinstance(agent, Agent) else agent.email.lower())


def without_picture(agent: Any) -> Any:
    """An agent but for the picture: one that was under way before the round may come meanwhile."""
    if isinstance(agent, Agent):
        return replace(agent, avatar=None, avatar_source=None, avatar_pending=None)
    profile = agent.profile and {**agent.profile, "imageVariants": None}
    return replace(agent, profile=profile, picture_source=None, picture_pending=None, pictures=0)


@dataclass(frozen=True)
class Files:
    """Whom the files of a round, and of those before it, can mean."""

    declared: list[dict[str, Any]]
    removed: bool
    ours: frozenset[tuple[str, int]]

    def mean(self, portal: str, agent: Any) -> bool:
        """Whether a file may be about this agent, or was and is no more."""
        if self.removed and (portal, agent.id) in self.ours:
            return True
        if portal == "rentix":
            return any(
                each.get("id") == agent.id
                or (agent.external_id is not None and each.get("externalId") == agent.external_id)
                or digits(each.get("phone", "-")) == digits(agent.phone)
                for each in self.declared
            )
        sections = [each["propertyfinder"] for each in self.declared if "propertyfinder" in each]
        return (portal, agent.id) in self.ours or any(
            each.get("id") == agent.id or each["email"].lower() == agent.email.lower()
            for each in sections
        )

    def create(self, portal: str, agent: Any) -> bool:
        """Whether a file asks for this new agent."""
        if portal == "rentix":
            return any(each.get("externalId") == agent.external_id for each in self.declared)
        return any(
            each["propertyfinder"]["email"].lower() == agent.email.lower()
            for each in self.declared
            if "propertyfinder" in each
        )


def digits(phone: str) -> str:
    """A phone without what separates."""
    return "".join(filter(str.isdigit, phone))


def is_standing(
    portals: Portals, plan: Plan, matches: Matches, declared: list[dict[str, Any]], before: Truth
) -> None:
    """After a clean apply declared is true, and all else is as it was before the round.

    `matches` says who each declared agent is by now, by portal and key; who is in conflict, or
    waits, has no part in it.
    """
    truth = portals.truth()
    aside = {(each.portal, each.key) for each in plan.conflicts} | set(plan.waiting)
    for each in declared:
        key = each.get("externalId") or f"id:{each['id']}"
        for portal in ("rentix", "propertyfinder"):
            if (portal, key) in aside or (portal == "propertyfinder" and portal not in each):
                continue
            number = matches.get((portal, key))
            where = f"{portal} {key} {number}"
            if number is None and each.get(portal, {}).get("status") == "inactive":
                continue  # nobody is made to be off all listings
            assert number is not None, f"{where}: nobody is that, and the plan is empty"
            after = truth[portal][number]
            was = before[portal].get(number)
            try:
                if portal == "rentix":
                    _stands(portals, each, was, after)
                else:
                    _stands_on_propertyfinder(portals, each, was, after, where)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}: {each}, {was} became {after}") from error


def _stands(portals: Portals, each: Mapping[str, Any], was: Any, after: Any) -> None:
    assert after.external_id == each.get("externalId", was and was.external_id)
    assert after.id == each.get("id", after.id)
    if portals.reading.strings == "kept":
        rentix_truth.declared_is_true(each, after, portals.reading)
    if was is not None:
        named = each if "avatar" in each or was.avatar_pending is None else {**each, "avatar": ...}
        rentix_truth.undeclared_is_kept(named, was, after, portals.reading)


def _stands_on_propertyfinder(
    portals: Portals, each: Mapping[str, Any], was: Any, after: Any, where: str
) -> None:
    wanted, reading = propertyfinder_truth.wishes(each), portals.pf_reading
    if reading.strings == "kept":
        propertyfinder_truth.declared_is_true(at_once(wanted, reading), after, reading, where)
    if was is not None:
        late = {"avatar": ...} if was.picture_pending else {}
        propertyfinder_truth.undeclared_is_untouched(late | wanted, was, after, reading, where)
