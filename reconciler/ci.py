"""What a workflow on GitHub runs: the plan of a pull request, the apply of a merge, drift at night.

Each is a flat list of stages, as in `app`; what GitHub is told stands here, what it means there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler import app
from reconciler.core.form import counts
from reconciler.core.model import Conflict, Operation, Plan, Report, Warning
from reconciler.core.plan import Selection
from reconciler.errors import InputError, UsageError
from reconciler.git import GitError, git
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.commands import Level, Note, annotate, outputs, quietly, summarise
from reconciler.github.notices import RUN, comment, issue, marker
from reconciler.github.reviewed import reviewed
from reconciler.github.run import Pull, Run
from reconciler.render import html, markdown, text
from reconciler.render.view import plural
from reconciler.store import planfile

COMMENT = 60_000
"""Bytes of a comment or an issue's text; GitHub refuses 65,536 characters, in whichever unit."""
SUMMARY = 900_000
"""Bytes of a step's summary; past 1 MiB it is lost."""
HISTORY = 30
"""Commits of a branch, from its head, whose pull requests' plans are looked at."""
LISTED = 50
"""Agents, and values of one, that a list of files names."""
DEPENDABOT = "dependabot[bot]"
ALL = Selection()


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a step runs: the repository's folder, its configuration, the run, the environment, and
    how to say a line in the log."""

    root: Path
    config: Path | None
    run: Run
    environment: Mapping[str, str]
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def github(self) -> GitHub:
        """A client for this run's repository."""
        return GitHub(self.run.api, self.run.repository, self.run.token, self.sleep)

    def tell(self, notes: Sequence[Note]) -> None:
        """Annotate the run."""
        for line in annotate(notes):
            self.say(line)


def plan(setting: Setting, folder: Path) -> int:
    """Plan a pull request: told in a comment, in the summary, at the lines of the files; kept in
    `folder` as plan.json and report.html. The exit code of the step."""
    pull = setting.run.pull
    if pull is None:
        raise UsageError("`ci plan` is for the event pull_request.")
    repository = _open(setting)
    base = _base(setting.root, pull)
    if not pull.ours or setting.run.actor == DEPENDABOT:
        return _files_alone(setting, repository, base)
    with app.planning(
        repository, setting.environment, ALL, (), app.open_base(repository, base)
    ) as draw:
        planned = draw(ALL)
    made = planned.plan
    folder.mkdir(parents=True, exist_ok=True)
    planfile.save(folder / "plan.json", planned.form)
    (folder / "report.html").write_text(html.plan(made), "utf-8", errors="replace")
    head = f"{marker('plan')}\n{_about(setting.run, pull, base)}"
    quietly(text.plan(made, width=100, color=False), setting.say)
    setting.tell([*_notes(made), *_commented(setting, pull, made, head)])
    summarise(setting.run.summary, markdown.plan(made, budget=SUMMARY))
    outputs(
        setting.run.output,
        {
            **counts(made),
            "changes": bool(made.entries),
            "digest": planned.form["digest"],
            "folder": folder.as_posix(),
        },
    )
    return 1 if made.unread else 0


def _open(setting: Setting) -> app.Repository:
    """The repository; its mistakes are told at their lines too. Raises InputError."""
    try:
        return app.open_repository(setting.root, setting.config)
    except InputError as error:
        setting.tell(
            [
                Note("error", f"{each.message}. {each.hint}", each.file, each.line, each.column)
                for each in error.problems
            ]
        )
        raise


def _base(root: Path, pull: Pull) -> str:
    """The commit whose files the pull request is to be merged into: for a merge that the platform
    made to try it, its first parent; else where the two branches part."""
    try:
        said = git(root, "rev-list", "--parents", "-n", "1", "HEAD").decode().split()
        if len(said) == 3 and said[2] == pull.head:
            return said[1]
        return git(root, "merge-base", pull.base, "HEAD").decode().strip()
    except GitError:
        raise UsageError(
            "The base of the pull request is not here. Check out with fetch-depth: 0."
        ) from None


def _about(run: Run, pull: Pull, base: str) -> str:
    """Which commits a comment speaks of, and where the run is."""
    return (
        f"<sub>Plan for {pull.head[:12]} on {base[:12]}</sub>\n"
        f"{_link(run, 'the whole plan and the report')}"
    )


def _link(run: Run, said: str) -> str:
    """The line that leads to the run."""
    return f'{RUN}<a href="{run.page}">{said}</a></sub>\n\n'


def _commented(setting: Setting, pull: Pull, made: Plan, head: str) -> Iterator[Note]:
    """Keep the pull request's comment; what hinders that is a warning, and the plan stands."""
    body = markdown.plan(made, budget=COMMENT, head=head)
    try:
        with setting.github() as github:
            now = github.get(f"pulls/{pull.number}")
            if (now.get("head") or {}).get("sha") != pull.head:
                setting.say("A newer commit is there; its run writes the comment.")
                return
            start = bool(made.entries or made.conflicts or made.unread)
            done = comment(github, pull.number, "plan", body, start=start)
            setting.say(f"The comment: {done}.")
    except GitHubError as error:
        yield Note("warning", f"The comment could not be written: {error}")


def _notes(made: Plan) -> Iterator[Note]:
    """A plan's annotations: what is in the way at the line that it is about."""
    for portal, why in made.unread:
        yield Note("error", f"{portal} could not be read: {why}")
    for each in made.conflicts:
        yield _note("error", each, f"conflict: {each.reason}")
    for said in made.excess:
        yield Note("warning", f"over the limits: {said}")
    for note in made.warnings:
        yield _note("warning", note, note.message)


def _note(level: Level, each: Conflict | Warning | Operation, message: str) -> Note:
    said = f"{each.key} on {each.portal}: {message}"
    if each.source is None:
        return Note(level, said)
    return Note(level, said, each.source.file, each.source.line)


NO_KEYS = (
    "The files are valid. A pull request from a fork, or of Dependabot, is given no keys, so the "
    "portals were not read: a maintainer has to plan it."
)


def _files_alone(setting: Setting, repository: app.Repository, base: str) -> int:
    """A pull request that is given no secrets: what its files change, without any portal."""
    changed = app.compare_files(repository, app.open_base(repository, base))
    setting.tell([Note("notice", NO_KEYS)])
    lines = [f"### {plural(len(changed), 'agent')} changed in the files", "", NO_KEYS, ""]
    for each in changed[:LISTED]:
        paths = ", ".join(map(markdown.code, each.paths[:LISTED]))
        lines.append(f"- {markdown.code(each.key)} ({each.what}): {paths}")
    if len(changed) > LISTED:
        lines.append(f"- and {len(changed) - LISTED} more")
    summarise(setting.run.summary, "\n".join(lines) + "\n")
    return 0


def apply(setting: Setting, workflow: str) -> int:
    """Apply a branch's head: who was reviewed in the plan of a pull request that led here, and
    nobody else; all of it when a person started the run. `workflow` is where plans are made."""
    run = setting.run
    if run.branch is None:
        raise UsageError(
            "`ci apply` is for pushes to a branch, and for a run that a person starts."
        )
    repository = _open(setting)
    with setting.github() as github, app.planning(repository, setting.environment, ALL) as draw:
        planned = draw(ALL)
        stale: tuple[Conflict, ...] = ()
        if run.event != "workflow_dispatch" and planned.plan.entries:
            plans, whys = _reviewed(setting, github, run.branch, workflow)
            if not plans:
                return _closed(setting, whys)
            planned, stale = app.only_reviewed(planned, plans, draw)
        if _superseded(setting, github, run.branch):
            return 0
        if run.event == "workflow_dispatch":
            app.check_limits(planned)
        report = app.apply(repository, planned, stale, lambda _: None)
    quietly(text.report(report, width=100, color=False), setting.say)
    setting.tell(list(_outcomes(report)))
    summarise(run.summary, markdown.report(report, budget=SUMMARY))
    outputs(run.output, {"applied": report.count("applied"), "failed": report.count("failed")})
    return report.exit_code


def _superseded(setting: Setting, github: GitHub, branch: str) -> bool:
    """Whether the branch has gone on; then the run of its head applies all of it."""
    head = (github.get(f"git/ref/heads/{branch}").get("object") or {}).get("sha")
    if head == setting.run.commit:
        return False
    said = f"Superseded: {branch} is at {head} now, and the run of that commit applies it."
    setting.tell([Note("notice", said)])
    summarise(setting.run.summary, said)
    return True


def _reviewed(
    setting: Setting, github: GitHub, branch: str, workflow: str
) -> tuple[list[Plan], list[str]]:
    """The plans of the pull requests that led to the head, the newest first; and which lack."""
    try:
        said = git(setting.root, "rev-list", "--first-parent", "-n", str(HISTORY), "HEAD")
    except GitError as error:
        raise UsageError(f"The history cannot be read: {error}.") from None
    found = list(reviewed(github, said.decode().split(), branch, workflow))
    plans = [made for made, _ in found if made is not None]
    return plans, [why for made, why in found if made is None]


def _closed(setting: Setting, whys: Sequence[str]) -> int:
    """Nothing was reviewed, so nothing is sent; a person can start the run by hand."""
    why = "; ".join(whys) or "no pull request led to this commit"
    said = (
        f"Nothing was applied: {why}. What a plan would change was shown to nobody. To apply it "
        f"all the same, start this workflow by hand (Run workflow)."
    )
    setting.tell([Note("error", said)])
    summarise(setting.run.summary, said)
    return 1


def _outcomes(report: Report) -> Iterator[Note]:
    """A report's annotations: what was not done, at the line that it is about."""
    for _, each in report.outcomes:
        if each.status not in ("applied", "waiting"):
            operation = replace(each.operation, source=each.source)
            said = f"{operation.verb} {each.status}: {each.error}"
            yield _note("error", operation, said)
    for stale in report.stale:
        yield _note("warning", stale, f"left out: {stale.reason}")
    for note in report.notes:
        yield Note("warning", note)


def drift(setting: Setting) -> int:
    """Tell what somebody changed on each portal: one issue for each, closed when it is clean."""
    repository = _open(setting)
    with app.planning(repository, setting.environment, ALL) as draw:
        found = app.drift(draw(ALL)).plan
    notes = [Note("error", f"{portal} could not be read: {why}") for portal, why in found.unread]
    quietly(text.drift(found, width=100, color=False), setting.say)
    summarise(setting.run.summary, markdown.drift(found, budget=SUMMARY))
    drifted = []
    for portal in found.portals:
        mine = _of(found, portal)
        clean = not (mine.entries or mine.conflicts or mine.waiting)
        drifted += [] if clean else [portal]
        head = f"{marker(f'drift {portal}')}\n{_link(setting.run, 'the run')}"
        body = None if clean else markdown.drift(mine, budget=COMMENT, head=head)
        try:
            with setting.github() as github:
                done = issue(github, f"drift {portal}", f"Drift on {portal}", body)
                setting.say(f"The issue on {portal}: {done}.")
        except GitHubError as error:
            notes.append(Note("warning", f"The issue on {portal} could not be kept: {error}"))
    setting.tell(notes)
    outputs(setting.run.output, {"drift": bool(drifted), "portals": ",".join(drifted)})
    return 1 if found.unread else 0


def _of(made: Plan, portal: str) -> Plan:
    """One portal's part of a plan."""
    return replace(
        made,
        entries=tuple(each for each in made.entries if each.portal == portal),
        conflicts=tuple(each for each in made.conflicts if each.portal == portal),
        warnings=tuple(each for each in made.warnings if each.portal == portal),
        waiting=tuple(each for each in made.waiting if each[0] == portal),
        portals=(portal,),
        unread=(),
    )
