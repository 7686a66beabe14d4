"""One seed: a world, its files, and applies under faults, kills and interruptions until one is clean.
The invariants are checked after each of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from propertyfinder_schema import take_problems, watch

from campaign.excuses import Excuses
from campaign.neighbors import Neighbors
from campaign.remote import Remote
from campaign.simulation import Disturbance, Killed, Moment, Simulation
from campaign.truth import (
    Files,
    Matches,
    Portals,
    check_claims,
    check_declared,
    check_kept,
    check_others,
    check_present,
    key_of,
)
from campaign.worlds import World, world
from reconciler.core.address import canonical
from reconciler.core.adoption import Imported
from reconciler.core.model import Plan, PortalState, Report, Target
from reconciler.core.selection import Selection
from reconciler.engine import (
    applying,
    edits,
    importing,
    planning,
    reviewing,
    session,
    settling,
)
from reconciler.errors import AccountError, InputError, Interrupted, LockedError, PortalError
from reconciler.sandbox.agent import SOCIAL
from reconciler.sandbox.faults import KINDS, Edit, Faults
from reconciler.sandbox.faults.people import value_at, with_value
from reconciler.sandbox.gate import Gate, RefusalError
from reconciler.sandbox.server import Application
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.store import Store
from reconciler.store import ledger
from reconciler.store.file import File

FAULTY = 5
"""The most applies of a round under faults."""
MOST = FAULTY + 3
"""Applies after which one has to be clean."""
ENDED = 3
"""Of these, the number that may be ended from outside."""
PAUSES = settling.PAUSES
"""The real pauses, which other tests set to zero: here they take no time."""
PATIENCE = 160.0
"""Seconds that a run may wait at a time: what a portal may ask for, and a backoff."""
SHARES = (0.3, 0.35, 0.4)
"""The shares of requests with a fault; each seed has one of them."""
MISLEADING = {
    *("lists lag", "lists lag for seconds", "reads lag", "second node lags", "list cut short"),
    *("empty list", "edited before", "edited after", "names another agent"),
    *("another agent changed", "another agent changed and named", "another agent shown"),
}
"""Kinds of faults after which a program cannot avoid a refused request, or a clean report of what
someone else has changed."""
UNSEEN = {"avatar", "experienceSince", "nationality", "spokenLanguages"}
"""Values that a portal may not show as they were sent, or at all."""
WAITING: frozenset[str] = frozenset()
"""Kinds of faults that the program does not withstand yet."""
ENABLED = tuple(name for name in KINDS if name not in WAITING)
ALL = Selection()


@dataclass
class Result:
    """The outcome of a seed: what is wrong (empty if nothing is), figures, and a log of every
    step."""

    seed: int
    wrong: str = ""
    applies: list[int] = field(default_factory=list)
    requests: int = 0
    faulted: int = 0
    killed: int = 0
    interrupted: int = 0
    disturbed: int = 0
    overtaken: int = 0
    elsewhere: int = 0
    imported: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


def run(seed: int, kinds: Collection[str] = ENABLED) -> Result:
    """Run one seed, with faults of these kinds."""
    watch()
    result = Result(seed)
    with TemporaryDirectory() as folder:
        schedule = Schedule(seed, Path(folder), result, kinds)
        try:
            with (
                mock.patch.object(Gate, "_effect", schedule.watched(Gate._effect)),
                mock.patch.object(settling, "PAUSES", PAUSES),
            ):
                schedule.run()
            assert not (found := take_problems()), f"outside the vendor's schema: {found}"
        except AssertionError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            result.wrong = f"{error}  [{Path(where.filename).name}:{where.lineno}]"
        except Exception as error:  # noqa: BLE001 - it is the seed's, not the campaign's
            result.wrong = "".join(traceback.format_exception(error))
        finally:
            schedule.portals.state.store.close()
            schedule.neighbors.close()
        kinds = (line.partition(": ")[2] for line in schedule.faults.lines)
        result.kinds = dict(Counter(kinds))
        result.log += schedule.faults.lines
    return result


class Schedule:
    """A world, its files and its faults, and the applies so far."""

    def __init__(self, seed: int, root: Path, result: Result, kinds: Collection[str]) -> None:
        self.random = Random(f"schedule {seed}")
        random.seed(seed)  # the program's jitter
        self.root, self.result = root, result
        self.world: World = world(Random(f"world {seed}"))
        state = State(Store())
        state.reset(self.world.rentix, self.world.readings, self.world.limits)
        state.propertyfinder.reset(
            self.world.propertyfinder, self.world.pf_readings, self.world.pf_limits
        )
        self.portals = Portals(state)
        self.simulation = Simulation(state, f"simulation {seed}")
        share, count = self.random.choice(SHARES), self.random.choice((8, 16, len(kinds)))
        some = self.random.sample(
            list(kinds), min(count, len(kinds))
        )  # rare combinations meet more often
        self.faults = Faults(seed, share, some)
        self.excuses = Excuses(self.faults.memory, self.portals)
        self.remote = Remote(self.simulation)
        self.neighbors = Neighbors(seed, self.simulation)
        self.simulation.take_over = self.take_over
        self.simulation.application.faults = self.faults
        self.environment = {
            "RENTIX_URL": self.simulation.urls["rentix"],
            "RENTIX_API_KEY": state.key,
            "PROPERTYFINDER_URL": self.simulation.urls["propertyfinder"],
            "PROPERTYFINDER_API_KEY": state.propertyfinder.key,
            "PROPERTYFINDER_API_SECRET": state.propertyfinder.secret,
        }
        self.ours: set[tuple[str, int]] = set()
        self.matches: Matches = {}
        self.recorded: set[tuple[str, str]] = set()
        self.former: list[dict[str, Any]] = []
        self.ends = any(
            each["on_removed"] != "report" for each in self.world.config["portals"].values()
        )
        self.refused: list[str] = []
        (root / "agents").mkdir()
        (root / "reconciler.yaml").write_text(json.dumps(self.world.config), "utf-8")

    def run(self) -> None:
        """Apply every round of files until an apply is clean and a plan is empty."""
        self.log(f"{self.world.readings} | {self.world.pf_readings} | {self.world.config}")
        for number, declared in enumerate(self.world.rounds, 1):
            self.declare(declared)
            try:
                self.repository = session.open_repository(self.root, None)
            except InputError:  # invalid files never reach a portal
                continue
            self.log(f"round {number}: {json.dumps(declared, ensure_ascii=False)}")
            self.round(declared)
            self.former = declared

    def declare(self, agents: list[dict[str, Any]]) -> None:
        """Write the files (JSON is valid YAML)."""
        content = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in agents)
        (self.root / "agents" / "agents.yaml").write_text(content, "utf-8")

    def round(self, declared: list[dict[str, Any]]) -> None:
        """Apply until an apply is clean and no request or picture is pending; the last applies are
        without faults."""
        self.excuses.begin()
        self.declared = declared
        for count in range(1, MOST + 1):
            if count > FAULTY:
                self.end_faults()
            misled = self.misled()
            report = self.apply(count, declared)
            late = self.settle()
            former = agents_in_former_form(report)
            if report is None or late or not (former or is_clean(report)):
                continue
            plan = self.inspect()
            if {(each.portal, each.key) for each in plan.entries} <= former:
                break
            assert former or may_be_left(report, plan) or self.misled() > misled, (
                f"not empty: {plan_lines(plan)}"
            )
            self.application.faults = self.faults if count < FAULTY else None
        else:
            raise AssertionError(f"not clean within {MOST} applies")
        self.result.applies.append(count)
        check_present(plan, self.matches, declared)
        check_declared(self.portals, declared, self.matches, self.excuses, ())
        check_kept(self.portals, declared, self.matches, self.excuses)
        self.check_drift(declared, plan)
        self.ours |= {(portal, number) for (portal, _), number in self.matches.items()}
        self.import_others()
        self.apply_elsewhere()
        self.application.faults = self.faults

    def apply(self, count: int, declared: list[dict[str, Any]]) -> Report | None:
        """Apply once, as a new process. Returns its report, None if it did not get that far."""
        moment = self.moment() if count <= ENDED else None
        disturbances = self.disturbances() if count <= FAULTY else []
        self.simulation.begin(moment, disturbances)
        self.excuses.begin_apply()
        self.log(f"apply, {moment or 'to its end'}")
        report = None
        try:
            with self.disk(), self.proposal(locked=True) as proposal:
                self.log(plan_lines(proposal.plan))
                self.matches = matches_of(proposal)
                report = applying.apply(proposal, (), lambda _: None)
        except Killed:
            self.result.killed += 1
            self.log("  killed")
        except Interrupted:
            self.result.interrupted += 1
            self.log("  interrupted while reading")
        except (PortalError, AccountError) as error:  # a cut list can look like another agency's
            self.log(f"  could not read: {error}")
        except LockedError as error:
            self.log(f"  locked: {error}")
            if not self.simulation.overtaken:  # while it was reading
                raise AssertionError(str(error)) from error
        self.count()
        self.check_apply(report, declared)
        return report

    def take_over(self, seconds: float) -> None:
        """This process stops. After some seconds, someone releases its lock and applies the files
        from another clone; then this process continues."""
        self.simulation.pass_time(seconds)
        self.remote.unlock()
        with self.simulation.another_process(), self.excuses.another_process():
            self.log("another process takes over")
            report = None
            try:
                with self.proposal(locked=True) as proposal:
                    self.log(plan_lines(proposal.plan))
                    self.matches = matches_of(proposal)
                    report = applying.apply(proposal, (), lambda _: None)
            except (PortalError, AccountError) as error:
                self.log(f"  could not read: {error}")
            self.count()
            self.check_apply(report, self.declared)
            self.log("the first process continues")
        self.result.overtaken += 1

    def apply_elsewhere(self) -> None:
        """Apply the files at another address, and with the key of another agency: neither this
        agency nor what is recorded of it may change, and no agent of the other agency either."""
        truth, recorded = self.portals.truth(), self.recorded_here()
        if self.neighbors.random.random() < 0.3:
            self.log("apply at another address")
            environment = {**self.environment, "RENTIX_URL": self.neighbors.staging_url}
            self.simulation.begin(self.moment())
            with self.disk(), suppress(Killed, Interrupted, PortalError, AccountError):
                self.apply_to_rentix(environment)
            self.result.elsewhere += 1
            self.count()
        if self.neighbors.random.random() < 0.3 and any(
            each.account is not None or each.agents for each in recorded
        ):
            self.log("apply with the key of another agency")
            environment = {**self.environment, "RENTIX_API_KEY": self.neighbors.key}
            agents = self.neighbors.agents()
            self.simulation.begin(None)
            try:
                self.apply_to_rentix(environment)
            except AccountError as error:
                self.log(f"  refused: {error}")
            else:
                raise AssertionError("the key of another agency was accepted")
            assert self.neighbors.agents() == agents, "another agency's agents were changed"
            self.result.elsewhere += 1
            self.count()
        assert self.portals.truth() == truth, "an apply elsewhere changed this agency"
        assert self.recorded_here() == recorded, "an apply elsewhere changed what is recorded here"

    def import_others(self) -> None:
        """Import the agents whom no file declares, into a copy of the repository: the files are
        valid, a plan is as it was without them, and nothing is left to import."""
        # Where a list omits inactive users, whether they are read depends on the files.
        if self.neighbors.random.random() > 0.3 or self.world.pf_readings.listing == "active":
            return
        self.log("import")
        with TemporaryDirectory() as folder:
            copy = Path(folder)
            shutil.copytree(self.root, copy, dirs_exist_ok=True)
            before, imported = self.imported_into(copy)
            edits.write(copy, imported)
            after, again = self.imported_into(copy)
        assert not again.edits, f"imported again: {again.edits}"
        changed = {(each.portal, each.key) for each in before.entries}
        new = [each for each in after.entries if (each.portal, each.key) not in changed]
        assert not new, f"not empty after an import: {plan_lines(after)}"
        self.result.imported += len(imported.edits)

    def imported_into(self, root: Path) -> tuple[Plan, Imported]:
        """A plan for the files of a repository, and what an import would write."""
        self.simulation.begin(None)
        self.simulation.pass_time(120)
        repository, self.repository = self.repository, session.open_repository(root, None)
        try:
            with self.proposal() as proposal:
                return proposal.plan, importing.find_imports(proposal.planner, proposal)
        finally:
            self.repository = repository
            self.count()

    def apply_to_rentix(self, environment: Mapping[str, str]) -> None:
        """Apply the files to Rentix only, with these variables."""
        with self.proposal(environment, ["rentix"], locked=True) as proposal:
            self.log(plan_lines(proposal.plan))
            reviewing.check_limits(proposal)
            report = applying.apply(proposal, (), lambda _: None)
            self.log(report_lines(report))

    def recorded_here(self) -> Sequence[PortalState]:
        """What the ledger records of Rentix at the main address."""
        path = self.root / ".reconciler" / "ledger.json"
        if not path.exists():
            return ()
        target = Target("rentix", canonical(self.environment["RENTIX_URL"]))
        return ledger.parse(path.read_bytes(), "the ledger")[0].get(target, ())

    def check_apply(self, report: Report | None, declared: list[dict[str, Any]]) -> None:
        """The checks after each apply, also a killed one."""
        trespasses = self.simulation.trespasses
        assert not trespasses, f"sent after it lost its lock: {trespasses}"
        edits = self.excuses.take()
        if report is not None:
            self.log(report_lines(report))
            self.result.interrupted += report.interrupted
            if not self.simulation.overtook:  # a late request may have undone what was applied
                losses = self.excuses.lost(is_verified(report))
                check_claims(self.portals, report, self.excuses, edits, losses)
                if is_verified(report) and report.exit_code == 0:
                    self.excuses.report(report.unmet)
                    edits = self.excuses.of_round()
                    check_declared(self.portals, declared, self.matches, self.excuses, edits)
            if is_verified(report):
                written = not any("ledger" in note for note in report.notes)
                known = self.matches.keys() | applied_in(report)
                self.recorded = self.recorded | known if written else self.recorded - known
                self.recorded -= {(each.portal, each.key) for each in report.plan.conflicts}
        self.check_rules()
        files = Files([*self.former, *declared], self.ends, frozenset(self.ours))
        known = self.ours if self.misled() else None
        check_others(self.portals, files, self.excuses, known)
        self.check_ledger()
        assert self.simulation.longest <= PATIENCE, f"waited {self.simulation.longest:.0f} s"

    @property
    def application(self) -> Application:
        """The portals' application."""
        return self.simulation.application

    def misled(self) -> int:
        """How many requests met with a fault that misleads any client, or showed an agent as it no
        longer was."""
        kinds = (line.partition(": ")[2] for line in self.faults.lines)
        return sum(kind in MISLEADING for kind in kinds) + len(self.faults.memory.stale)

    def end_faults(self) -> None:
        """Let every request succeed, and every read show the truth."""
        self.application.faults = None
        self.faults.memory.end()

    def check_drift(self, declared: list[dict[str, Any]], plan: Plan) -> None:
        """An edit that a person makes later is reported as drift: also one that makes a value what
        it was before the round."""
        edits = self.later_edits(declared, plan)
        former = self.portals.truth()
        for _, change in edits:
            portal, number = change.who
            self.portals.save(portal, with_value(former[portal][number], change.path, change.after))
        if edits:
            with self.proposal() as proposal:
                drift = proposal.planner.drift(proposal).plan
                reported = {(each.portal, each.key) for each in drift.entries}
                reported |= {(each.portal, each.key) for each in proposal.plan.conflicts}
            for key, change in edits:
                portal, number = change.who
                assert (portal, key) in reported, f"no drift: {key} {change}"
                self.portals.save(portal, former[portal][number])

    def later_edits(self, declared: list[dict[str, Any]], plan: Plan) -> list[tuple[str, Edit]]:
        """An edit of a declared and visible value of each of some agents, with the agent's key."""
        truth, edits = self.portals.truth(), []
        conflicts = {(each.portal, each.key) for each in plan.conflicts}
        for each in declared:
            for portal in ("rentix", "propertyfinder"):
                who = (portal, key_of(each))
                number = self.matches.get(who)
                if (
                    number is None
                    or who in conflicts
                    or who not in self.recorded
                    or self.random.random() < 0.3
                ):
                    continue
                values = visible(portal, each, self.world)
                if values:
                    path, new = self.random.choice(values)
                    agent = truth[portal][number]
                    now, was = value_at(agent, path), self.excuses.original[portal].get(number)
                    new = (not now) if new is None else new
                    if was is not None and value_at(was, path) != now:
                        new = value_at(was, path)
                    if not is_same(new, now):
                        edits.append((who[1], Edit((portal, number), path, now, new)))
        return edits

    def settle(self) -> bool:
        """Let time pass until no late effect and no picture is pending, while someone else reads
        the lists. Returns whether anything changed."""
        before = self.portals.truth()
        self.simulation.pass_time(self.random.choice((1.0, 30.0, 3600.0)))
        self.simulation.settle()
        while self.portals.importing():
            self.simulation.pass_time(600)
            self.portals.list_all()
        return self.portals.truth() != before

    def moment(self) -> Moment | None:
        """When and how this apply is ended from outside; None if it is not."""
        if self.random.random() > 0.3:
            return None
        how = self.random.choice(("killed", "killed", "interrupted", "writing"))
        at = self.random.randint(1, 3 if how == "writing" else 25)
        return Moment(at, self.random.random() < 0.5, how)

    def disturbances(self) -> list[Disturbance]:
        """What happens to this apply without ending it: pauses of the process, also beyond the
        lifetime of a session, and jumps of the clock, forth and back."""
        found = []
        for how, seconds in (("paused", (20.0, 400.0, 4000.0)), ("jumps", (3600.0, -3600.0))):
            while self.random.random() < 0.2:
                at, after = self.random.randint(1, 25), self.random.random() < 0.5
                found.append(Disturbance(at, after, how, self.random.choice(seconds)))
        self.result.disturbed += len(found)
        if self.neighbors.random.random() < 0.1:
            at, seconds = self.neighbors.random.randint(3, 20), self.random.choice((20.0, 400.0))
            found.append(Disturbance(at, True, "overtaken", seconds))
        return found

    @contextmanager
    def disk(self) -> Iterator[None]:
        """The disk of this machine: the process may be killed at each of its writes."""
        simulation, replace = self.simulation, os.replace

        def replacing(*paths: Any) -> None:
            simulation.write()
            replace(*paths)
            simulation.write()

        def syncing(_: Any) -> None:
            simulation.write()

        def load(store: File) -> Any:
            simulation.check_alive()
            return whole(store)

        whole = File.load
        with (
            mock.patch.object(os, "fsync", syncing),
            mock.patch.object(os, "replace", replacing),
            mock.patch.object(File, "load", load),
        ):
            yield

    @contextmanager
    def proposal(
        self,
        environment: Mapping[str, str] | None = None,
        portals: Sequence[str] = (),
        *,
        locked: bool = False,
    ) -> Iterator[planning.Proposal]:
        """A plan for all agents, in a process of its own; `locked` for an apply."""
        simulation = self.simulation
        runtime = session.Runtime(
            simulation.cancellation,
            lambda: simulation.now,
            simulation,
            simulation.merge_streams,
            wall=simulation.wall,
        )
        variables = environment or self.environment
        lock = (lambda _: None) if locked else None
        with (
            self.remote.process(),
            planning.open_planner(
                self.repository, variables, ALL, portals, runtime=runtime, lock=lock
            ) as planner,
        ):
            yield planner.make_plan(ALL)

    def inspect(self) -> Plan:
        """A plan without faults."""
        self.end_faults()
        self.simulation.begin(None)
        self.simulation.pass_time(120)  # no rate limit is used up then
        with self.proposal() as proposal:
            plan = proposal.plan
            self.matches = matches_of(proposal)
            drafts = proposal.drafts.values()
            self.excuses.report([unmet for draft in drafts for unmet in draft.not_taken])
        assert not plan.unread, plan.unread
        self.log("inspect")
        return plan

    def watched(self, effect: Any) -> Any:
        """`effect`, the effect of a request on a portal, with a record of each refusal of its
        own."""

        async def watching(gate: Gate, route: Any, call: Any) -> Any:
            if gate.state is not self.portals.state:  # elsewhere
                return await effect(gate, route, call)
            try:
                response = await effect(gate, route, call)
            except RefusalError as problem:
                self.record_refusal(gate, call, problem.status, problem.message)
                raise
            if call.path.endswith("/bulk"):
                results = json.loads(bytes(response.body))["results"]
                for operation, result in zip(call.body["operations"], results, strict=True):
                    if not result["success"]:
                        message = result["error"]["body"]["error"]
                        self.record_refusal(gate, operation, result["error"]["statusCode"], message)
            return response

        return watching

    def record_refusal(self, gate: Gate, what: Any, status: int, message: Any) -> None:
        """Record a refusal, unless the program could not avoid it."""
        late = self.simulation.overtook  # the program cannot know of a late request
        twice = self.faults.lines and self.faults.lines[-1].endswith("done twice")
        misled = self.misled() or self.faults.memory.losses
        allowed = is_allowed(self.world, what, status, str(message))
        if not (late or twice or misled or allowed):
            self.refused.append(f"{gate.NAME} {what}: {status} {message}")

    def check_rules(self) -> None:
        """No request broke the rules of a portal."""
        assert not self.refused, "refused: " + "; ".join(self.refused)

    def check_ledger(self) -> None:
        """The ledger can be read, or does not exist yet."""
        path = self.root / ".reconciler" / "ledger.json"
        if path.exists():
            _, note = ledger.parse(path.read_bytes(), "the ledger")
            assert note is None, note

    def count(self) -> None:
        """Add up the requests and faults."""
        self.result.requests += self.simulation.requests
        self.result.faulted = self.faults.faulted + self.simulation.unreached

    def log(self, line: str) -> None:
        """Add a line to the log, after what was sent since the last one."""
        self.result.log += [*self.simulation.log, line]
        self.simulation.log.clear()


def matches_of(proposal: planning.Proposal) -> Matches:
    """The live agent of each declared one that is not in conflict."""
    conflicts = {(each.portal, each.key) for each in proposal.plan.conflicts}
    return {
        (name, found.desired.key): found.live.id  # type: ignore[misc]
        for name, draft in proposal.drafts.items()
        for found in draft.matches
        if (name, found.desired.key) not in conflicts
    }


def visible(portal: str, each: dict[str, Any], world: World) -> list[tuple[str, Any]]:
    """The values of an agent that a file declares, that the portal shows and that a person can
    edit, each with a new value; None stands for the opposite."""
    if portal == "rentix":
        found = [("name", "Later")] if "name" in each else []
        found += [(f"settings.{name}", None) for name in each.get("settings", {})]
        return found + [
            (name, f"https://{form}later") for name, form in SOCIAL.items() if name in each
        ]
    section = each["propertyfinder"]
    found = [("profile.name", "Later")] if "name" in section else []
    if "status" in section:
        found.append(("status", "inactive" if section["status"] == "active" else "active"))
    return [*found, ("first_name", "Later")]


def is_allowed(world: World, what: Any, status: int, message: str) -> bool:
    """Whether no client can avoid this refusal, because the documentation leaves it open."""
    if isinstance(what, Call) and what.method == "GET":
        # It asked whether an agent exists, or for the account, which a portal may not report.
        return status == 404 or what.path.endswith("/agency")
    body = what.body if isinstance(what, Call) else what
    if message == "User not found":  # the agent has to be invited
        return world.readings.creation == "invite" and "id" not in body
    if message == "User identifier required":
        return world.readings.bulk_by_id == "refused"
    if message.startswith("operations must have no more"):
        return True
    profile = (body or {}).get("publicProfile", body or {})
    texts = {"bio", "position"} & set(profile)
    return status == 400 and bool(texts) and world.pf_readings.texts_taken != "either"


def may_be_left(report: Report, plan: Plan) -> bool:
    """Whether a clean apply may leave these changes to the next one: a conflict or the wait of
    another agent is over (the ledger knows more now), or a picture is not the one that was seen (a
    faulty list, or an import that another overtook)."""
    before, now = (
        {(each.portal, each.key) for each in one.conflicts} | set(one.waiting)
        for one in (report.plan, plan)
        if one is not None
    )
    over = before - now
    changes = [change for entry in plan.entries for change in entry.changes]
    return bool(over) or all(
        each.path == "avatar" and each.kind == "unreadable" for each in changes
    )


def is_clean(report: Report) -> bool:
    """Whether another apply would have nothing to do. Conflicts are for people."""
    statuses = {outcome.status for _, outcome in report.outcomes}
    plan = report.plan
    return (
        statuses <= {"applied", "waiting"}
        and report.remaining == 0
        and not plan.unread
        and plan.complete
        and is_verified(report)
    )


def is_same(value: Any, other: Any) -> bool:
    """Whether two values mean the same: links but for `www.` and a slash at the end."""
    texts = [
        each.replace("://www.", "://").rstrip("/") if isinstance(each, str) else each
        for each in (value, other)
    ]
    return texts[0] == texts[1]


def agents_in_former_form(report: Report | None) -> set[tuple[str, str]]:
    """The agents that failed, if all values of theirs that failed are trimmed by the portal, which
    showed them like this before the apply: a form, or lost writes. No client can know, so they are
    sent by each apply. Empty if anything else failed."""
    if report is None:
        return set()
    failed = [outcome for _, outcome in report.outcomes if outcome.status == "failed"]
    agents = {(each.operation.portal, each.operation.key) for each in failed}
    values = [
        each
        for each in report.unmet
        if (each.portal, each.key) in agents and each.path not in UNSEEN  # sent along
    ]
    former = (
        all(each.code == "not_taken" for each in failed)
        and report.remaining == len(agents)
        and all(str(each.live).split() == str(each.declared).split() for each in values)
    )
    return agents if values and former else set()


def is_verified(report: Report) -> bool:
    """Whether the portals were read after what was sent."""
    unread = any("Could not verify" in note for note in report.notes)
    return not report.interrupted and report.checked is not None and not unread


def applied_in(report: Report) -> set[tuple[str, str]]:
    """The agents that an apply changed."""
    return {
        (outcome.operation.portal, outcome.operation.key)
        for _, outcome in report.outcomes
        if outcome.status == "applied"
    }


def plan_lines(plan: Plan) -> str:
    """A plan in a few lines."""
    lines = [f"  plan {step.request.method} {step.request.path}" for step in plan.steps]
    lines += [f"  conflict {each.portal} {each.key}: {each.reason}" for each in plan.conflicts]
    lines += [f"  {each.portal} {each.key}: {each.changes}" for each in plan.entries]
    return "\n".join((*lines, f"  waiting {plan.waiting} unread {plan.unread}"))


def report_lines(report: Report) -> str:
    """A report in a few lines."""
    lines = [
        f"  {outcome.status} {outcome.operation.portal} {outcome.operation.name} "
        f"{outcome.id}: {outcome.error or ''}"
        for _, outcome in report.outcomes
    ]
    return "\n".join(
        (*lines, f"  exit {report.exit_code} remaining {report.remaining} unmet {report.unmet}")
    )
