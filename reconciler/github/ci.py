"""What a workflow on GitHub runs: the plan of a pull request, the apply of a merge, drift at night.

Each is a flat list of stages, as in `app`; what GitHub is told stands here, what it means there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.core.model import Conflict, Operation, Plan, Report, Warning
from reconciler.core.plan_json import counts
from reconciler.core.selection import Selection
from reconciler.engine import applying, planning, session
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import InputError, LimitsError, UsageError
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.commands import Level, Note, annotate, outputs, quietly, summarise
from reconciler.github.notices import RUN, comment, issue, marker
from reconciler.github.reviewed import artifact, reviewed
from reconciler.github.run import Pull, Run
from reconciler.render import html, markdown, text
from reconciler.render.view import plural
from reconciler.store import planfile
from reconciler.store.refs import GitError, git

if TYPE_CHECKING:
    from reconciler.documents.agents import Document

COMMENT = 60_000
"""Bytes of a comment or an issue's text; GitHub refuses 65,536 characters, in whichever unit."""
SUMMARY = 900_000
"""Bytes of a step's summary; past 1 MiB it is lost."""
HISTORY = 30
"""Commits of a branch, from its head, whose pull requests' plans are looked at."""
MISTAKES = 50
"""Mistakes in the files that a summary names."""
LISTED = 50
"""Agents, and values of one, that a list of files names."""
DEPENDABOT = "dependabot[bot]"
ALL = Selection()


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a step runs: the repository's folder, its configuration, the run, the environment, how
    to say a line in the log, how to strike out keys that somebody wrote into a file, and what makes
    an end that somebody wishes a gentle one."""

    root: Path
    config: Path | None
    run: Run
    environment: Mapping[str, str]
    say: Callable[[str], None]
    clean: Callable[[str], str]
    guard: Callable[[Cancellation], AbstractContextManager[None]]
    sleep: Callable[[float], None] = time.sleep

    def github(self) -> GitHub:
        """A client for this run's repository."""
        return GitHub(self.run.api, self.run.repository, self.run.token, self.sleep)

    def tell(self, notes: Iterable[Note]) -> None:
        """Annotate the run; GitHub wants the files' places from the top of the checkout."""
        notes = list(notes)
        above = ""
        if any(note.file for note in notes):
            with suppress(GitError):
                above = git(self.root, "rev-parse", "--show-prefix").decode().rstrip("\n")
        for line in annotate(
            replace(note, file=f"{above}{note.file}") if note.file else note for note in notes
        ):
            self.say(line)


def plan(setting: Setting, folder: Path) -> int:
    """Plan a pull request: told in a comment, in the summary, at the lines of the files; kept in
    `folder` as plan.json and report.html. The exit code of the step."""
    pull = setting.run.pull
    if pull is None or setting.run.event != "pull_request":
        raise UsageError("`ci plan` is for the event pull_request.")
    base = _base(setting.root, pull)
    repository = _open(setting)
    before = _before(setting, repository, base)
    if not pull.ours or setting.run.actor == DEPENDABOT:
        return _files_alone(setting, repository, before)
    with planning.open_planner(repository, setting.environment, ALL, (), before) as planner:
        planned = planner.make_plan(ALL)
    made = planned.plan
    try:
        folder.mkdir(parents=True, exist_ok=True)
        planfile.save(folder / "plan.json", planned.document)
        (folder / "report.html").write_text(html.plan(made), "utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    head = f"{marker('plan')}\n{_about(setting.run, pull, base)}"
    quietly(text.plan(made, width=100, color=False), setting.say)
    setting.tell([*_notes(planned), *_commented(setting, pull, made, head)])
    summarise(setting.run.summary, markdown.plan(made, budget=SUMMARY))
    outputs(
        setting.run.output,
        {
            **counts(made),
            "changes": bool(made.entries),
            "digest": planned.document["digest"],
            "folder": folder.as_posix(),
            "artifact": artifact(pull.head),
        },
    )
    return 1 if made.unread else 0


def _open(setting: Setting) -> session.Repository:
    """The repository; its mistakes are told at their lines too. Raises InputError."""
    try:
        return session.open_repository(setting.root, setting.config)
    except InputError as error:
        lines = [f"### {plural(len(error.problems), 'mistake')} in the files", ""]
        notes = []
        for each in error.problems:
            said = setting.clean(". ".join(filter(None, (each.message, each.hint))))
            notes.append(Note("error", said, each.file, each.line, each.column))
            lines.append(f"- {markdown.code(f'{each.file}:{each.line}')}: {markdown.prose(said)}")
        if len(notes) > MISTAKES:
            lines[MISTAKES + 2 :] = [f"- and {len(notes) - MISTAKES} more"]
        setting.tell(notes)
        summarise(setting.run.summary, "\n".join(lines) + "\n")
        raise


def _before(
    setting: Setting, repository: session.Repository, base: str
) -> Sequence[Document] | None:
    """The agents as the base declares them; None, and a warning, where it has mistakes itself (the
    pull request may be the one that mends them)."""
    try:
        return session.open_base(repository, base)
    except UsageError:
        said = f"The files of the base ({base[:12]}) have mistakes, so nothing is compared with it."
        setting.tell([Note("warning", said)])
        return None


def _base(root: Path, pull: Pull) -> str:
    """The commit whose files the pull request is to be merged into: for a merge that the platform
    made to try it, its first parent; else where the two branches part. What is shown for a head
    has to be made of it."""
    try:
        said = git(root, "rev-list", "--parents", "-n", "1", "HEAD").decode().split()
        if len(said) == 3 and said[2] == pull.head:
            return said[1]
        if said[0] == pull.head:
            return git(root, "merge-base", pull.base, "HEAD").decode().strip()
    except GitError:
        pass
    raise UsageError(
        f"The head of the pull request ({pull.head[:12]}), or the merge of it, is not what is "
        f"checked out here, or its base is missing. Check out with fetch-depth: 0; if the branch "
        f"has moved meanwhile, the run of its new head plans it."
    )


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


def _notes(planned: planning.Proposal) -> Iterator[Note]:
    """A plan's annotations: what is in the way at the line that it is about."""
    made = planned.plan
    yield from _hindrances(made)
    for said in made.excess:
        yield Note("warning", f"over the limits: {said}")
    for said in planned.notes:
        yield Note("warning", said)
    for note in made.warnings:
        yield _note("warning", note, note.message)


def _hindrances(made: Plan) -> Iterator[Note]:
    """What a plan could not take in."""
    yield from _unread(made)
    for each in made.conflicts:
        yield _note("error", each, f"conflict: {each.reason}")


def _unread(made: Plan) -> Iterator[Note]:
    """The portals that a plan knows nothing of."""
    for portal, why in made.unread:
        yield Note("error", f"{portal} could not be read: {why}")


def _note(level: Level, each: Conflict | Warning | Operation, message: str) -> Note:
    said = f"{each.key} on {each.portal}: {message}"
    if each.source is None:
        return Note(level, said)
    return Note(level, said, each.source.file, each.source.line)


NO_KEYS = (
    "The files are valid. A pull request from a fork, or of Dependabot, is given no keys, so the "
    "portals were not read: a maintainer has to plan it."
)


def _files_alone(
    setting: Setting, repository: session.Repository, before: Sequence[Document] | None
) -> int:
    """A pull request that is given no secrets: what its files change, without any portal."""
    setting.tell([Note("notice", NO_KEYS)])
    if before is None:
        summarise(setting.run.summary, f"### The files are valid\n\n{NO_KEYS}\n")
        return 0
    changed = planning.compare_files(repository, before)
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
    commits = _history(setting)
    with setting.github() as github:
        if _superseded(setting, github, run.branch, commits):
            return 0
        repository = _open(setting)
        with planning.open_planner(
            repository, setting.environment, ALL, lock=setting.say
        ) as planner:
            planned = planner.make_plan(ALL)
            stale: tuple[Conflict, ...] = ()
            whys: list[str] = []
            if run.event == "workflow_dispatch":
                _check_limits(planned.plan)
            elif planned.plan.entries:
                found = reviewed(github, commits, run.branch, workflow)
                chosen, whys = _reviewed(planned, found)
                whys += _shallow(setting)
                if chosen is None:
                    return _closed(setting, whys)
                planned, stale = chosen
            if _superseded(setting, github, run.branch, commits):
                return 0
            with setting.guard(planned.cancellation):
                report = applying.apply(planned, stale, lambda _: None)
    quietly(text.report(report, width=100, color=False), setting.say)
    told = [*planned.notes, *(whys if stale else ())]
    setting.tell(
        [*_hindrances(planned.plan), *_outcomes(report), *(Note("warning", said) for said in told)]
    )
    summarise(run.summary, markdown.report(report, budget=SUMMARY))
    outputs(run.output, {"applied": report.count("applied"), "failed": report.count("failed")})
    return report.exit_code


def _check_limits(made: Plan) -> None:
    """Raises LimitsError where a run by hand would change more than the limits allow; what was
    read in a pull request may."""
    if made.excess:
        raise LimitsError(
            f"This is over the limits, nothing was sent: {'; '.join(made.excess)}. Bring it by a "
            f"pull request, whose plan is read; or raise `limits`."
        )


def _superseded(setting: Setting, github: GitHub, branch: str, commits: Sequence[str]) -> bool:
    """Whether the branch has gone on; then the run of its head applies all of it. Raises
    GitHubError where it has gone back, or GitHub does not know yet: nothing would apply it."""
    head = (github.get(f"git/ref/heads/{quote(branch)}").get("object") or {}).get("sha")
    if head == setting.run.commit:
        return False
    if head in commits:
        raise GitHubError(
            f"Nothing was sent: {branch} is at {head}, which is before the commit of this run. "
            f"Unless it was set back, run this once more."
        )
    said = f"Superseded: {branch} is at {head} now, and the run of that commit applies it."
    setting.tell([Note("notice", said)])
    summarise(setting.run.summary, markdown.prose(said))
    return True


def _history(setting: Setting) -> list[str]:
    """The commits that led to the head, the newest first. Raises UsageError if that is not the
    commit of this run."""
    try:
        said = git(setting.root, "rev-list", "--first-parent", "-n", str(HISTORY), "HEAD")
    except GitError as error:
        raise UsageError(f"The history cannot be read: {error}.") from None
    commits = said.decode().split()
    if commits[0] != setting.run.commit:
        raise UsageError(
            f"What is checked out is {commits[0][:12]}, and this run is of "
            f"{setting.run.commit[:12]}: nothing was sent."
        )
    return commits


def _shallow(setting: Setting) -> list[str]:
    """A word for a history that is cut short, where merges cannot be found."""
    cut = git(setting.root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    return ["the history is cut short here: check out with fetch-depth: 0"] if cut else []


def _reviewed(
    planned: planning.Proposal,
    found: Iterator[tuple[Plan | None, str]],
) -> tuple[planning.Reviewed | None, list[str]]:
    """The part of a plan that was reviewed, and who is left out (None if nothing was reviewed at
    all); and which plans lack. Nobody looks further back than needed."""
    plans: list[Plan] = []
    whys: list[str] = []
    chosen: planning.Reviewed | None = None
    for made, why in found:
        if made is None:
            whys.append(why)
            continue
        plans.append(made)
        chosen = planning.only_reviewed(planned, plans)
        if not chosen.stale:
            break
    return chosen, whys


def _closed(setting: Setting, whys: Sequence[str]) -> int:
    """Nothing was reviewed, so nothing is sent; a person can start the run by hand."""
    why = "; ".join(whys) or "no pull request led to this commit"
    said = (
        f"Nothing was applied: {why}. What a plan would change was shown to nobody. To apply it "
        f"all the same, start this workflow by hand (Run workflow)."
    )
    setting.tell([Note("error", said)])
    summarise(setting.run.summary, markdown.prose(said, len(said)))
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
    with planning.open_planner(repository, setting.environment, ALL) as planner:
        planned = planner.drift(planner.make_plan(ALL))
    found = planned.plan
    notes = [*_unread(found), *(Note("warning", said) for said in planned.notes)]
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
