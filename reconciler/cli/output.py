"""A command's result, in the format and the file that the options ask for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import console
from reconciler.errors import OutputError, PortalError

if TYPE_CHECKING:
    from reconciler.core.model import Plan, Report
    from reconciler.core.plan_json import PlanDocument
    from reconciler.core.roster import Roster


@dataclass(frozen=True, slots=True)
class Output:
    """Where a result goes: `format` is a module of `render`; without a path, standard output."""

    format: str
    path: Path | None

    def write_plan(self, plan: Plan, document: PlanDocument, *, requests: bool = False) -> None:
        """Write a plan; with `requests`, also each request with its body."""
        if self.format == "json":
            self.write(self._renderer.plan(document))
        else:
            self.write(self._renderer.plan(plan, requests=requests, **self._page))

    def write_drift(self, plan: Plan, document: PlanDocument) -> None:
        """Write the drift that a plan was reduced to."""
        if self.format == "json":
            self.write(self._renderer.plan(document))
        else:
            self.write(self._renderer.drift(plan, **self._page))

    def write_report(self, report: Report, digest: str) -> None:
        """Write what an apply did with the plan of this digest."""
        options = {"digest": digest} if self.format == "json" else self._page
        self.write(self._renderer.report(report, **options))

    def write_roster(self, roster: Roster) -> None:
        """Write who is on the portals."""
        self.write(self._renderer.roster(roster, **self._page))

    def write(self, content: str) -> None:
        """Write content that is in this format. Raises OutputError."""
        if self.path is not None:
            from reconciler.store import output

            try:
                output.write(self.path, content.encode(errors="surrogatepass"))
            except OSError as error:
                raise OutputError(f"Could not write to {self.path}: {error.strerror}.") from None
        elif self.format == "json":
            console.write_unchanged(content)
        else:
            console.write(content)

    @property
    def _renderer(self) -> Any:  # noqa: ANN401 - a module
        return import_module(f"reconciler.render.{self.format}")

    @property
    def _page(self) -> dict[str, Any]:
        return {**console.page(self.path)} if self.format == "text" else {}


def unread_portals(plan: Plan) -> bool:
    """Print an error for each portal that could not be read, and return whether there are any."""
    for portal, reason in plan.unread:
        console.print_error(PortalError(f"{portal}: {reason}"))
    return bool(plan.unread)
