"""An error that ends a step, as annotations and as a page for a summary or a comment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconciler.core.findings import sentence
from reconciler.errors import InputError, Problem, ReconcilerError
from reconciler.github.commands import Annotation
from reconciler.render import inline
from reconciler.render.problems import same_mistakes

Redact = Callable[[str], str]


def failure_annotations(error: Exception, redact: Redact) -> Iterator[Annotation]:
    """An annotation for each mistake in the files, at its line; else for each line of the
    error."""
    if isinstance(error, InputError):
        for each in error.problems:
            message = _sentences(each, redact)
            yield Annotation("error", message, each.file, each.line, each.column)
        return
    for line in _lines(error, redact):
        yield Annotation("error", line)


def failure_page(error: Exception, title: str, redact: Redact, most: int) -> str:
    """The error as markdown under a title, with at most `most` reasons and places of each."""
    if isinstance(error, InputError):
        reasons = [
            f"{_places(same, most)}: {inline.message(_sentences(same[0], redact))}"
            for same in same_mistakes(error.problems)
        ]
    else:
        reasons = [inline.first(inline.message(line)) for line in _lines(error, redact)]
    lines = [f"### {title}", "", *(f"- {reason}" for reason in reasons[:most])]
    if len(reasons) > most:
        lines.append(f"- and {len(reasons) - most} more")
    return "\n".join(lines) + "\n"


def _places(problems: Sequence[Problem], most: int) -> str:
    shown = [inline.code(f"{each.file}:{each.line}") for each in problems[:most]]
    more = len(problems) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _sentences(problem: Problem, redact: Redact) -> str:
    return redact(". ".join(map(sentence, filter(None, (problem.message, problem.hint)))))


def _lines(error: Exception, redact: Redact) -> list[str]:
    """The error's message; a portal's takes one line."""
    if not isinstance(error, ReconcilerError):
        return [f"Internal error ({type(error).__name__}): see the log of the run."]
    return [redact(line) for line in str(error).split("\n")]
