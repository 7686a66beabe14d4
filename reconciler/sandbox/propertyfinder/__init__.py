"""Property Finder's half of the sandbox, written from docs/portals/propertyfinder.md alone."""

from reconciler.sandbox.propertyfinder.readings import SCOPES, Limits, Readings
from reconciler.sandbox.propertyfinder.user import User

__all__ = ["SCOPES", "Limits", "Readings", "User"]
