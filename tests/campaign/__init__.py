"""A deterministic simulation of whole runs under faults, kills and interruptions; see README.md."""
