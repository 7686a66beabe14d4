"""Checks of the portals' own storage, after any apply and after a clean one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import propertyfinder_truth
import rentix_truth

from reconciler.core.model import Operation, Plan, Report
from reconciler.sandbox import rentix
from reconciler.sandbox.agent import Agent
from reconciler.sandbox.faults import Edit
from reconciler.sandbox.propertyfinder import calls as propertyfinder
from reconciler.sandbox.state import Call, State

if TYPE_CHECKING:
    from campaign.excuses import Excuses

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

    def save(self, portal: str, agent: Any) -> None:
        """Store an agent, as a person's edit does."""
        store: Any = self.state.store if portal == "rentix" else self.state.propertyfinder.users
        store.save(agent)

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
        for status in ("active", "inactive"):
            propertyfinder.Calls(state).list(Call("GET", "", (), {"status": status}, None))

    @property
    def reading(self) -> Any:
        """Rentix's reading."""
        return self.state.readings

    @property
    def pf_reading(self) -> Any:
        """Property Finder's reading."""
        return self.state.propertyfinder.readings


def check_claims(
    portals: Portals,
    report: Report,
    excuses: Excuses,
    edits: Sequence[Edit],
    lost: Container[tuple[str, Any]],
) -> None:
    """What the report calls applied is what the portal has, unless a person changed it in one of
    these edits, or it was `lost` and the report says that it was not verified."""
    truth = portals.truth()
    for _, outcome in report.outcomes:
        operation = outcome.operation
        who = (operation.portal, outcome.id)
        if outcome.status != "applied" or excuses.is_misdirected(*who) or who in lost:
            continue
        where = f"claimed: {operation.name} of {outcome.id} on {operation.portal}"
        found = truth[operation.portal].get(outcome.id)  # type: ignore[call-overload]
        assert found is not None, f"{where}: there is no such agent"
        given = {"externalId": operation.external_id, **operation.values}
        values = excuses.expected(operation.portal, operation.key, outcome.id, given, edits)
        linked = values.pop("externalId", ...)
        try:
            if operation.verb == "link":
                assert linked in (..., found.external_id)
            elif operation.verb == "unlink":
                assert linked != found.external_id
            else:
                _check_values(portals, operation, values, found)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error} {operation.values} {found}") from error


def _check_values(
    portals: Portals, operation: Operation, values: Mapping[str, Any], found: Any
) -> None:
    """An agent has these values of an operation."""
    if operation.portal == "rentix":
        if portals.reading.strings == "kept":
            rentix_truth.declared_is_true(values, found, portals.reading)
    elif portals.pf_reading.strings == "kept":
        wanted = set_at_once(values, portals.pf_reading)
        propertyfinder_truth.declared_is_true(wanted, found, portals.pf_reading, operation.name)


def set_at_once(wanted: Mapping[str, Any], reading: Any) -> dict[str, Any]:
    """The values that are set right after an apply on Property Finder: a picture may arrive later,
    and a role has a number."""
    wanted = dict(wanted)
    if wanted.get("roleId") == "Agent":
        wanted["roleId"] = 3
    wanted.pop("avatar", None)
    return wanted


def check_others(
    portals: Portals, files: Files, excuses: Excuses, known: Container[tuple[str, int]] | None
) -> None:
    """Agents that no file declares are as before the round, except for what people edited, and no
    agent was created twice. An agent that lists may have omitted can be created once more, unless
    it is in `known` (None: lists were whole)."""
    truth, before = portals.truth(), excuses.baseline
    for portal, agents in before.items():
        for number, agent in agents.items():
            if not files.declare(portal, agent) and not excuses.is_relinked(portal, number):
                found = truth[portal][number]
                assert without_picture(found) == without_picture(agent), (
                    f"no file declares {portal} {number}: {agent} became {found}"
                )
    for portal, agents in truth.items():
        new = [
            agent
            for number, agent in agents.items()
            if number not in before[portal] and not excuses.is_relinked(portal, number)
        ]
        for agent in new:
            assert files.create(portal, agent), f"created without a file: {portal} {agent}"
            others = [
                each
                for number, each in before[portal].items()
                if known is None or (portal, number) in known
            ]
            assert not is_twin(agent, others), f"existed before: {agent}"
        keys = [creation_key(agent) for agent in new]
        assert len(keys) == len(set(keys)), f"created twice: {keys}"


def is_twin(new: Any, before: Iterable[Any]) -> bool:
    """Whether a new agent of Rentix is one that existed: it has the phone of one."""
    return isinstance(new, Agent) and digits(new.phone) in {digits(each.phone) for each in before}


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


def check_declared(
    portals: Portals,
    declared: list[dict[str, Any]],
    matches: Matches,
    excuses: Excuses,
    edits: Sequence[Edit],
) -> None:
    """Each declared agent that has a live one has its declared values, except for what people
    changed in these edits and what was reported as not taken."""
    truth = portals.truth()
    for each in declared:
        for portal, number in _matched(each, matches):
            if excuses.is_misdirected(portal, number) or number not in truth[portal]:
                continue
            found, key = truth[portal][number], key_of(each)
            try:
                if portal == "rentix":
                    wanted = excuses.expected(portal, key, number, each, edits)
                    linked = wanted.get("externalId", found.external_id)
                    assert (number, found.external_id) == (each.get("id", number), linked)
                    if portals.reading.strings == "kept":
                        rentix_truth.declared_is_true(wanted, found, portals.reading)
                elif portals.pf_reading.strings == "kept":
                    wanted = propertyfinder_truth.wishes(each)
                    wanted = excuses.expected(portal, key, number, wanted, edits)
                    propertyfinder_truth.declared_is_true(
                        set_at_once(wanted, portals.pf_reading), found, portals.pf_reading, portal
                    )
            except AssertionError as error:
                message = f"{portal} {key} {number}: {error}: {each} is {found}"
                raise AssertionError(message) from error


def key_of(each: Mapping[str, Any]) -> str:
    """The key of a declared agent."""
    return each.get("externalId") or f"id:{each['id']}"


def _matched(each: Mapping[str, Any], matches: Matches) -> list[tuple[str, int]]:
    """The live agents of a declared one, by portal."""
    found = [
        (portal, matches.get((portal, key_of(each)))) for portal in ("rentix", "propertyfinder")
    ]
    return [(portal, number) for portal, number in found if number is not None]


def check_kept(
    portals: Portals, declared: list[dict[str, Any]], matches: Matches, excuses: Excuses
) -> None:
    """What the file of an agent does not declare is as before the round, except for what people
    edited."""
    truth = portals.truth()
    for each in declared:
        for portal, number in _matched(each, matches):
            was, after = excuses.baseline[portal].get(number), truth[portal][number]
            if was is None or excuses.is_relinked(portal, number):
                continue
            where = f"{portal} {key_of(each)} {number}"
            try:
                if portal == "rentix":
                    late = {"avatar": ...} if was.avatar_pending is not None else {}
                    rentix_truth.undeclared_is_kept({**late, **each}, was, after, portals.reading)
                    assert "externalId" in each or after.external_id == was.external_id
                else:
                    late = {"avatar": ...} if was.picture_pending else {}
                    wanted = late | propertyfinder_truth.wishes(each)
                    propertyfinder_truth.undeclared_is_untouched(
                        wanted, was, after, portals.pf_reading, where
                    )
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}: {each}, {was} became {after}") from error


def check_present(plan: Plan, matches: Matches, declared: list[dict[str, Any]]) -> None:
    """After a clean apply, each declared agent has a live one, unless it waits or is in conflict,
    or would be created inactive."""
    skipped = {(each.portal, each.key) for each in plan.conflicts} | set(plan.waiting)
    for each in declared:
        for portal in ("rentix", "propertyfinder"):
            who = (portal, key_of(each))
            if who in skipped or (portal == "propertyfinder" and portal not in each):
                continue
            if each.get(portal, {}).get("status") != "inactive":
                assert who in matches, f"{who}: no such agent, and the plan is empty"
