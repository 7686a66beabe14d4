"""The command line: options in, exit code out."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from reconciler import __version__
from reconciler.errors import InputError, PortalError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.core.model import Event, Plan, Report
    from reconciler.core.plan_json import PlanDocument
    from reconciler.engine.concurrency import Cancellation
    from reconciler.engine.planning import Proposal
    from reconciler.engine.session import Repository

Command = TypeVar("Command", bound=Callable[..., Any])

log = logging.getLogger("reconciler")
LATE = {
    "demo": ("reconciler.cli.demo", "The whole story on a throw-away sandbox."),
    "sandbox": ("reconciler.sandbox.command", "Serve the portals locally, to try the tool on."),
}
"""Commands that are imported when they are called: their module, and what they do. They need the
extra `sandbox`."""


class Commands(click.Group):
    """The commands, some of them imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, the late ones too."""
        return sorted([*super().list_commands(ctx), *LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; without its extra, one that says what to install."""
        if cmd_name not in LATE:
            return super().get_command(ctx, cmd_name)
        module, purpose = LATE[cmd_name]
        gc.enable()  # `main` turns it off for commands that end soon; these serve
        try:
            import_module("uvicorn")
            import_module("starlette")
            command: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] == "reconciler":
                raise
            return _without_extra(cmd_name, purpose)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that there is not."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - after a slip alone

            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"There is no command {args[0]}.{hint}") from error


def _without_extra(name: str, purpose: str) -> click.Command:
    """The command of this name where its extra is not installed: it says what to do."""

    @click.command(name, help=purpose, context_settings={"ignore_unknown_options": True})
    @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
    def command(rest: tuple[str, ...]) -> None:  # noqa: ARG001 - whatever was asked
        raise UsageError(
            f"`{name}` serves the simulated portals, which are an extra. Install it in the "
            f"checkout with: pip install '.[sandbox]'"
        )

    return command


@dataclass(frozen=True, slots=True)
class Setting:
    """The options before the command."""

    root: Path
    config: Path | None
    quiet: bool

    def say(self, text: str) -> None:
        """A word beside the result: to standard error, unless -q."""
        if not self.quiet and text:
            click.echo(_printed(text), err=True, nl=not text.endswith("\n"))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "root",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository with the agents; default: this folder.",
)
@click.option(
    "--config",
    metavar="FILE",
    envvar="RECONCILER_CONFIG",
    type=click.Path(path_type=Path),
    help="Instead of reconciler.yaml.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell every request and pause.")
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
@click.version_option(__version__, prog_name="reconciler")
@click.pass_context
def cli(ctx: click.Context, root: Path, config: Path | None, verbose: bool, quiet: bool) -> None:
    """Keep the agents of an agency true on the portals that publish them."""
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.")
    if verbose:
        threading.current_thread().name = "reconciler"  # each portal has a thread of its name
        form = "%(threadName)s: %(message)s"
        logging.basicConfig(stream=sys.stderr, format=form, level=logging.WARNING)
    logging.getLogger("reconciler").setLevel(logging.INFO if verbose else logging.WARNING)
    ctx.obj = Setting(root, config, quiet)


def options(*chosen: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in this order."""

    def decorate(command: Command) -> Command:
        for each in reversed(chosen):
            command = each(command)
        return command

    return decorate


selectors = options(
    click.option(
        "--target",
        "targets",
        metavar="GLOB",
        multiple=True,
        help="Only agents whose key or file fits; may be repeated.",
    ),
    click.option(
        "--exclude",
        "excludes",
        metavar="GLOB",
        multiple=True,
        help="No agents whose key or file fits; may be repeated.",
    ),
    click.option("--portal", "portals", metavar="NAME", multiple=True, help="Only this portal."),
)
output = options(
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "markdown", "html"]),
        default="text",
        show_default=True,
        help="What to write.",
    ),
    click.option(
        "--output",
        "target",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Where to write it, instead of standard output.",
    ),
)


@cli.command()
@click.option(
    "--portal",
    "portals",
    metavar="NAME",
    multiple=True,
    default=("rentix",),
    show_default=True,
    help="A portal to use; may be repeated.",
)
@click.option(
    "--branch",
    metavar="NAME",
    default="main",
    show_default=True,
    help="The branch whose pushes are applied: the default branch on GitHub.",
)
@click.option(
    "--action",
    metavar="OWNER/REPO@SHA",
    help="Let the workflows use this action; default: they install this version of the program.",
)
@click.pass_obj
def init(setting: Setting, portals: tuple[str, ...], branch: str, action: str | None) -> int:
    """Lay out a repository: configuration, a sample agent, schemas, workflows."""
    from reconciler.github import layout  # noqa: PLC0415

    done = layout.init(setting.root, portals, branch, action)
    for path in done.written:
        click.echo(f"wrote  {path}")
    for path in done.kept:
        click.echo(f"kept   {path}  (was there already)")
    for note in done.notes:
        setting.say(f"note: {note}")
    return 0


@cli.command()
@click.pass_obj
def validate(setting: Setting) -> int:
    """Check the files; no network, nothing is written."""
    from reconciler.engine import session  # noqa: PLC0415 - what a command needs is imported by it

    repository = session.open_repository(setting.root, setting.config)
    from reconciler.documents.yaml import parser  # noqa: PLC0415

    log.info("YAML is read by %s", parser())
    files = len({document.source.file for document in repository.documents})
    agents = len(repository.documents)
    _warn_if_none(setting, repository)
    click.echo(
        f"Valid: {agents} {'agent' if agents == 1 else 'agents'} "
        f"in {files} {'file' if files == 1 else 'files'}."
    )
    return 0


@cli.command()
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Save the plan, to be reviewed and applied as it is.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes or conflicts.")
@click.option(
    "--base",
    metavar="REF",
    help="Tell whose each change is, beside the files at this commit: theirs, the portal's, yours.",
)
@selectors
@output
@click.pass_obj
def plan(
    setting: Setting,
    out: Path | None,
    detailed_exitcode: bool,
    base: str | None,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    portals: tuple[str, ...],
    form: str,
    target: Path | None,
) -> int:
    """Show what an apply would change; nothing is changed."""
    from reconciler.core.selection import Selection  # noqa: PLC0415
    from reconciler.engine import planning, session  # noqa: PLC0415
    from reconciler.render.visible import one_line  # noqa: PLC0415
    from reconciler.store import planfile  # noqa: PLC0415

    repository = session.open_repository(setting.root, setting.config)
    _warn_if_none(setting, repository)
    chosen = Selection(targets, excludes)
    before = None if base is None else session.open_base(repository, base)
    with planning.open_planner(repository, os.environ, chosen, portals, before) as planner:
        planned = planner.make_plan(chosen)
    if out is not None:
        planfile.save(out, planned.document)
    _show(setting, planned, form, target)
    if out is not None:
        name = one_line(str(out))
        setting.say(f"Saved as {name}. Apply exactly this with: reconciler apply --plan {name}")
    changes = bool(planned.plan.entries or planned.plan.conflicts)
    return _unread(planned.plan) or (2 if detailed_exitcode and changes else 0)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@output
def show(file: Path, form: str, target: Path | None) -> int:
    """Show a saved plan."""
    from reconciler.core.plan_json import parse  # noqa: PLC0415
    from reconciler.store import planfile  # noqa: PLC0415

    saved = planfile.load(file)
    _write(_plan_text(saved, parse(saved), form, target), target, form)
    return 0


@cli.command()
@selectors
@output
@click.pass_obj
def drift(
    setting: Setting,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    portals: tuple[str, ...],
    form: str,
    target: Path | None,
) -> int:
    """Show what somebody changed behind the files' back; exit 2 if anything."""
    from reconciler.core.selection import Selection  # noqa: PLC0415
    from reconciler.engine import planning, session  # noqa: PLC0415

    repository = session.open_repository(setting.root, setting.config)
    _warn_if_none(setting, repository)
    chosen = Selection(targets, excludes)
    with planning.open_planner(repository, os.environ, chosen, portals) as planner:
        drifted = planner.drift(planner.make_plan(chosen))
    _tell(setting, drifted)
    _write(_plan_text(drifted.document, drifted.plan, form, target, "drift"), target, form)
    found = drifted.plan.entries or drifted.plan.conflicts or drifted.plan.waiting
    return _unread(drifted.plan) or (2 if found else 0)


@cli.command()
@click.option(
    "--plan",
    "saved",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Apply this saved plan, and nothing that it does not show.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Send nothing; show every request.")
@click.option(
    "--on-stale",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Where the saved plan is stale: send nothing, or leave those agents out.",
)
@click.option("--force", is_flag=True, help="Apply even if it is over the limits.")
@selectors
@output
@click.pass_obj
def apply(
    setting: Setting,
    saved: Path | None,
    yes: bool,
    dry_run: bool,
    on_stale: str,
    force: bool,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    portals: tuple[str, ...],
    form: str,
    target: Path | None,
) -> int:
    """Make the portals as the files say, and check the outcome."""
    from reconciler.core.plan_json import selection  # noqa: PLC0415
    from reconciler.core.selection import Selection  # noqa: PLC0415
    from reconciler.engine import applying, planning, session  # noqa: PLC0415
    from reconciler.render import text  # noqa: PLC0415
    from reconciler.store import planfile  # noqa: PLC0415

    _check_use(saved, on_stale, [*targets, *excludes, *portals])
    reviewed = planfile.load(saved) if saved is not None else None
    repository = session.open_repository(setting.root, setting.config)
    _warn_if_none(setting, repository)
    chosen = Selection(targets, excludes)
    if reviewed is not None:
        chosen, portals = selection(reviewed)
    lock = None if dry_run else setting.say
    with planning.open_planner(repository, os.environ, chosen, portals, lock=lock) as planner:
        planned = planner.make_plan(chosen)
        stale: tuple[Any, ...] = ()
        if reviewed is not None:
            planned, stale = planning.only_saved(planned, reviewed, skip=on_stale == "skip")
        if dry_run:
            _show(setting, planned, form, target, requests=True)
            return _unread(planned.plan) or (3 if stale else 0)
        _tell(setting, planned)
        asks = planned.plan.steps and not yes
        here = form == "text" and not (reviewed and yes)
        beside = form != "text" or (asks and not sys.stdout.isatty())
        told = text.plan(planned.plan, **_page(None)) if here or beside else ""
        if here:
            _write(told, None)
        if beside:
            setting.say(told)
        if not force and reviewed is None:
            planning.check_limits(planned)
        if asks:
            _ask()
        _check_target(target)
        with (
            _progress(setting, planned.plan) as watch,
            _interruptible(setting, planned.cancellation),
        ):
            done = applying.apply(planned, stale, watch)
            _write(_report_text(done, planned.document["digest"], form, target), target, form)
    return done.exit_code


@cli.group("ci")
def continuous() -> None:
    """Plan, apply and tell drift as a workflow on GitHub runs them."""


@continuous.command("plan")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("reconciler-plan"),
    show_default=True,
    help="Where to keep the plan and the report, for the run's artifact.",
)
@click.pass_obj
def ci_plan(setting: Setting, out: Path) -> int:
    """Plan a pull request, and tell it there."""
    from reconciler.github import ci  # noqa: PLC0415

    return ci.plan(_workflow(setting), out)


@continuous.command("apply")
@click.option(
    "--workflow",
    metavar="FILE",
    default=".github/workflows/reconciler-plan.yml",
    show_default=True,
    help="The workflow whose plans count as reviewed.",
)
@click.pass_obj
def ci_apply(setting: Setting, workflow: str) -> int:
    """Apply what was reviewed in the pull requests that led to a branch's head."""
    from reconciler.github import ci  # noqa: PLC0415

    return ci.apply(_workflow(setting), workflow)


@continuous.command("drift")
@click.pass_obj
def ci_drift(setting: Setting) -> int:
    """Keep an issue for each portal on which somebody changed something."""
    from reconciler.github import ci  # noqa: PLC0415

    return ci.drift(_workflow(setting))


def _workflow(setting: Setting) -> Any:  # noqa: ANN401 - what only a workflow imports
    """Where a step of a workflow runs."""
    from reconciler.github import ci, run  # noqa: PLC0415

    here = run.read(os.environ)
    os.environ |= run.credentials(here, os.environ)

    def say(line: str) -> None:
        click.echo(_without_keys(line))

    def guard(cancellation: Cancellation) -> AbstractContextManager[None]:
        return _interruptible(setting, cancellation)

    return ci.Setting(setting.root, setting.config, here, os.environ, say, _without_keys, guard)


@cli.command()
@click.pass_obj
def schema(setting: Setting) -> int:
    """Write schemas/: what an editor needs to complete and check the files."""
    from reconciler.documents.schema import schemas  # noqa: PLC0415

    for name, content in schemas().items():
        path = setting.root / "schemas" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
        click.echo(f"schemas/{name}")
    return 0


def _unread(made: Plan) -> int:
    """1 where a portal could not be read, and the word for it; else 0."""
    for portal, why in made.unread:
        _complain(PortalError(f"{portal}: {why}"))
    return 1 if made.unread else 0


def _check_use(saved: Path | None, on_stale: str, selectors: list[str]) -> None:
    if saved is None and on_stale != "fail":
        raise UsageError("--on-stale is for a saved plan: say --plan FILE too.")
    if saved is not None and selectors:
        raise UsageError("A saved plan has its own agents and portals: leave the selectors out.")


def _ask() -> None:
    """Raises UsageError where there is nobody to ask, and Abort after a no."""
    if not sys.stdin.isatty():
        raise UsageError("Nothing was sent: to apply without being asked, say --yes.")
    try:
        wanted = click.confirm("Apply this?", err=True)
    except click.Abort:
        click.echo("\nInterrupted; nothing was sent.", err=True)
        raise click.exceptions.Exit(130) from None
    if not wanted:
        click.echo("Nothing was sent.", err=True)
        raise click.exceptions.Exit(1)


@contextmanager
def _interruptible(setting: Setting, cancellation: Cancellation) -> Iterator[None]:
    """While something may be under way, the first Ctrl-C (or SIGTERM) only says that the run is to
    end; the second one ends it."""

    def take_note() -> None:
        cancellation.request()
        with suppress(OSError):  # nobody may be listening any more
            setting.say("Interrupted: what is under way is finished. Once more, and it is not.")

    def wish(*_: object) -> None:
        if cancellation.requested:
            raise KeyboardInterrupt
        # Not here: whoever is interrupted may just be looking at the wish, and hold its lock.
        threading.Thread(target=take_note, name="halt").start()

    signals = (signal.SIGINT, signal.SIGTERM)
    former = {each: signal.signal(each, wish) for each in signals}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


class _progress:  # noqa: N801 - used as the function it would be, were a bar not to be closed
    """A bar on a terminal that counts operations; elsewhere nothing."""

    def __init__(self, setting: Setting, plan: Plan) -> None:
        self.bar: Any = None
        quiet = setting.quiet or log.isEnabledFor(logging.INFO)
        if sys.stderr.isatty() and not quiet and plan.steps:
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

            console = Console(stderr=True)
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
            )
            self.bar = Progress(*columns, console=console, transient=True)
            self.task = self.bar.add_task(
                "applying", total=sum(len(s.operations) for s in plan.steps)
            )

    def __enter__(self) -> Callable[[Event], None]:
        if self.bar is not None:
            self.bar.start()
        return self.watch

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def watch(self, event: Event) -> None:
        from reconciler.core.model import Finished, Started  # noqa: PLC0415

        if self.bar is not None and isinstance(event, Started):
            request = event.step.request
            self.bar.update(self.task, description=f"{request.method} {request.path}")
        if self.bar is not None and isinstance(event, Finished):
            self.bar.advance(self.task, len(event.outcomes))


def _warn_if_none(setting: Setting, repository: Repository) -> None:
    if not repository.documents:
        folder = setting.root / repository.config.agents
        setting.say(
            f"note: {folder} declares no agent: there is no *.yaml or *.yml with one in it."
        )


def _tell(setting: Setting, planned: Proposal) -> None:
    for note in planned.notes:
        setting.say(f"note: {note}")


def _show(
    setting: Setting, planned: Proposal, form: str, target: Path | None, *, requests: bool = False
) -> None:
    _tell(setting, planned)
    _write(
        _plan_text(planned.document, planned.plan, form, target, requests=requests), target, form
    )


def _plan_text(
    saved: PlanDocument,
    made: Plan,
    form: str,
    target: Path | None,
    part: str = "plan",
    **more: bool,
) -> str:
    """A plan (or drift) in a format, by the module of its name."""
    render: Any = import_module(f"reconciler.render.{form}")
    if form == "json":
        shown: str = render.plan(saved)
    else:
        page = _page(target) if form == "text" else {}
        shown = getattr(render, part)(made, **page, **more)
    return shown


def _report_text(done: Report, digest: str, form: str, target: Path | None) -> str:
    """What an apply did in a format, by the module of its name."""
    render: Any = import_module(f"reconciler.render.{form}")
    more = {"json": {"digest": digest}, "text": _page(target)}.get(form, {})
    shown: str = render.report(done, **more)
    return shown


def _page(target: Path | None) -> dict[str, Any]:
    """The width and whether colour goes to where the text goes."""
    terminal = target is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 100
    return {"width": max(40, width), "color": terminal and not os.environ.get("NO_COLOR")}


def _check_target(target: Path | None) -> None:
    """Raises UsageError if the report could not be written, before anything is sent."""
    if target is not None:
        try:
            target.open("a").close()
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}.") from None


def _write(content: str, target: Path | None, form: str = "text") -> None:
    if target is None:  # JSON says nothing that a workflow could take for a command
        sys.stdout.write(content if form == "json" else _printed(content))
        sys.stdout.flush()
        return
    try:
        target.write_text(content, "utf-8", errors="surrogatepass")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from None


def _complain(error: ReconcilerError) -> int:
    """An error for a person, on standard error; its exit code."""
    from reconciler.render.visible import visible  # noqa: PLC0415

    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if isinstance(error, InputError):
        from reconciler.render import text  # noqa: PLC0415

        said = text.problems(error.problems, color=color)
    else:
        label = click.style("error:", fg="red", bold=True) if color else "error:"
        said = f"{label} {visible(str(error))}\n"
    sys.stderr.write(_printed(_without_keys(said)))
    return error.exit_code


def _printed(said: str) -> str:
    """What is printed as it can be: in a workflow no line of an agent's text is a command."""
    if not os.environ.get("GITHUB_ACTIONS"):
        return said
    from reconciler.github.commands import inert  # noqa: PLC0415

    return inert(said)


def _without_keys(said: str) -> str:
    """A message without the keys of this run, should somebody have written one into a file. A key
    that is as short as a word is left: it would strike out the words."""
    from reconciler.net.redaction import PIECE, struck  # noqa: PLC0415
    from reconciler.portals.registry import PORTALS  # noqa: PLC0415

    names = [f"{portal.upper()}_API_{part}" for portal in PORTALS for part in ("KEY", "SECRET")]
    keys = [os.environ.get(name, "").strip() for name in (*names, "GITHUB_TOKEN")]
    return struck(said, keys, PIECE)


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line; every error is told, none is raised."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        done = cli.main(args=arguments, prog_name="reconciler", standalone_mode=False)
    except ReconcilerError as error:
        return _complain(error)
    except click.ClickException as error:
        error.show()
        return 1
    except click.Abort:  # click has ended the line
        sys.stderr.write("Interrupted.\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return done if isinstance(done, int) else 0


def _defect(error: Exception) -> int:
    """What nobody foresaw, in one line; with -v how it came to that, which may say anything."""
    import traceback  # noqa: PLC0415 - for a defect alone

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    sys.stderr.write(
        f"error: This is a defect of reconciler ({place}). If something was sent, a plan shows "
        f"what is left. Run again with -v, and report what that shows.\n"
    )
    if log.isEnabledFor(logging.INFO):
        from reconciler.render.visible import visible  # noqa: PLC0415

        said = "".join(traceback.format_exception(error))
        sys.stderr.write(_printed(visible(_without_keys(said))))
    return 1


def main() -> NoReturn:
    """The entry point of `reconciler`: a short-lived process, which leaves its memory to the end
    (collecting it would take a third of a large plan's time)."""
    gc.disable()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = run()
    except OSError as error:  # of the machine: a full disk, a folder that is gone
        where = f"{error.filename}: " if error.filename else ""
        code = _complain(ReconcilerError(f"{where}{error.strerror or error}."))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as a person can read it
        code = _defect(error)
    sys.exit(code)
