"""Keep real-estate agents' profiles on portals in sync with YAML files."""

__version__ = "0.1.0"
