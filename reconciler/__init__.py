"""Real-estate agents as YAML files, kept true on the portals that publish them."""

__version__ = "0.1.0"
