"""Running git: its reason is shown without passwords and control characters."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from repositories import plain_git, repository

from reconciler.store.refs import GitError, git


def failure(folder: Path, text: str) -> str:
    """The message if git fails with this on standard error."""
    (folder / "message").write_text(text, "utf-8")
    with pytest.raises(GitError) as caught:
        git(folder, "-c", "alias.fail=!cat message >&2; exit 3", "fail")
    return str(caught.value)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git settings of this computer."""
    plain_git(monkeypatch)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "git exited with code 3"),
        ("one\ntwo\n", "two"),
        ("fatal: not a repository\n", "not a repository"),
        (
            "fatal: Could not read from remote repository.\n\nPlease make sure you have the rights\n",
            "Could not read from remote repository.",
        ),
        (
            "remote: no\nTo /a.git\n ! [remote rejected] x -> y (hook declined)\n"  # noqa: ISC004
            "error: failed to push some refs to '/a.git'\nhint: see the help\n",
            "remote rejected: hook declined; no",
        ),
        (
            "remote: error: GH013: Repository rule violations found for refs/heads/ledger.\n"  # noqa: ISC004
            "remote: \nremote: - Changes must be made through a pull request.\x1b[K\nremote: \n"
            "To https://git.example/a\n ! [remote rejected] a -> ledger (push declined)\n"
            "error: failed to push some refs to 'https://git.example/a'\n",
            "remote rejected: push declined; GH013: Repository rule violations found for "  # noqa: ISC004
            "refs/heads/ledger. Changes must be made through a pull request.?[K",
        ),
        (f"remote: {'no' * 999}\nfatal: denied\n", f"denied; {'no' * 200}"),
        (
            "fatal: detected dubious ownership in repository at '/a'\n"  # noqa: ISC004
            "To add an exception for this directory, call:\n\n"
            "\tgit config --global --add safe.directory /a\n",
            "detected dubious ownership in repository at '/a'; to allow it, run "  # noqa: ISC004
            "`git config --global --add safe.directory /a`",
        ),
        ("\x1b[31mred\x9b and \u202eback", "?[31mred? and ?back"),
    ],
)
def test_the_reason_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """The line that explains the failure, made printable."""
    assert failure(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://ana:geheim@git.example/a.git", "https://git.example/a.git"),
        ("https://geheim@git.example/a.git", "https://git.example/a.git"),
        ("https://ana:ge@heim@git.example/a.git", "https://git.example/a.git"),
        ("ssh://git:geheim@git.example:22/a.git", "ssh://git.example:22/a.git"),
        ("https://git.example/@a/b.git", "https://git.example/@a/b.git"),
    ],
)
def test_a_password_in_an_address_is_removed(tmp_path: Path, address: str, expected: str) -> None:
    """Wherever it is in the message."""
    message = failure(tmp_path, f"fatal: unable to access '{address}/': and '{address}' too")
    assert message == f"unable to access '{expected}/': and '{expected}' too"


def test_a_hooks_environment_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIT_DIR and GIT_WORK_TREE of another repository have no effect."""
    here, other = repository(tmp_path / "here"), repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert git(here, "rev-parse", "--show-toplevel").decode().strip() == str(here.resolve())


def test_a_timeout(tmp_path: Path) -> None:
    """A remote may hang."""
    with pytest.raises(GitError, match=r"no answer within 0\.2 seconds"):
        git(tmp_path, "-c", "alias.hang=!exec sleep 20", "hang", timeout=0.2)


def test_git_does_not_get_the_portals_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do the programs that it starts; other variables are passed on."""
    for name in ("RENTIX_API_KEY", "PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET"):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "the agent's")
    message = git(tmp_path, "-c", "alias.show-all=!env", "show-all", environment={"GIVEN": "here"})
    assert b"_API_" not in message
    assert b"SSH_AUTH_SOCK=the agent's" in message
    assert b"GIVEN=here" in message


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A git of our own, first in the PATH."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_git_is_started_again_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal sends Ctrl-C to the whole process group; for us it means to end in order."""
    mark = tmp_path / "mark"
    script = f'if [ -e "{mark}" ]; then echo done; else touch "{mark}"; kill -INT $$; fi'
    program(tmp_path / "bin", monkeypatch, script)
    assert git(tmp_path, "push") == b"done\n"


def test_git_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OSError becomes a GitError."""

    def run(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(GitError, match="git cannot be started: Resource"):
        git(tmp_path, "push")
