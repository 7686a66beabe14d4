"""GitHub for tests: its API on loopback, and a runner of workflow steps."""
