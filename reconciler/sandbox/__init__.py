"""A faithful local simulation of the portals, written from `apis/*.md` alone.

It imports nothing of the rest of the product, so that one mistake cannot cancel another. The
server lives in `reconciler.sandbox.server` and the command in `reconciler.sandbox.command`; they
are not imported here, because they bring starlette and uvicorn with them.
"""

from reconciler.sandbox.agent import Agent
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.values import LoadError

__all__ = ["Agent", "Limits", "LoadError", "Readings"]
