"""Checks of the portals' own storage, after any apply and after a clean one."""

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
"""The live id of each declared agent, by portal and key."""


@dataclass(frozen=True)
class Portals:
    """The portals' own storage, behind their API."""

    state: State

    def truth(self) -> Truth:
        """All agents as they are now, in new objects each time."""
        return {
            "rentix": {each.id: each for each in self.state.store.agents()},
            "propertyfinder": {each.id: each for each in self.state.propertyfinder.users.all()},
        }

    def importing(self) -> bool:
        """Whether a picture is being imported and will arrive."""
        mine = self.state.propertyfinder
        users = () if mine.readings.picture_import == "never" else mine.users.all()
        return bool(self.state.store.importing()) or any(
            user.picture_pending is not None for user in users
        )

    def list_all(self) -> None:
        """Read both lists to the end, as someone else would."""
        state = self.state
        last = str(max(1, -(-len(state.store) // state.limits.page_size)))
        rentix.Calls(state).list(Call("GET", "", (), {"page": last}, None))
        propertyfinder.Calls(state).list(Call("GET", "", (), {}, None))

    @property
    def reading(self) -> Any:
        """Rentix's reading."""
        return self.state.readings

    @property
    def pf_reading(self) -> Any:
        """Property Finder's reading."""
        return self.state.propertyfinder.readings


def check_claims(portals: Portals, report: Report) -> None:
    """What the report calls applied is what the portal has."""
    truth = portals.truth()
    for _, outcome in report.outcomes:
        operation = outcome.operation
        if outcome.status != "applied":
            continue
        where = f"claimed: {operation.name} of {outcome.id} on {operation.portal}"
        found = truth[operation.portal].get(outcome.id)  # type: ignore[call-overload]
        assert found is not None, f"{where}: there is no such agent"
        try:
            if operation.verb == "link":
                assert found.external_id == operation.external_id
            elif operation.verb == "unlink":
                assert found.external_id != unlinked(operation)
            else:
                _check_values(portals, operation, found)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error} {operation.values} {found}") from error


def unlinked(operation: Operation) -> str | None:
    """The external id that an unlink takes away."""
    return operation.external_id


def _check_values(portals: Portals, operation: Operation, found: Any) -> None:
    """An agent has an operation's values."""
    if operation.portal == "rentix":
        if portals.reading.strings == "kept":
            rentix_truth.declared_is_true(operation.values, found, portals.reading)
    elif portals.pf_reading.strings == "kept":
        wanted = set_at_once(operation.values, portals.pf_reading)
        propertyfinder_truth.declared_is_true(wanted, found, portals.pf_reading, operation.name)


def set_at_once(wanted: Mapping[str, Any], reading: Any) -> dict[str, Any]:
    """The values that are set right after an apply on Property Finder: a picture may arrive later,
    and a role has a number."""
    wanted = dict(wanted)
    if wanted.get("roleId") == "Agent":
        wanted["roleId"] = 3
    wanted.pop("avatar", None)
    return wanted


def check_others(portals: Portals, files: Files, before: Truth) -> None:
    """Agents that no file declares are as before the round, and no agent was created twice."""
    truth = portals.truth()
    for portal, agents in before.items():
        for number, agent in agents.items():
            if not files.declare(portal, agent):
                found = truth[portal][number]
                assert without_picture(found) == without_picture(agent), (
                    f"no file declares {portal} {number}: {agent} became {found}"
                )
    for portal, agents in truth.items():
        new = [agent for number, agent in agents.items() if number not in before[portal]]
        for agent in new:
            assert files.create(portal, agent), f"created without a file: {portal} {agent}"
        keys = [creation_key(agent) for agent in new]
        assert len(keys) == len(set(keys)), f"created twice: {keys}"


def creation_key(agent: Any) -> str:
    """What a new agent was created under."""
    return str(agent.external_id if isinstance(agent, Agent) else agent.email.lower())


def without_picture(agent: Any) -> Any:
    """An agent without its picture: one that was being imported before the round may arrive."""
    if isinstance(agent, Agent):
        return replace(agent, avatar=None, avatar_source=None, avatar_pending=None)
    profile = agent.profile and {**agent.profile, "imageVariants": None}
    return replace(agent, profile=profile, picture_source=None, picture_pending=None, pictures=0)


@dataclass(frozen=True)
class Files:
    """The agents that the files of this and earlier rounds may be about."""

    declared: list[dict[str, Any]]
    removed: bool
    ours: frozenset[tuple[str, int]]

    def declare(self, portal: str, agent: Any) -> bool:
        """Whether a file is, or was, about this agent."""
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
    """The digits of a phone."""
    return "".join(filter(str.isdigit, phone))


def check_result(
    portals: Portals, plan: Plan, matches: Matches, declared: list[dict[str, Any]], before: Truth
) -> None:
    """After a clean apply, declared values are set and everything else is as before the round.
    `matches` has the live id of each declared agent, by portal and key; agents that wait or are in
    conflict are not checked."""
    truth = portals.truth()
    skipped = {(each.portal, each.key) for each in plan.conflicts} | set(plan.waiting)
    for each in declared:
        key = each.get("externalId") or f"id:{each['id']}"
        for portal in ("rentix", "propertyfinder"):
            if (portal, key) in skipped or (portal == "propertyfinder" and portal not in each):
                continue
            number = matches.get((portal, key))
            where = f"{portal} {key} {number}"
            if number is None and each.get(portal, {}).get("status") == "inactive":
                continue  # an inactive agent is not created
            assert number is not None, f"{where}: no such agent, and the plan is empty"
            after = truth[portal][number]
            was = before[portal].get(number)
            try:
                if portal == "rentix":
                    _check_rentix(portals, each, was, after)
                else:
                    _check_propertyfinder(portals, each, was, after, where)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}: {each}, {was} became {after}") from error


def _check_rentix(portals: Portals, each: Mapping[str, Any], was: Any, after: Any) -> None:
    assert after.external_id == each.get("externalId", was and was.external_id)
    assert after.id == each.get("id", after.id)
    if portals.reading.strings == "kept":
        rentix_truth.declared_is_true(each, after, portals.reading)
    if was is not None:
        named = each if "avatar" in each or was.avatar_pending is None else {**each, "avatar": ...}
        rentix_truth.undeclared_is_kept(named, was, after, portals.reading)


def _check_propertyfinder(
    portals: Portals, each: Mapping[str, Any], was: Any, after: Any, where: str
) -> None:
    wanted, reading = propertyfinder_truth.wishes(each), portals.pf_reading
    if reading.strings == "kept":
        propertyfinder_truth.declared_is_true(set_at_once(wanted, reading), after, reading, where)
    if was is not None:
        late = {"avatar": ...} if was.picture_pending else {}
        propertyfinder_truth.undeclared_is_untouched(late | wanted, was, after, reading, where)
