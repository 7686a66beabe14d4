"""The program is killed or interrupted during an apply; the next run finishes.

Thirty agents on two portals, real processes, real signals. A boundary is a request to one portal,
just before its effect, or just after it and before the response. Each portal has its own thread, so
the progress of the other one is random; boundaries are counted by portal.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from shutil import rmtree
from typing import Any

import pytest
from agency import FAST, KEY, PREFIX, Agency, person, section, user, writes
from starlette.responses import Response
from zygote import PATIENCE, Process, Start

from reconciler.sandbox.agent import Agent
from reconciler.sandbox.propertyfinder.user import User, empty_profile
from reconciler.sandbox.readings import Readings
from reconciler.store.ledger import parse

PORTALS = ("rentix", "propertyfinder")
MOMENTS = ("before", "after")
PHOTOS = "https://agency.example/photos"
APPLY = ("apply", "--yes", "--force", "--format", "json")
PRIVATE = ("mobile", "last_name", "role_id", "status")
NEW = {"firstName": "Nou", "lastName": "Venit", "roleId": "Agent"}


def key(number: int) -> str:
    """The external id of an agent, unless the test gives it another."""
    return f"a-{number:02}"


def phone(number: int) -> str:
    """The phone of an agent on Rentix."""
    return f"+373600000{number}"


def both(number: int, on_pf: Mapping[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """The file of an agent on both portals."""
    declared = section(number, **(on_pf or {}))
    return {"externalId": key(number), **values, "propertyfinder": declared}


def swapped(number: int, other: int) -> dict[str, Any]:
    """The file of an agent that gets the external id of another number."""
    return {**both(number, {"id": number}, id=number), "externalId": key(other)}


def newcomer(number: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An agent on neither portal: its file, and what the portals have after its creation."""
    name, mobile, mail = f"Nou {number}", f"+373690000{number}", section(number)["email"]
    public = {"name": name, "phone": phone(number), "email": mail}
    return (
        both(number, name=name, phone=phone(number), on_pf={**NEW, "mobile": mobile}),
        _agent(Agent(0, name, phone(number), key(number))),
        _person(User(0, mail, mobile, 3, "Nou", "Venit", profile=empty_profile() | public)),
    )


def _agent(agent: Agent) -> dict[str, Any]:
    """An agent, without the picture's id, which each import changes."""
    return {**asdict(agent), "avatar": agent.avatar is not None}


def _person(user: User) -> dict[str, Any]:
    """A user with its public profile, without the addresses of the picture."""
    known = asdict(user)
    del known["pictures"], known["created_at"]
    public = known.pop("profile")
    picture = public["imageVariants"] is not None
    return {**public, **known, "imageVariants": picture, "publicEmail": public["email"]}


def _texts(**given: str) -> dict[str, str]:
    return {"ru": "Русский", "en": "English", "ro": "Română", **given}


CHANNELS = user(1)["settings"]
UNLINKED = (20, 30)
LIVE = [
    *(
        user(
            number,
            phone=f"+373 60 0000 {number:02}",
            externalId=None if number in UNLINKED else key(number),
            description=_texts(),
            instagram=f"https://instagram.com/agent{number}",
            settings={**CHANNELS, "contact_whatsapp": number % 2 == 0},
        )
        for number in (*range(1, 22), *range(24, 28), *range(29, 32))
    ),
    user(90, externalId="stranger"),
    user(91),
]
"""Rentix before the apply: without the agents to be created (22, 23), and the one on the other
portal alone (28)."""
LIVE_PF = [
    person(
        number,
        name=f"Agent {number}",
        bio={"primary": "First", "secondary": "Second"},
        experienceSince=2001,
        spokenLanguages=[1],
    )
    for number in (*range(1, 22), *range(24, 29), 31, 90)
]
"""Property Finder before the apply: without 22, 23, 29 and 30."""

Made = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
AGENTS: dict[int, Made] = {
    # The file; the expected values on Rentix; those on Property Finder.
    **{number: (both(number), {}, {}) for number in (*range(2, 9), 19, 21)},
    1: (both(1, avatar={"url": f"{PHOTOS}/1.jpg"}), {}, {}),
    9: (both(9, name="Nina"), {"name": "Nina"}, {"name": "Nina"}),
    10: (both(10, description={"ru": "Новый"}), {"description": _texts(ru="Новый")}, {}),
    11: (both(11, instagram=None), {"instagram": None}, {}),
    12: (
        both(12, settings={"contact_viber": False}),
        {"settings": {**CHANNELS, "contact_viber": False}},
        {},
    ),
    13: (
        both(13, avatar={"url": f"{PHOTOS}/new.jpg"}),
        {"avatar_source": f"{PHOTOS}/new.jpg"},
        {"picture_source": f"{PHOTOS}/new.jpg"},
    ),
    14: (both(14, avatar=None), {"avatar": False, "avatar_source": None}, {}),
    # Two swap their external ids; of two others, one takes what the other gives up.
    15: (swapped(15, 16), {"external_id": key(16)}, {}),
    16: (swapped(16, 15), {"external_id": key(15)}, {}),
    17: (swapped(17, 18), {"external_id": key(18)}, {}),
    18: (swapped(18, 99), {"external_id": key(99)}, {}),
    20: (both(20, phone=phone(20)), {"external_id": key(20)}, {"phone": phone(20)}),
    **{number: newcomer(number) for number in (22, 23)},
    24: (
        both(24, on_pf={"mobile": "+37369240024", "lastName": "Rusu"}),
        {},
        {"mobile": "+37369240024", "last_name": "Rusu"},
    ),
    25: (
        both(25, on_pf={"bio": {"secondary": "Alt"}, "spokenLanguages": ["en", "ro"]}),
        {},
        {"bio": {"primary": "First", "secondary": "Alt"}, "spokenLanguages": [1, 34]},
    ),
    26: (
        both(26, on_pf={"roleId": 2, "experienceSince": 2012}),
        {},
        {"role_id": 2, "experienceSince": 2012},
    ),
    27: (both(27, on_pf={"status": "inactive"}), {}, {"status": "inactive"}),
    28: (both(28, on_pf={"name": "Only There"}), {}, {"name": "Only There"}),
    29: ({"externalId": key(29), "name": "Only Here"}, {"name": "Only Here"}, {}),
    30: (
        {"externalId": key(30), "phone": phone(30), "tiktok": "https://tiktok.com/@thirty"},
        {"external_id": key(30), "tiktok": "https://tiktok.com/@thirty"},
        {},
    ),
}
LEFT: dict[int, Made] = {
    31: ({"externalId": key(31)}, {"external_id": None}, {"status": "inactive"})
}
"""The agents whose files are removed."""
BEFORE = [
    both(
        number,
        **({"avatar": {"url": f"{PHOTOS}/{number}.jpg"}} if number in (1, 13, 14) else {}),
    )
    for number in (*range(1, 20), 21, *range(24, 28), 31)
]
"""The files of the earlier apply."""

Operation = tuple[str, str, str, str]
"""A part of an apply: the portal, the key, `link`, `unlink` or `profile`, and the part of it."""
Act = Callable[[Process], Response | None]
"""What happens to a run at a boundary; a returned response replaces that of the portal."""
Truth = dict[str, dict[Any, dict[str, Any]]]
"""The values of each agent, by portal and id; of a created one, by external id or e-mail."""


@dataclass
class World:
    """Thirty agents to be applied, on portals that can be reset."""

    agency: Agency
    start: Start
    ledger: bytes = b""
    agents: list[Agent] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    beginning: Truth = field(default_factory=dict)
    declared: Truth = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    """What an undisturbed apply does, by request and key."""
    boundaries: dict[str, int] = field(default_factory=dict)
    """The number of requests to each portal in an apply."""
    reads: dict[str, int] = field(default_factory=dict)
    """The number of them that are for the plan."""

    def truth(self) -> Truth:
        """The current state; a created agent is without its id, which could not be known
        before."""
        agents = {each.id: _agent(each) for each in self.agency.truth().values()}
        users = {each.id: _person(each) for each in self.agency.truth_pf().values()}
        known = {each.id for each in self.agents}, {each.id for each in self.users}
        created = [each for number, each in agents.items() if number not in known[0]]
        new_users = [each for number, each in users.items() if number not in known[1]]
        for each in (*created, *new_users):
            for name in ("id", "profile_id"):
                each.pop(name, None)
        return {
            "rentix": {number: agents[number] for number in known[0] if number in agents}
            | {each["external_id"]: each for each in created},
            "propertyfinder": {number: users[number] for number in known[1] if number in users}
            | {each["email"]: each for each in new_users},
        }

    def reset(self) -> None:
        """Start again from the state before the apply."""
        portal = self.agency.portal
        portal.restart(portal.application)  # a killed process may have left requests to another one
        state = portal.state
        for each in (state.before, state.after, state.log):
            each.clear()
        state.store.replace(deepcopy(self.agents))
        self.agency.pf.users.replace(deepcopy(self.users))
        rmtree(self.agency.ledger.parent, ignore_errors=True)
        self.agency.ledger.parent.mkdir()
        self.agency.ledger.write_bytes(self.ledger)

    def run(self, *arguments: str, **more: Any) -> Process:
        """Start the program."""
        environment = {
            "RENTIX_URL": self.agency.portal.url,
            "RENTIX_API_KEY": KEY,
            "PROPERTYFINDER_URL": self.agency.portal.urls["propertyfinder"],
            "PROPERTYFINDER_API_KEY": self.agency.pf.key,
            "PROPERTYFINDER_API_SECRET": self.agency.pf.secret,
        }
        return self.start(["-C", str(self.agency.root), *arguments], environment, **more)

    def apply_with(
        self,
        portal: str,
        boundary: int,
        moment: str,
        act: Act,
        **more: Any,
    ) -> Process:
        """Reset and apply; at the boundary, call `act`, which may respond instead of the
        portal."""
        self.reset()
        started: Future[Process] = Future()
        seen, there = 0, None

        async def before(call: Any) -> Response | None:
            nonlocal seen, there
            if _portal(call.path) != portal or _is_look_up(call.path):
                return None
            seen += 1
            if seen != boundary:
                return None
            there = call
            return await now() if moment == "before" else None

        async def after(call: Any, _: Response) -> Response | None:
            return await now() if call is there and moment == "after" else None

        async def now() -> Response | None:
            return await asyncio.to_thread(lambda: act(started.result(PATIENCE)))

        state = self.agency.portal.state
        state.before.append(before)
        state.after.append(after)
        process = self.run(*APPLY, **more)
        started.set_result(process)
        process.end()
        assert there is not None, f"{portal} had no request {boundary}: {process.err}"
        state.before.clear()
        state.after.clear()
        return process

    def finish(self, killed: Process, where: str) -> None:
        """The next run finishes, and leaves nothing to do."""
        second = self.run(*APPLY)
        details = f"{where}\nfirst: {_output(killed)}\nsecond: {_output(second)}"
        assert second.end() == 0, details
        truth = self.truth()
        for portal in PORTALS:
            assert truth[portal] == self.declared[portal], details
        self.check_ledger(details)
        left = [path.name for path in self.agency.ledger.parent.glob(".ledger*")]
        assert not left, f"{left} {details}"
        third = self.agency.run("plan", "--detailed-exitcode", "--format", "json")
        assert third.code == 0, f"{details}\nthird: {third}"

    def written(self) -> set[tuple[str, Any]]:
        """The writes since the last call: of whose profile, and which links."""
        found: set[tuple[str, Any]] = set()
        for method, path, body, _ in writes(self.agency.calls()):
            profiles = body["operations"] if path == "/users/bulk" else [body]
            if path in ("/users/bulk", "/users"):
                found |= {("profile", each.get("id", each.get("externalId"))) for each in profiles}
            else:
                found.add((method, path if method != "POST" or "link" in path else body["email"]))
        return found

    def check_ledger(self, where: str) -> None:
        """The ledger can be read."""
        assert parse(self.agency.ledger.read_bytes(), "ledger")[1] is None, where


def _is_look_up(path: str) -> bool:
    """Whether a call looks for an agent before creating them: it changes nothing, and finds no one,
    so it is no boundary."""
    return "/external/" in path


def _portal(path: str) -> str:
    return "rentix" if path.startswith(PREFIX) else "propertyfinder"


def _output(process: Process) -> str:
    process.end()
    return f"exit {process.status}\n{process.out}\n{process.err}"


@pytest.fixture
def world(agency: Agency, start: Start) -> World:
    """The thirty agents after an earlier apply, and their files."""
    agency.live(*LIVE, readings=Readings(creation="upsert"), limits=FAST)
    agency.live_pf(*LIVE_PF)
    agency.use(
        rentix={"create": "upsert", "bulk": 5, "on_removed": "unlink"},
        propertyfinder={"on_removed": "deactivate"},
    )
    agency.declare(*BEFORE)
    assert agency.apply()["exit"] == 0
    agency.declare(*(declared for declared, _, _ in AGENTS.values()))
    world = World(
        agency,
        start,
        agency.ledger.read_bytes(),
        list(agency.truth().values()),
        list(agency.truth_pf().values()),
    )
    world.beginning = world.truth()
    world.declared = _declared(world.beginning)
    world.operations = operations_of(agency.plan()["requests"])
    agency.calls()
    whole = world.run(*APPLY)
    assert whole.end() == 0, _output(whole)
    for portal in PORTALS:
        calls = [call for call in agency.calls(portal) if not _is_look_up(call[1])]
        world.boundaries[portal] = len(calls)
        world.reads[portal] = calls.index(writes(calls)[0])
    assert world.truth() == world.declared
    return world


def _declared(beginning: Truth) -> Truth:
    """The expected state of the portals, given the state before."""
    truth = deepcopy(beginning)
    for number, (_, here, there) in (AGENTS | LEFT).items():
        for portal, created in (("rentix", here), ("propertyfinder", there)):
            if number in truth[portal]:
                truth[portal][number] |= created
            elif created:
                who = created["external_id" if portal == "rentix" else "email"]
                truth[portal][who] = {
                    name: value
                    for name, value in created.items()
                    if name not in ("id", "profile_id")
                }
    return truth


def kill(process: Process) -> Response:
    """Send SIGKILL and wait until the process is dead. No one receives the response."""
    process.signal(signal.SIGKILL)
    process.end()
    return Response(status_code=500)


@pytest.mark.parametrize(
    "moment",
    # Before a request, the portals are as after the previous one; only the program differs.
    [pytest.param("before", marks=pytest.mark.long), "after"],
)
@pytest.mark.parametrize("vendor", PORTALS)
def test_after_a_kill_the_next_run_finishes(world: World, vendor: str, moment: str) -> None:
    """At every boundary."""
    for boundary in range(1, world.boundaries[vendor] + 1):
        where = f"SIGKILL {moment} the effect of request {boundary} to {vendor}"
        first = world.apply_with(vendor, boundary, moment, kill)
        assert first.status == -signal.SIGKILL, where
        world.check_ledger(where)
        world.finish(first, where)


def send(number: int, process: Process) -> None:
    """Send a signal and wait until the program has noticed it."""
    process.signal(number)
    assert process.interrupted.wait(PATIENCE)


def twice(process: Process) -> None:
    """Press Ctrl-C twice: the program has to end although the portal has not responded."""
    send(signal.SIGINT, process)
    process.signal(signal.SIGINT)
    process.end()


def check_end(world: World, process: Process, where: str, *, planned: bool) -> set[Operation]:
    """An interrupted run ended in order and reported the truth, if it had a plan. Returns the
    operations that are reported as unknown."""
    details = f"{where}\n{_output(process)}"
    assert process.status == 130, details
    truth = world.truth()
    world.check_ledger(details)
    if not planned:
        assert (process.out, truth) == ("", world.beginning), details
        assert world.agency.ledger.read_bytes() == world.ledger, details
        return set()
    assert process.out, f"no report: {details}"
    report = json.loads(process.out)
    assert report["interrupted"], details
    assert {(each["request"], each["key"]) for each in report["results"]} == {*world.operations}, (
        details
    )
    results = {
        world.operations[each["request"], each["key"]]: each["status"] for each in report["results"]
    }
    for each, status in results.items():
        complete, absent = effect_of(world, truth, each)
        assert complete != absent, f"{each} {details}"
        assert status in ("applied" if complete else "skipped", "unknown"), f"{each} {details}"
    return {each for each, status in results.items() if status == "unknown"}


def operations_of(requests: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Operation]:
    """The operations of a plan's requests, by request and agent."""
    return {
        (each["id"], who): (
            each["portal"],
            who,
            each["kind"] if each["kind"] in ("link", "unlink") else "profile",
            "public" if "public" in each["path"] else "private",
        )
        for each in requests
        for who in each["covers"]
    }


def effect_of(world: World, truth: Truth, operation: Operation) -> tuple[bool, bool]:
    """Whether all of an operation took effect, and whether none of it did."""
    portal, who, verb, part = operation
    number = next(n for n, (file, _, _) in (AGENTS | LEFT).items() if file["externalId"] == who)
    now, then = truth[portal], world.beginning[portal]
    if number not in then:
        arrived = [each for each in now if not isinstance(each, int) and str(number) in each]
        return bool(arrived), not arrived
    if verb == "unlink":
        linked = now[number]["external_id"] == then[number]["external_id"]
        return not linked, linked
    values = (AGENTS | LEFT)[number][1 if portal == "rentix" else 2]
    apart = ("external_id",) if portal == "rentix" else PRIVATE
    mine = {
        each: value
        for each, value in values.items()
        if (each in apart) == (verb == "link" or (portal != "rentix" and part == "private"))
    }
    assert mine, operation
    return (
        all(now[number][each] == value for each, value in mine.items()),
        all(now[number][each] != value for each, value in mine.items()),
    )


@pytest.mark.parametrize("lowest", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("vendor", PORTALS)
def test_after_ctrl_c_the_next_run_finishes(world: World, vendor: str, lowest: int) -> None:
    """At every other boundary, alternately before and after the effect. The campaign simulates it
    at any."""
    for boundary in range(lowest, world.boundaries[vendor] + 1, 2):
        moment = MOMENTS[boundary // 2 % 2]
        where = f"SIGINT {moment} the effect of request {boundary} to {vendor}"
        first = world.apply_with(vendor, boundary, moment, partial(send, signal.SIGINT))
        unknown = check_end(world, first, where, planned=boundary > world.reads[vendor])
        assert not unknown, f"{where}: unknown {unknown}\n{_output(first)}"
        sent = world.written()
        world.finish(first, where)
        again = world.written() & sent
        assert not again, f"{where}: sent twice {again}\n{_output(first)}"


def test_a_second_ctrl_c_does_not_wait(world: World) -> None:
    """The request in progress is unknown; the rest is known, reported and recorded. Also during
    the check after the apply, which is the last request."""
    for vendor, last in world.boundaries.items():
        for boundary in (last // 2, last):
            where = f"SIGINT twice before the effect of request {boundary} to {vendor}"
            first = world.apply_with(vendor, boundary, "before", twice)
            unknown = {portal for portal, *_ in check_end(world, first, where, planned=True)}
            assert vendor not in unknown if boundary == last else vendor in unknown, where
            world.finish(first, where)


def test_sigterm_is_like_ctrl_c(world: World) -> None:
    """As a cancelled workflow sends it, at some boundaries."""
    for vendor, last in world.boundaries.items():
        for boundary, moment in ((1, "after"), (last // 2, "before")):
            where = f"SIGTERM {moment} the effect of request {boundary} to {vendor}"
            first = world.apply_with(vendor, boundary, moment, partial(send, signal.SIGTERM))
            planned = boundary > world.reads[vendor]
            assert not check_end(world, first, where, planned=planned), _output(first)
            world.finish(first, where)


@pytest.mark.parametrize("known", [True, False], ids=["an old ledger", "none yet"])
def test_a_kill_while_writing_the_ledger_loses_nothing(world: World, known: bool) -> None:
    """At every system call: the old ledger or the new one can be read."""
    ledger = world.agency.ledger
    if not known:  # then it is not known that number 31 was ours
        for portal in PORTALS:
            world.declared[portal][31] = world.beginning[portal][31]
    for call in count(1, 1 if known else 3):
        where = f"SIGKILL at call {call} that writes the ledger"
        world.reset()
        if not known:
            rmtree(ledger.parent)
        first = world.run(*APPLY, written=ledger, fatal=call)
        if first.end() == 0:
            break
        assert first.status == -signal.SIGKILL, f"{where}\n{_output(first)}"
        if known or ledger.exists():
            world.check_ledger(where)
        world.finish(first, where)
    assert call > 7  # the new file, the disk, the name, the folder, the disk


def test_a_kill_with_half_a_ledger_written_keeps_the_old_one(world: World) -> None:
    """The process dies with a part of the new ledger written."""
    for share in (0.1, 0.5, 0.99):
        room = int(len(world.ledger) * share)
        world.reset()
        where = f"death after {room} bytes of the ledger"
        first = world.run(*APPLY, room=room)
        assert first.end() == -signal.SIGXFSZ, f"{where}\n{_output(first)}"
        (part,) = world.agency.ledger.parent.glob(".ledger*")
        assert part.stat().st_size == room, where
        assert world.agency.ledger.read_bytes() == world.ledger, where
        world.finish(first, where)


def test_the_installed_command_at_some_boundaries(world: World) -> None:
    """With the command as users have it."""
    for vendor, share, moment, number in (
        ("rentix", 3, "after", signal.SIGKILL),
        ("propertyfinder", 2, "before", signal.SIGINT),
    ):
        check_installed(world, vendor, world.boundaries[vendor] // share, moment, number)


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("vendor", PORTALS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_installed_command_at_every_boundary(
    world: World, vendor: str, moment: str, number: signal.Signals
) -> None:
    """Only the start of the process differs from the tests above."""
    for boundary in range(1, world.boundaries[vendor] + 1):
        check_installed(world, vendor, boundary, moment, number)


def check_installed(
    world: World, vendor: str, boundary: int, moment: str, number: signal.Signals
) -> None:
    """The installed command behaves in the same way at a boundary."""
    act = kill if number is signal.SIGKILL else partial(send, number)
    where = (
        f"{number.name} {moment} the effect of request {boundary} to {vendor}, installed command"
    )
    first = world.apply_with(vendor, boundary, moment, act, installed=True)
    if number is signal.SIGKILL:
        assert first.status == -signal.SIGKILL, where
        world.check_ledger(where)
    else:
        planned = boundary > world.reads[vendor]
        assert not check_end(world, first, where, planned=planned), _output(first)
    world.finish(first, where)
