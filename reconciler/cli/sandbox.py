"""`reconciler sandbox`."""

from reconciler.cli.commands import COMMANDS
from reconciler.cli.options import examples
from reconciler.sandbox.command import sandbox as command

__all__ = ["command"]

command.help = (command.help or "").replace(
    "Serve the portals locally, to try the tool on.", COMMANDS["sandbox"][1]
)
command.epilog = examples(
    "reconciler sandbox --port 0",
    "reconciler sandbox --db sandbox.db --load users.json",
    "reconciler sandbox --creation upsert --faults 7 --fault-share 0.1",
)
