"""A local simulation of the portals, written from `docs/portals/` alone.

It imports nothing from the rest of the package, so a mistake made there cannot hide itself here.
The server (`reconciler.sandbox.server`) is not imported here, because it needs starlette and
uvicorn.
"""

from reconciler.sandbox.agent import Agent
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.values import LoadError

__all__ = ["Agent", "Limits", "LoadError", "Readings"]
