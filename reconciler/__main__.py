"""`python -m reconciler` runs the command `reconciler`."""

from reconciler.cli import main

main()
