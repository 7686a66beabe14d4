"""One schedule: a world, its files, and applies under faults, kills and interruptions until one is
clean; what has to hold is looked at after every one of them."""

from __future__ import annotations

import json
import os
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from campaign.simulation import Killed, Moment, Simulation
from campaign.truth import Files, Matches, Portals, claims_are_true, is_standing, nobody_else
from campaign.worlds import World, world
from reconciler.core.model import Plan, Report
from reconciler.core.policy import Selection
from reconciler.engine import applying, planning, session
from reconciler.errors import InputError, Interrupted, PortalError
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.gate import Gate, RefusalError
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.store import Store
from reconciler.store import ledger
from reconciler.store.file import File

MOST = 8
"""Applies within which one is clean."""
ENDED = 3
"""Of these, so many may be ended from outside."""
SHARES = (0.3, 0.35, 0.4)
"""How many of the requests meet with a fault, in one schedule or another."""
EVERYBODY = Selection()


@dataclass
class Result:
    """What became of a schedule: what is wrong ("" if nothing is), and what there was to count."""

    seed: int
    wrong: str = ""
    applies: list[int] = field(default_factory=list)
    requests: int = 0
    faulted: int = 0
    killed: int = 0
    interrupted: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


def run(seed: int) -> Result:
    """The schedule of this number."""
    result = Result(seed)
    with TemporaryDirectory() as folder:
        schedule = Schedule(seed, Path(folder), result)
        try:
            with mock.patch.object(Gate, "_effect", schedule.watched(Gate._effect)):
                schedule.run()
        except AssertionError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            result.wrong = f"{error}  [{Path(where.filename).name}:{where.lineno}]"
        finally:
            schedule.portals.state.store.close()
        strikes = (line.partition(": ")[2] for line in schedule.faults.lines)
        result.kinds = dict(Counter(strikes))
        result.told += schedule.faults.lines
    return result


class Schedule:
    """A schedule under way."""

    def __init__(self, seed: int, root: Path, result: Result) -> None:
        self.random = Random(f"schedule {seed}")
        random.seed(seed)  # the program's own jitter
        self.root, self.result = root, result
        self.world: World = world(Random(f"world {seed}"))
        state = State(Store())
        state.reset(self.world.rentix, self.world.readings, self.world.limits)
        state.propertyfinder.reset(
            self.world.propertyfinder, self.world.pf_readings, self.world.pf_limits
        )
        self.portals = Portals(state)
        self.simulation = Simulation(state, f"simulation {seed}")
        self.faults = Faults(seed, self.random.choice(SHARES))
        self.simulation.application.faults = self.faults
        self.environment = {
            "RENTIX_URL": self.simulation.urls["rentix"],
            "RENTIX_API_KEY": state.key,
            "PROPERTYFINDER_URL": self.simulation.urls["propertyfinder"],
            "PROPERTYFINDER_API_KEY": state.propertyfinder.key,
            "PROPERTYFINDER_API_SECRET": state.propertyfinder.secret,
        }
        self.ours: set[tuple[str, int]] = set()
        self.former: list[dict[str, Any]] = []
        self.ends = any(
            each["on_removed"] != "report" for each in self.world.config["portals"].values()
        )
        self.refused: list[str] = []
        (root / "agents").mkdir()
        (root / "reconciler.yaml").write_text(json.dumps(self.world.config), "utf-8")

    def run(self) -> None:
        """Every round of files, each to its clean apply and a plan that is empty."""
        self.tell(f"{self.world.readings} | {self.world.pf_readings} | {self.world.config}")
        for number, declared in enumerate(self.world.rounds, 1):
            self.declare(declared)
            try:
                self.repository = session.open_repository(self.root, None)
            except InputError:  # two files that no portal ever sees
                continue
            self.tell(f"round {number}: {json.dumps(declared, ensure_ascii=False)}")
            self.round(declared)
            self.former = declared

    def declare(self, agents: list[dict[str, Any]]) -> None:
        """Write the files (JSON is YAML too)."""
        said = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in agents)
        (self.root / "agents" / "agents.yaml").write_text(said, "utf-8")

    def round(self, declared: list[dict[str, Any]]) -> None:
        """Apply until an apply is clean and nothing is under way any more."""
        before = self.portals.truth()
        for count in range(1, MOST + 1):
            report = self.apply(count, declared, before)
            late = self.settle()
            if report is None or late or not is_clean(report):
                continue
            plan, matches = self.look()
            if not plan.steps and not plan.entries:
                break
            assert may_be_left(report, plan), f"left to do: {told(plan)}"
        else:
            raise AssertionError(f"not clean within {MOST} applies")
        self.result.applies.append(count)
        is_standing(self.portals, plan, matches, declared, before)
        self.ours |= {(portal, number) for (portal, _), number in matches.items()}

    def apply(self, count: int, declared: list[dict[str, Any]], before: Any) -> Report | None:
        """One apply, as a process of its own; its report, if it came to that."""
        moment = self.moment() if count <= ENDED else None
        self.simulation.begin(moment)
        self.tell(f"apply, {moment or 'to its end'}")
        report = None
        try:
            with self.machine(), self.planned() as planned:
                self.tell(told(planned.plan))
                report = applying.apply(planned, (), lambda _: None)
        except Killed:
            self.result.killed += 1
            self.tell("  killed")
        except Interrupted:
            self.result.interrupted += 1
            self.tell("  interrupted while it read")
        except PortalError as error:
            self.tell(f"  could not read: {error}")
        self.count()
        if report is not None:
            self.tell(reported(report))
            self.result.interrupted += report.interrupted
            if not self.simulation.overtook:  # else it was true, until a late request undid it
                claims_are_true(self.portals, report)
        self.rules_are_kept()
        files = Files([*self.former, *declared], self.ends, frozenset(self.ours))
        nobody_else(self.portals, files, before)
        self.ledger_loads()
        return report

    def settle(self) -> bool:
        """Some time passes, until nothing is under way any more: no late effect and no picture,
        while somebody else looks at the lists. Whether that changed anything."""
        before = self.portals.truth()
        self.simulation.pass_time(self.random.choice((1.0, 30.0, 3600.0)))
        self.simulation.settle()
        while self.portals.importing():
            self.simulation.pass_time(600)
            self.portals.look()
        return self.portals.truth() != before

    def moment(self) -> Moment | None:
        """When, and how, this apply is ended from outside."""
        if self.random.random() > 0.3:
            return None
        how = self.random.choice(("killed", "killed", "interrupted", "writing"))
        at = self.random.randint(1, 3 if how == "writing" else 25)
        return Moment(at, self.random.random() < 0.5, how)

    @contextmanager
    def machine(self) -> Iterator[None]:
        """The disk of this machine: each of its writes is a moment to die at."""
        simulation, replace = self.simulation, os.replace

        def replacing(*paths: Any) -> None:
            simulation.write()
            replace(*paths)
            simulation.write()

        def syncing(_: Any) -> None:
            simulation.write()

        def load(store: File) -> Any:
            simulation.alive()
            return whole(store)

        whole = File.load
        with (
            mock.patch.object(os, "fsync", syncing),
            mock.patch.object(os, "replace", replacing),
            mock.patch.object(File, "load", load),
        ):
            yield

    @contextmanager
    def planned(self) -> Iterator[planning.Proposal]:
        """A plan of everybody."""
        simulation = self.simulation
        runtime = session.Runtime(
            simulation.cancellation, lambda: simulation.now, simulation, simulation.merge_streams
        )
        with planning.open_planner(
            self.repository, self.environment, EVERYBODY, runtime=runtime
        ) as planner:
            yield planner.make_plan(EVERYBODY)

    def look(self) -> tuple[Plan, Matches]:
        """A plan without faults, and who everybody is in it."""
        self.simulation.application.faults = None
        self.simulation.begin(None)
        self.simulation.pass_time(120)  # whatever limit was used up
        with self.planned() as planned:
            plan = planned.plan
        assert not plan.unread, plan.unread
        self.simulation.application.faults = self.faults
        self.tell("look")
        matches = {
            (name, found.desired.key): found.live.id
            for name, drafted in planned.drafts.items()
            for found in drafted.matches
        }
        return plan, matches

    def watched(self, effect: Any) -> Any:
        """The portals' effect, with each refusal written down that is the portal's own."""

        async def watching(gate: Gate, route: Any, call: Any) -> Any:
            try:
                response = await effect(gate, route, call)
            except RefusalError as problem:
                self.refuse(gate, call, problem.status, problem.message)
                raise
            if call.path.endswith("/bulk"):
                results = json.loads(bytes(response.body))["results"]
                for operation, result in zip(call.body["operations"], results, strict=True):
                    if not result["success"]:
                        said = result["error"]["body"]["error"]
                        self.refuse(gate, operation, result["error"]["statusCode"], said)
            return response

        return watching

    def refuse(self, gate: Gate, what: Any, status: int, said: Any) -> None:
        """A refusal of the portal's own."""
        late = self.simulation.overtook  # what is late meets, and leaves, what nobody could know
        twice = self.faults.lines and self.faults.lines[-1].endswith("done twice")
        if not late and not twice and not is_allowed(self.world, what, status, str(said)):
            self.refused.append(f"{gate.NAME} {what}: {status} {said}")

    def rules_are_kept(self) -> None:
        """No request was one that the portal refuses by its own rules."""
        assert not self.refused, "refused: " + "; ".join(self.refused)

    def ledger_loads(self) -> None:
        """The ledger is whole, or there is none yet."""
        path = self.root / ".reconciler" / "ledger.json"
        if path.exists():
            _, note = ledger.parse(path.read_bytes(), "the ledger")
            assert note is None, note

    def count(self) -> None:
        """Add up what went over the wire."""
        self.result.requests += self.simulation.requests
        self.result.faulted = self.faults.faulted + self.simulation.unreached

    def tell(self, line: str) -> None:
        """What happened, for whoever replays the schedule."""
        self.result.told += [*self.simulation.told, line]
        self.simulation.told.clear()


def is_allowed(world: World, what: Any, status: int, said: str) -> bool:
    """Whether a refusal is one that no client can know before: of what the documents leave open."""
    if isinstance(what, Call) and what.method == "GET":
        return status == 404  # to look whether somebody is there
    body = what.body if isinstance(what, Call) else what
    if said == "User not found":  # one who has to be invited
        return world.readings.creation == "invite" and "id" not in body
    if said == "User identifier required":
        return world.readings.bulk_by_id == "refused"
    if said.startswith("operations must have no more"):
        return True
    profile = (body or {}).get("publicProfile", body or {})
    texts = {"bio", "position"} & set(profile)
    return status == 400 and bool(texts) and world.pf_readings.texts_taken != "either"


def may_be_left(report: Report, plan: Plan) -> bool:
    """Whether a clean apply may leave these changes to the next one: for somebody else a conflict
    or the waiting is over (the ledger knows more now), or a picture is not the one that was seen (a
    slip of a list, or an import that another overtook)."""
    before, now = (
        {(each.portal, each.key) for each in made.conflicts} | set(made.waiting)
        for made in (report.plan, plan)
        if made is not None
    )
    over = before - now
    changes = [change for entry in plan.entries for change in entry.changes]
    return bool(over) or all(
        each.path == "avatar" and each.kind == "unreadable" for each in changes
    )


def is_clean(report: Report) -> bool:
    """Whether nothing is left that another apply could do. Conflicts are for people."""
    statuses = {outcome.status for _, outcome in report.outcomes}
    plan = report.plan
    return (
        statuses <= {"applied", "waiting"}
        and not report.interrupted
        and report.remaining == 0
        and report.checked is not None
        and plan is not None
        and not plan.unread
        and plan.complete
        and not any("Could not verify" in note for note in report.notes)
    )


def told(plan: Plan) -> str:
    """A plan in a few lines."""
    lines = [f"  plan {step.request.method} {step.request.path}" for step in plan.steps]
    lines += [f"  conflict {each.portal} {each.key}: {each.reason}" for each in plan.conflicts]
    lines += [f"  {each.portal} {each.key}: {each.changes}" for each in plan.entries]
    return "\n".join((*lines, f"  waiting {plan.waiting} unread {plan.unread}"))


def reported(report: Report) -> str:
    """A report in a few lines."""
    lines = [
        f"  {outcome.status} {outcome.operation.portal} {outcome.operation.name} "
        f"{outcome.id}: {outcome.error or ''}"
        for _, outcome in report.outcomes
    ]
    return "\n".join(
        (*lines, f"  exit {report.exit_code} remaining {report.remaining} unmet {report.unmet}")
    )
