"""The ledger on a branch: shared by all clones, one commit after the other, and nothing else of a
repository is touched."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repositories import (
    ME,
    clone,
    commit,
    looks,
    plain_git,
    refusing,
    remote_of,
    repository,
    say,
    unreachable,
)

from reconciler.core.model import AgentState, FieldState, PortalState
from reconciler.errors import ConfigError
from reconciler.store import branch, open_store, refs
from reconciler.store.branch import Local, Shared
from reconciler.store.ledger import LedgerChanged, StoredLedger, merge, text
from reconciler.store.refs import GitError, git

from .test_ledger import KEPT, MEMORY

PLACE = "git:reconciler-ledger"
REF = "refs/heads/reconciler-ledger"


def agent(name):
    """One agent in a ledger, who had this name."""
    return AgentState("a", {"name": FieldState(name, name)})


def one(**agents):
    """A ledger of Rentix alone: agents by id (with a letter before it), with their names."""
    return {"rentix": PortalState({key[1:]: agent(name) for key, name in agents.items()})}


def put(folder, ledger, message="Applied: 1 update"):
    """An apply's part: read, write; what the user is told."""
    store = open_store(folder, PLACE)
    return store.save(ledger, store.load(), message)


def read(folder):
    """The ledger as it is seen from here; nobody is told anything."""
    kept = open_store(folder, PLACE).load()
    assert kept.note is None
    return kept.ledger


def history(folder, reference=REF):
    """The messages on the branch, the newest first; each commit has one parent at most."""
    lines = say(folder, "log", "--format=%s|%P", reference).split("\n")
    assert all(" " not in line.rpartition("|")[2] for line in lines)
    return [line.rpartition("|")[0] for line in lines]


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No settings of anybody's count."""
    plain_git(monkeypatch)


@pytest.fixture
def alone(tmp_path):
    """A repository without a remote."""
    return repository(tmp_path / "alone")


@pytest.fixture
def remote(tmp_path):
    """A bare repository, to be cloned."""
    return remote_of(repository(tmp_path / "source"), tmp_path / "remote.git")


@pytest.fixture
def pair(remote, tmp_path):
    """Two clones of it."""
    return clone(remote, tmp_path / "a"), clone(remote, tmp_path / "b")


# Without a remote


def test_without_a_branch_the_ledger_is_empty(alone):
    """Without a word, and the branch is not made by reading."""
    assert open_store(alone, PLACE).load() == StoredLedger({}, None, None)
    assert say(alone, "for-each-ref", REF) == ""


def test_the_first_save_begins_a_branch_of_its_own(alone):
    """A commit without a parent, with the one file in the words of any ledger; what was applied is
    its message."""
    before = looks(alone)
    assert put(alone, KEPT, "Applied: 2 update; 1 failed") is None
    assert read(alone) == KEPT
    assert git(alone, "show", f"{REF}:ledger.json") == text(KEPT)
    assert say(alone, "ls-tree", "-r", "--name-only", REF) == "ledger.json"
    assert history(alone) == ["Applied: 2 update; 1 failed"]
    assert looks(alone) == before


def test_each_save_is_one_commit_more(alone):
    """One after the other; what says the same is none."""
    put(alone, one(a1="x"), "first")
    put(alone, one(a1="x"), "nothing new")
    put(alone, one(a1="y"), "second")
    assert history(alone) == ["second", "first"]
    assert read(alone) == one(a1="y")


@pytest.mark.parametrize("first", [True, False])
def test_a_branch_that_moved_is_not_written_over(alone, first):
    """Neither where it was not there, nor where it was another."""
    if not first:
        put(alone, one(a1="x"))
    store = open_store(alone, PLACE)
    kept = store.load()
    put(alone, one(a1="other"))
    with pytest.raises(LedgerChanged):
        store.save(one(a1="mine"), kept, "")
    assert read(alone) == one(a1="other")


def test_a_branch_that_cannot_be_written_is_told(alone):
    """Somebody's lock: not moved, and not written."""
    (alone / ".git" / "refs" / "heads" / "reconciler-ledger.lock").touch()
    said = put(alone, one(a1="x"))
    assert said.startswith("The ledger git:reconciler-ledger could not be written (")
    assert said.endswith("); the next plan may send values again that it cannot compare.")


def test_outside_of_a_repository_there_is_no_branch(tmp_path, monkeypatch):
    """In words; and so it is where git is not installed."""
    with pytest.raises(
        ConfigError, match=r"needs a git repository, and .* is not in one \(not a git"
    ):
        open_store(tmp_path, PLACE)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="git is not installed"):
        open_store(tmp_path, PLACE)


def test_a_branch_with_the_files_is_refused(alone):
    """The branch that is checked out, here or in another work tree, would leave its files behind."""
    with pytest.raises(ConfigError, match="branch main is checked out"):
        open_store(alone, "git:main")
    put(alone, KEPT)
    git(alone, "worktree", "add", "-q", str(alone.parent / "tree"), "reconciler-ledger")
    with pytest.raises(ConfigError, match="is checked out"):
        open_store(alone, PLACE)


def test_what_else_is_on_the_branch_stays(alone):
    """A branch with a word for people beside the ledger, in folders too."""
    git(alone, "switch", "-q", "--orphan", "reconciler-ledger")
    (alone / "docs").mkdir()
    (alone / "docs" / "читать.md").write_text("what this is")
    (alone / "run.sh").write_text("#!/bin/sh")
    (alone / "run.sh").chmod(0o755)
    commit(alone)
    git(alone, "switch", "-q", "main")
    before = say(alone, "ls-tree", "-r", REF)
    put(alone, KEPT)
    after = say(alone, "ls-tree", "-r", REF).split("\n")
    assert [each for each in after if "ledger.json" not in each] == before.split("\n")
    assert read(alone) == KEPT


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({}, "reconciler <reconciler@localhost>"),
        ({"user.email": "ana@agency.example"}, "reconciler <reconciler@localhost>"),
        (
            {"user.name": "Ana", "user.email": "ana@agency.example"},
            "Ana <ana@agency.example>",
        ),
    ],
    ids=["nobody", "half", "Ana"],
)
def test_the_commits_are_the_users_if_git_knows_who_that_is(alone, identity, expected):
    """Nothing is guessed from the name of the computer."""
    for name, value in identity.items():
        git(alone, "config", name, value)
    put(alone, KEPT)
    assert say(alone, "log", "-1", "--format=%an <%ae>", REF) == expected
    assert say(alone, "log", "-1", "--format=%cn <%ce>", REF) == expected


def test_a_hooks_repository_is_not_taken_for_ours(alone, tmp_path, monkeypatch):
    """Run from a hook of another repository, which git tells of by the environment."""
    other = repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    put(alone, KEPT)
    assert read(alone) == KEPT
    assert say(other, "for-each-ref", REF) == ""


# What is on the branch


def on_branch(folder, content, path="ledger.json"):
    """Put a content onto the branch by hand."""
    git(folder, "switch", "-q", "--orphan", "reconciler-ledger")
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(content)
    commit(folder, "by hand")
    git(folder, "switch", "-q", "main")


def test_a_branch_without_the_file_is_an_empty_ledger(alone):
    """It may have been made for a word to people first."""
    on_branch(alone, b"what this is", "README.md")
    assert read(alone) == {}


def test_a_ledger_that_cannot_be_read_is_lost_with_a_word(alone):
    """The next save writes a new one; the old one is in the branch's history."""
    on_branch(alone, b"<<<<<<< HEAD\n{}\n")
    kept = open_store(alone, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.startswith(f"The ledger {PLACE} cannot be parsed and is treated as lost")
    assert put(alone, KEPT, "anew") is None
    assert read(alone) == KEPT
    assert history(alone) == ["anew", "by hand"]


def test_a_ledger_on_a_remote_that_cannot_be_read_is_lost_with_a_word(pair, remote):
    """As any other."""
    a, b = pair
    on_branch(a, b"half of i")
    git(a, "push", "-q", "origin", "reconciler-ledger")
    kept = open_store(b, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.startswith(f"The ledger {PLACE} cannot be parsed and is treated as lost")
    assert put(b, KEPT, "anew") is None
    assert read(b) == KEPT
    assert history(remote) == ["anew", "by hand"]


def test_a_later_version_is_refused(alone):
    """To go on would lose what it knows."""
    on_branch(alone, b'{"version": 2}')
    with pytest.raises(ConfigError, match=f"{PLACE} was written by a later version"):
        open_store(alone, PLACE).load()


def test_a_ledger_that_may_not_be_read_is_a_problem_of_configuration(alone):
    """A folder in its place."""
    on_branch(alone, b"what", "ledger.json/what")
    with pytest.raises(ConfigError, match=f"The ledger {PLACE} cannot be read"):
        open_store(alone, PLACE).load()


# Which remote


@pytest.mark.parametrize(
    ("remotes", "tracked", "expected"),
    [
        ((), None, None),
        (("origin", "fork"), "fork", "origin"),
        (("fork", "mine"), "mine", "mine"),
        (("fork",), None, "fork"),
        (("fork",), ".", "fork"),
    ],
)
def test_the_remote_is_origin_or_the_tracked_or_the_only_one(alone, remotes, tracked, expected):
    """It does not depend on the branch where there is an origin."""
    for name in remotes:
        git(alone, "remote", "add", name, "../nowhere")
    if tracked is not None:
        git(alone, "config", "branch.main.remote", tracked)
    store = open_store(alone, PLACE)
    assert store.remote == expected if isinstance(store, Shared) else expected is None
    assert isinstance(store, Local) == (expected is None)


@pytest.mark.parametrize("detached", [True, False])
def test_of_several_remotes_none_is_guessed(alone, detached):
    """Two ledgers would be worse than none."""
    git(alone, "remote", "add", "fork", "../nowhere")
    git(alone, "remote", "add", "mine", "../nowhere")
    if detached:
        git(alone, "switch", "-q", "--detach")
    with pytest.raises(
        ConfigError, match=r"which remote has the ledger .*: fork, mine\. Rename one"
    ):
        open_store(alone, PLACE)


# With a remote


def shallow(remote, folder):
    """A clone with the last commit alone, as workflows have it."""
    return clone(remote, folder, "--depth=1")


def detached(remote, folder):
    """A clone with a commit checked out, and no branch."""
    made = clone(remote, folder)
    git(made, "switch", "-q", "--detach", "HEAD~1")
    return made


def work_tree(remote, folder):
    """A second work tree of a clone."""
    git(clone(remote, folder), "worktree", "add", "-q", str(folder / "tree"), "-b", "other")
    return folder / "tree"


def dirty(remote, folder):
    """A clone in which somebody is at work."""
    made = clone(remote, folder)
    (made / "file.txt").write_text("three")
    (made / "new.txt").write_text("new")
    git(made, "add", "new.txt")
    return made


KINDS = [clone, shallow, detached, work_tree, dirty]


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_of_any_kind_reads_and_writes(remote, tmp_path, kind):
    """First, after others, and again: what a user sees of the clone stays as it is; a whole clone
    does not become a shallow one, and no other reference is fetched."""
    folder, other = kind(remote, tmp_path / "kind"), clone(remote, tmp_path / "other")
    before = looks(folder)
    assert put(folder, one(a1="x"), "first") is None
    assert read(other) == one(a1="x")
    assert put(other, one(a1="x", a2="y"), "second") is None
    assert read(folder) == one(a1="x", a2="y")
    assert put(folder, one(a2="y"), "third") is None
    assert read(other) == read(folder) == one(a2="y")
    assert history(remote) == ["third", "second", "first"]
    assert looks(folder) == before


def test_a_clone_made_later_reads_it_at_once(remote, tmp_path):
    """Also a workflow's, which has the last commit of one branch alone."""
    first = clone(remote, tmp_path / "a")
    for name in "xyz":
        put(first, one(a1=name))
    late = shallow(remote, tmp_path / "late")
    assert read(late) == one(a1="z")
    assert len(say(late, "rev-list", open_store(late, PLACE).fetched).split("\n")) == 1
    assert put(late, one(a1="w")) is None
    assert len(history(remote)) == 4
    assert read(first) == one(a1="w")


def test_an_unchanged_ledger_is_neither_fetched_nor_pushed_again(pair, remote):
    """It costs one question to the remote."""
    first, second = pair
    put(first, KEPT)
    assert read(second) == KEPT
    git(remote, "config", "uploadpack.packObjectsHook", "false")  # fetching would fail
    with refusing(remote):
        assert read(second) == KEPT
        assert put(second, KEPT) is None


def test_a_remote_that_has_nothing_yet(tmp_path):
    """A repository that was made a minute ago, and the files are not pushed."""
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    folder = repository(tmp_path / "a")
    git(folder, "remote", "add", "origin", "../remote.git")
    assert put(folder, KEPT) is None
    assert history(tmp_path / "remote.git") == ["Applied: 1 update"]


def test_the_agencies_of_one_repository_do_not_mix(pair, remote):
    """Each folder with a configuration has its own file on the branch, whatever its name."""
    first, second = pair
    places = {"": one(a1="top"), "agencies/Chișinău 1": one(a1="c"), "agencies/b": one(a1="b")}
    for place, ledger in places.items():
        (first / place).mkdir(parents=True, exist_ok=True)
        (second / place).mkdir(parents=True, exist_ok=True)
        assert put(first / place, ledger) is None
    assert put(second / "agencies" / "b", one(a1="changed")) is None
    for place, ledger in {**places, "agencies/b": one(a1="changed")}.items():
        assert read(second / place) == ledger
    listed = say(remote, "-c", "core.quotePath=no", "ls-tree", "-r", "--name-only", REF)
    assert listed.split("\n") == [
        "agencies/Chișinău 1/ledger.json",
        "agencies/b/ledger.json",
        "ledger.json",
    ]
    assert len(history(remote)) == 4


def test_a_file_in_the_way_of_a_folder_is_replaced(pair):
    """The branch is the ledger's."""
    first, _ = pair
    on_branch(first, b"in the way", "sub")
    git(first, "push", "-q", "origin", "reconciler-ledger")
    (first / "sub").mkdir()
    assert put(first / "sub", KEPT) is None
    assert read(first / "sub") == KEPT


@pytest.mark.parametrize("first", [True, False])
def test_of_two_clones_one_has_moved(pair, remote, first):
    """The second one is told, and the branch is the first one's; it reads again and goes on."""
    a, b = pair
    if not first:
        put(a, one(a1="x"))
    store = open_store(b, PLACE)
    kept = store.load()
    put(a, one(a1="a"), "a")
    with pytest.raises(LedgerChanged):
        store.save(one(a2="b"), kept, "b")
    assert read(a) == one(a1="a")
    again = store.load()
    assert again.ledger["rentix"].agents["1"] == agent("a")
    assert again.ledger["rentix"].agents["2"] == agent("b"), "what could not be pushed waits here"
    assert store.save(one(a1="a", a2="b"), again, "b") is None
    assert history(remote)[:2] == ["b", "a"]
    assert read(a) == read(b) == one(a1="a", a2="b")


def test_a_push_that_races_is_seen_as_moved(pair, monkeypatch):
    """Somebody else pushes between our look and our push, however little time there is."""
    a, b = pair
    put(a, one(a1="x"))
    whole = refs.git

    def with_another_before(folder, *arguments, **how):
        if "push" in arguments:
            monkeypatch.setattr(refs, "git", whole)
            put(a, one(a1="a"))
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", with_another_before)
    with pytest.raises(LedgerChanged):
        put(b, one(a1="b"))
    assert read(a) == one(a1="a")


# A remote that does not take it


def test_a_refused_push_is_kept_here_and_pushed_by_the_next_apply(pair, remote):
    """The user is told what others will see; the next load here has it, and the next save sends it.
    The history has it as one commit."""
    a, b = pair
    put(a, one(a1="x"), "first")
    before = looks(a)
    with refusing(remote):
        said = put(a, one(a1="y"), "refused")
        assert said.startswith(f"The ledger {PLACE} could not be pushed to origin (")
        assert "pre-receive hook declined" in said
        assert "values that cannot be read back may be sent again" in said
        assert "changes made from here may look like drift" in said
        assert read(b) == one(a1="x")
        kept = open_store(a, PLACE).load()
        assert kept.ledger == one(a1="y")
        assert kept.note == (
            f"The ledger {PLACE} has results of an apply from this clone that are not on origin yet. "
            f"The next apply pushes them."
        )
        assert "could not be pushed" in put(a, one(a1="y", a2="z"), "refused again")
        assert open_store(a, PLACE).load().ledger == one(a1="y", a2="z")
    assert put(a, one(a1="y", a2="z"), "second") is None
    assert read(a) == read(b) == one(a1="y", a2="z")
    assert history(remote) == ["second", "first"]
    assert say(a, "for-each-ref", open_store(a, PLACE).unpushed) == ""
    assert looks(a) == before


def test_what_could_not_be_pushed_is_put_onto_what_others_did(pair, remote):
    """Agent by agent: ours where only we changed something, theirs where they did."""
    a, b = pair
    put(a, one(a1="x", a2="x", a3="x", a4="x"), "first")
    with refusing(remote):
        put(a, one(a1="ours", a2="ours", a3="x", a5="ours"))
    put(b, one(a1="x", a2="theirs", a3="theirs", a4="x", a6="theirs"), "theirs")
    kept = open_store(a, PLACE).load()
    expected = one(a1="ours", a2="theirs", a3="theirs", a5="ours", a6="theirs")
    assert kept.ledger == expected
    assert put(a, expected, "both") is None
    assert read(b) == expected
    assert history(remote) == ["both", "theirs", "first"]


def test_what_could_not_be_pushed_is_forgotten_once_the_others_know_it(pair, remote):
    """Then it does not come back later."""
    a, b = pair
    with refusing(remote):
        put(a, one(a1="x"))
    put(b, one(a1="x"))
    assert read(a) == one(a1="x")
    put(b, {"rentix": PortalState()})
    assert read(a) == {"rentix": PortalState()}


def test_what_could_not_be_pushed_is_forgotten_if_it_cannot_be_read(pair, remote, monkeypatch):
    """It is safe to lose, as any ledger."""
    a, b = pair
    put(b, one(a1="x"))
    with refusing(remote), monkeypatch.context() as patch:
        patch.setattr(branch, "text", lambda _: b"half of i")
        put(a, one(a1="y"))
    assert read(a) == one(a1="x")


def test_a_change_that_was_taken_back_needs_no_push(pair, remote):
    """The remote has it as it is now; what waited does not come back."""
    a, _ = pair
    put(a, one(a1="x"))
    with refusing(remote):
        put(a, one(a1="y"))
        assert put(a, one(a1="x")) is None
    assert read(a) == one(a1="x")


def test_an_answer_that_was_lost_is_looked_up(pair, remote, monkeypatch):
    """The push was done, and the connection broke: nobody is told that it failed."""
    a, b = pair
    whole = refs.git

    def lose(folder, *arguments, **how):
        said = whole(folder, *arguments, **how)
        if "push" in arguments:
            raise GitError("the connection broke")
        return said

    monkeypatch.setattr(refs, "git", lose)
    assert put(a, KEPT) is None
    assert read(a) == read(b) == KEPT


def test_a_remote_that_is_gone_at_the_push_is_told(pair, remote, monkeypatch):
    """By the push's own reason; and what was applied is not lost."""
    a, b = pair
    store = open_store(a, PLACE)
    kept = store.load()
    with unreachable(remote):
        said = store.save(KEPT, kept, "first")
    assert said.startswith(f"The ledger {PLACE} could not be pushed to origin ('")
    assert "does not appear to be a git repository" in said
    assert store.load().ledger == KEPT
    assert put(a, KEPT) is None
    assert read(b) == KEPT


# A remote that does not answer


def test_without_an_answer_the_last_state_is_used(pair, remote):
    """With a word; and an apply tries to push again."""
    a, b = pair
    put(a, one(a1="x"))
    read(b)
    with unreachable(remote):
        kept = open_store(b, PLACE).load()
        assert kept.ledger == one(a1="x")
        assert f"The ledger {PLACE} could not be fetched from origin (" in kept.note
        assert kept.note.endswith(
            "Using the one last fetched, which lacks any later apply from elsewhere."
        )
        assert "could not be pushed" in put(b, one(a1="y"))
        both = open_store(b, PLACE).load()
        assert both.ledger == one(a1="y")
        assert "could not be fetched" in both.note
        assert "not on origin yet" in both.note
    assert put(b, one(a1="y")) is None
    assert read(a) == one(a1="y")


def test_without_an_answer_and_a_last_state_nothing_is_remembered(pair, remote):
    """With a word."""
    a, b = pair
    put(a, KEPT)
    with unreachable(remote):
        kept = open_store(b, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.endswith(
        "Nothing is remembered, so values that the portal does not return may be sent again."
    )
    with pytest.raises(LedgerChanged):  # it answers again, and there was something
        open_store(b, PLACE).save(one(a1="x"), kept, "")


def test_a_remote_that_hangs_is_not_waited_for(pair, monkeypatch):
    """Sixty seconds for a remote; here it is less."""
    a, _ = pair
    git(a, "remote", "set-url", "origin", "ssh://git@portal.example/agents.git")
    monkeypatch.setenv("GIT_SSH_COMMAND", "exec sleep 20 #")
    monkeypatch.setattr(branch, "REMOTE_TIMEOUT", 0.3)
    kept = open_store(a, PLACE).load()
    assert "could not be fetched from origin (no answer within 0.3 seconds)" in kept.note


def test_a_password_in_the_remotes_address_is_in_no_message(pair):
    """However the remote fails: at reading, and at writing."""
    a, _ = pair
    git(a, "remote", "set-url", "origin", "https://ana:geheim@127.0.0.1:1/agents.git")
    kept = open_store(a, PLACE).load()
    said = put(a, KEPT)
    assert "127.0.0.1" in kept.note + said
    assert "geheim" not in kept.note + said
    assert "ana" not in kept.note + said


def test_no_address_is_on_a_command_line(pair, monkeypatch):
    """Other users of a computer see the arguments of every process; the remote goes by its name."""
    a, _ = pair
    seen, whole = [], refs.git

    def watch(folder, *arguments, **how):
        seen.extend(arguments)
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", watch)
    put(a, KEPT)
    assert "push" in seen
    assert not [each for each in seen if "://" in each or "remote.git" in each]


def test_how_to_reach_a_remote_may_stand_in_the_environment(pair, remote, monkeypatch):
    """A workflow gives git its token there, for this run and on no command line; here it is the
    whole address."""
    a, b = pair
    git(a, "remote", "set-url", "origin", "https://git.example/agents.git")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{remote.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://git.example/agents.git")
    assert put(a, KEPT) is None
    assert read(b) == KEPT


# A branch that comes and goes


def test_a_branch_that_was_deleted_is_a_ledger_that_was_lost(pair, remote):
    """Nobody brings the old one back; the next apply begins a new history."""
    a, b = pair
    put(a, KEPT, "old")
    read(b)
    git(remote, "update-ref", "-d", REF)
    assert read(a) == read(b) == {}
    assert put(b, one(a1="x"), "new") is None
    assert read(a) == one(a1="x")
    assert history(remote) == ["new"]


def test_a_ledger_from_before_there_was_a_remote_goes_along(alone, tmp_path):
    """Begun on one machine, and pushed later: what is known here is known, and its history stays."""
    put(alone, one(a1="x"), "alone")
    remote = remote_of(repository(tmp_path / "empty"), tmp_path / "remote.git")
    git(alone, "remote", "add", "origin", str(remote))
    kept = open_store(alone, PLACE).load()
    assert kept.ledger == one(a1="x")
    assert "not on origin yet" in kept.note
    assert put(alone, one(a1="x"), "shared") is None
    assert history(remote) == ["shared", "alone"]
    assert read(clone(remote, tmp_path / "b")) == one(a1="x")


# A repository that is damaged


def fails(monkeypatch, word):
    """From now on git fails where this word is among the arguments."""
    whole = refs.git

    def fail(folder, *arguments, **how):
        if word in arguments:
            raise GitError("No space left on device")
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", fail)


@pytest.mark.parametrize("command", ["hash-object", "mktree", "commit-tree"])
def test_a_commit_that_cannot_be_made_is_told(pair, alone, monkeypatch, command):
    """With a remote and without."""
    fails(monkeypatch, command)
    for folder in (pair[0], alone):
        said = put(folder, KEPT)
        assert said.startswith(f"The ledger {PLACE} could not be written (No space left on device)")
        assert read(folder) == {}


def test_a_repository_that_cannot_be_read_is_a_problem_of_configuration(pair, alone, monkeypatch):
    """With a remote and without."""
    stores = [open_store(folder, PLACE) for folder in (pair[0], alone)]
    fails(monkeypatch, "for-each-ref")
    for store in stores:
        with pytest.raises(ConfigError, match="cannot be read: No space left on device"):
            store.load()


# Putting two ledgers together

PLACED = st.builds(
    replace, MEMORY, url=st.sampled_from(["", "https://a.example", "https://b.example"])
)
LEDGERS = st.dictionaries(st.sampled_from("rp"), PLACED, max_size=2)


def known(ledger):
    """What is known of each portal of which anything is, whether or not it is said at what
    address."""
    return {
        name: replace(prior, url="")
        for name, prior in ledger.items()
        if prior.agents or prior.refused
    }


@settings(deadline=None, max_examples=80, database=None)
@given(base=LEDGERS, ours=LEDGERS, theirs=LEDGERS)
def test_two_ledgers_put_together(base, ours, theirs):
    """Where one side did nothing it is the other's; otherwise each entry is one of theirs or ours,
    and never one that neither has."""
    assert known(merge(base, base, theirs)) == known(theirs)
    assert known(merge(base, ours, base)) == known(ours)
    assert known(merge(base, ours, ours)) == known(ours)
    both = merge(base, ours, theirs)
    for name, prior in both.items():
        here, there = (each.get(name, PortalState()) for each in (ours, theirs))
        for key, entry in prior.agents.items():
            assert entry in (here.agents.get(key), there.agents.get(key))
        for key, entry in prior.refused.items():
            assert entry in (here.refused.get(key), there.refused.get(key))
        assert prior.url in (here.url, there.url)
        if "" != here.url != there.url != "":
            assert prior in (here, there)


def at(url, **agents):
    """What is remembered of Rentix at an address."""
    return {"rentix": replace(one(**agents)["rentix"], url=url)}


A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        pytest.param(
            at(A, a1="x"),
            at(A, a1="x", a2="ours"),
            at(A, a1="theirs"),
            at(A, a1="theirs", a2="ours"),
            id="one address, both changed",
        ),
        pytest.param(
            at("", a1="x"),
            at(A, a1="x", a2="ours"),
            at("", a1="x", a3="theirs"),
            at(A, a1="x", a2="ours", a3="theirs"),
            id="ours is the first to say the address",
        ),
        pytest.param(
            {}, at(A, a1="ours"), at(A, a2="theirs"), at(A, a1="ours", a2="theirs"), id="no base"
        ),
        pytest.param(
            at(A, a1="x"), at(B, a1="y"), at(A, a1="x"), at(B, a1="y"), id="only we moved"
        ),
        pytest.param(
            at(A, a1="x"), at(A, a1="x", a2="ours"), at(B, a1="y"), at(B, a1="y"), id="they moved"
        ),
        pytest.param(
            at(A, a1="x"),
            at(B, a1="ours"),
            at(A, a1="theirs"),
            at(A, a1="theirs"),
            id="we moved, and they changed where we were",
        ),
        pytest.param(
            at(A, a1="x", a2="x"),
            at(B, a1="x", a2="ours"),
            at(B, a2="x"),
            at(B, a1="x", a2="x"),
            id="both moved: an id of the old address is nobody's here",
        ),
    ],
)
def test_ids_of_two_addresses_are_never_mixed(base, ours, theirs, expected):
    """The address that the ids belong to is kept; with two of them it is theirs, or ours where only
    we changed anything."""
    assert merge(base, ours, theirs) == expected


def test_ten_thousand_agents(pair, remote):
    """A large agency's ledger is read and written in seconds, and a small change is a small pack."""
    a, b = pair
    large = {
        "rentix": PortalState(
            {
                str(number): AgentState(
                    f"agent-{number:05}",
                    {
                        name: FieldState(f"{number:032x}", f"{number:032x}", f"{name} of {number}")
                        for name in ("name", "avatar", "description.ru", "instagram")
                    },
                )
                for number in range(10_000)
            }
        )
    }
    began = time.perf_counter()
    assert put(a, large) is None
    assert read(b) == large
    changed = {"rentix": PortalState({**large["rentix"].agents, "5": agent("x")})}
    assert put(b, changed) is None
    assert read(a) == changed
    assert time.perf_counter() - began < 30
    assert say(remote, *ME, "fsck") == ""
