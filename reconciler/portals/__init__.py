"""The portals, a folder each."""
