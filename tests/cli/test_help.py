"""The help: one line a command, options with a phrase, examples that parse."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from reconciler.cli.commands import COMMANDS
from reconciler.cli.program import cli

COMPLETE = "import sys; from reconciler.cli.program import cli; cli(prog_name='reconciler')"


def commands(
    command: click.Command = cli, path: str = "reconciler"
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its path, subcommands included."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, f"{path} {name}")


ALL = dict(commands())


def parse(command: click.Command, name: str, words: list[str], parent: click.Context | None) -> str:
    """The path of the command that the words call. Nothing runs; a wrong word raises."""
    context = command.make_context(name, words, parent=parent)
    if not isinstance(command, click.Group):
        return context.command_path
    rest = [*context._protected_args, *context.args]
    child, found, rest = command.resolve_command(context, rest)
    assert child is not None
    assert found is not None
    return parse(found, child, rest, context)


def examples(command: click.Command) -> list[str]:
    """The examples in a command's help."""
    text = command.get_help(click.Context(command, terminal_width=80))
    return [line.strip() for line in text.partition("Examples:\n")[2].splitlines() if line.strip()]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_summary_is_the_first_line_of_the_commands_help(name: str) -> None:
    """The table repeats it, so that `--help` need not import the command."""
    command = ALL[f"reconciler {name}"]
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == COMMANDS[name][1]


def test_summaries_fit_on_a_line() -> None:
    """At 80 columns none is wrapped or cut, in `reconciler --help` and in `reconciler ci --help`."""
    for path, group in ALL.items():
        if isinstance(group, click.Group):
            lines = group.get_help(click.Context(group, terminal_width=80)).splitlines()
            children = [child for child in ALL if child.rpartition(" ")[0] == path]
            assert children
            for child in children:
                summary = (ALL[child].help or "").partition("\n")[0]
                shown = [line.split() for line in lines]
                assert [child.rpartition(" ")[2], *summary.split()] in shown, child


@pytest.mark.parametrize("path", ALL)
def test_each_command_has_examples_that_parse(path: str) -> None:
    """Two or three; each calls this command (or one of the group's) with options that exist."""
    found = examples(ALL[path])
    assert 2 <= len(found) <= 3
    for line in found:
        words = shlex.split(line)
        while "=" in words[0]:
            del words[0]
        assert words[0] == "reconciler"
        called = parse(cli, "reconciler", words[1:], None)
        assert called == path or called.startswith(f"{path} "), line


@pytest.mark.parametrize("path", ALL)
def test_examples_are_quoted_for_zsh(path: str) -> None:
    """A glob without a match is an error in zsh, so each one is in single quotes."""
    for line in examples(ALL[path]):
        assert not re.search(r"[*?\[\]{}()~!#$&;|<>]", re.sub(r"'[^']*'", "", line)), line


@pytest.mark.parametrize("path", ALL)
def test_each_option_has_a_phrase(path: str) -> None:
    """It begins with a capital and ends with a period."""
    for option in ALL[path].params:
        if isinstance(option, click.Option):
            assert re.fullmatch(r"[A-Z].*\.", option.help or "", re.DOTALL), option.name


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reconciler pl", ["plan"]),
        ("reconciler ci dr", ["drift"]),
        ("reconciler plan --det", ["--detailed-exitcode"]),
        ("reconciler --con", ["--config"]),
        ("reconciler plan --format ht", ["html"]),
    ],
)
def test_completion(words: str, expected: list[str]) -> None:
    """Names of commands, of commands in a group, options and values."""
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        env={
            **os.environ,
            "_RECONCILER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.partition(",")[2] for line in done.stdout.splitlines()]
    assert found == expected, done.stderr
