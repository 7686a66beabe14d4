"""What the steps of a workflow share: the job's surroundings and the repository's files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from reconciler.core.selection import Selection
from reconciler.engine import session
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted, UsageError
from reconciler.github.api import GitHub
from reconciler.github.commands import Annotation, annotate, summarize
from reconciler.github.failure import failure_annotations, failure_page
from reconciler.github.notices import RUN
from reconciler.github.run import Run
from reconciler.render import inline

SUMMARY_BYTES = 900_000
"""Size of a step's summary. Past 1 MiB GitHub drops all of it."""
MAX_ERRORS = 50
"""Errors that a summary lists."""
ALL_AGENTS = Selection()


@dataclass(frozen=True, slots=True)
class Job:
    """A step's surroundings: the repository's folder and configuration, the workflow run, the
    environment, how to log a line and to redact keys, and a context in which a signal cancels the
    run instead of ending it."""

    root: Path
    config: Path | None
    run: Run
    environment: Mapping[str, str]
    log: Callable[[str], None]
    redact: Callable[[str], str]
    guard: Callable[[Cancellation], AbstractContextManager[None]]
    sleep: Callable[[float], None] = time.sleep

    def github(self) -> GitHub:
        """A client for this run's repository. Raises GitHubError."""
        return GitHub(self.run.api, self.run.repository, self.run.token, self.sleep)

    @property
    def folder(self) -> str:
        """The agency's folder in the repository, "" at the top: a repository may have several. It
        is found without git, which refuses a checkout of another user."""
        root = self.root.resolve()
        for top in (root, *root.parents):
            if (top / ".git").exists():
                return root.relative_to(top).as_posix() if root != top else ""
        return ""

    def notice(self, name: str) -> str:
        """The name of a comment or an issue about this agency."""
        folder = self.folder
        return f"{name} {quote(folder)}" if folder else name

    def summarize(self, text: str) -> None:
        """Append markdown to the step's summary, under the agency's folder."""
        folder = self.folder
        summarize(self.run.summary, f"{inline.code(folder)}\n\n{text}" if folder else text)

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Annotate the run. GitHub expects paths from the top of the checkout."""
        annotations = list(annotations)
        folder = self.folder if any(each.file for each in annotations) else ""
        prefix = f"{folder}/" if folder else ""
        for line in annotate(
            replace(each, file=f"{prefix}{each.file}") if each.file else each
            for each in annotations
        ):
            self.log(line)

    def link(self, text: str) -> str:
        """The line of a comment or an issue that links to the run."""
        return f'{RUN}<a href="{self.run.url}">{text}</a></sub>\n\n'

    def open_repository(self) -> session.Repository:
        """The repository's files. Raises ConfigError and InputError."""
        return session.open_repository(self.root, self.config)

    def check_addresses(self, repository: session.Repository) -> None:
        """Raise UsageError if a person started the run on another branch than the default one, and
        the default one does not name a portal's host: no one merged that address."""
        run = self.run
        if run.event != "workflow_dispatch" or run.default_branch in (None, run.branch):
            return
        commit = f"refs/remotes/origin/{run.default_branch}"
        for each in session.unnamed_targets(repository, self.environment, commit):
            raise UsageError(
                f"Nothing was read or sent: the branch {run.default_branch} does not name the host "
                f"of {each.portal} at {each.url}. Merge the address first, or start this workflow "
                f"on {run.default_branch}. If {run.default_branch} names it, check out with "
                f"fetch-depth: 0."
            )

    @contextmanager
    def report_failure(self, title: str) -> Iterator[None]:
        """Annotate and summarize, under a title, an error that ends the step; then raise it
        again."""
        try:
            yield
        except Interrupted:
            raise
        except Exception as error:
            self.annotate(failure_annotations(error, self.redact))
            with suppress(OSError):  # a full disk must not hide the error
                self.summarize(failure_page(error, title, self.redact, MAX_ERRORS))
            raise
