"""Measure a plan of two portals: `python bench/portals.py [N …]`.

N agents are in N files and on both portals of the sandbox; one of them differs. Prints the median
wall time of cold processes, and its ratio to a plan of Rentix alone in the same run. Compare the
ratios; the seconds depend on the machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from reconciler.sandbox.propertyfinder import Limits as PropertyFinderLimits
from reconciler.sandbox.readings import Limits
from reconciler.sandbox.server import running
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

TEXT = "Sells flats and houses in Chișinău and around. " * 2


def lay_out(folder: Path, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the files. Returns the users of Rentix and of Property Finder."""
    (folder / "agents").mkdir()
    (folder / "reconciler.yaml").write_text("portals: {rentix: {}, propertyfinder: {}}\n", "utf-8")
    rentix, propertyfinder = [], []
    for number in range(1, count + 1):
        name, phone = f"Agent {number}", f"+373 60 {number:06}"
        email, texts = f"a{number}@agency.example", {"primary": TEXT, "secondary": TEXT}
        user = {"externalId": f"a-{number}", "name": name, "phone": phone, "description": TEXT}
        profile = {"name": name, "phone": phone, "bio": texts, "spokenLanguages": [1, 34]}
        person = {"firstName": "First", "lastName": f"Last{number}", "mobile": phone}
        rentix.append({"id": number, **user})
        propertyfinder.append({"id": number, "email": email, **person, "publicProfile": profile})
        declared = {
            **user,
            "name": "Somebody Else" if number == 1 else name,
            "propertyfinder": {
                "email": email,
                **person,
                "bio": texts,
                "spokenLanguages": ["en", "ro"],
            },
        }
        text = json.dumps(declared, ensure_ascii=False, indent=1)
        (folder / "agents" / f"{number:05}.yaml").write_text(text, "utf-8")
    return rentix, propertyfinder


def seconds(folder: Path, environment: dict[str, str], runs: int, *arguments: str) -> float:
    """Return the median wall time of cold runs of a command, in seconds."""
    command = [sys.executable, "-m", "reconciler", "-C", str(folder), *arguments]
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(count: int, runs: int) -> None:
    """Measure and print one row for `count` agents."""
    with tempfile.TemporaryDirectory() as name, closing(Store()) as store:
        folder, state = Path(name), State(store)
        rentix, propertyfinder = lay_out(folder, count)
        state.load(rentix)
        state.propertyfinder.load(propertyfinder)
        state.limits = Limits(rate_limit=10**9, bulk_rate_limit=10**9)
        state.propertyfinder.limits = PropertyFinderLimits(rate_limit=10**9, token_rate_limit=10**9)
        with running(state) as portals:
            environment = {
                **os.environ,
                "RENTIX_URL": portals.url,
                "RENTIX_API_KEY": "sandbox",
                "PROPERTYFINDER_URL": portals.urls["propertyfinder"],
                "PROPERTYFINDER_API_KEY": state.propertyfinder.key,
                "PROPERTYFINDER_API_SECRET": state.propertyfinder.secret,
            }
            one = seconds(folder, environment, runs, "plan", "--portal", "rentix")
            other = seconds(folder, environment, runs, "plan", "--portal", "propertyfinder")
            both = seconds(folder, environment, runs, "plan")
    times = (("propertyfinder", other), ("both", both))
    others = "   ".join(f"{name} {each:.2f} s ({each / one:.2f}x)" for name, each in times)
    print(f"{count:>6} agents   rentix {one:.2f} s   {others}")


if __name__ == "__main__":
    for size in [int(each) for each in sys.argv[1:]] or [10, 1000, 10000]:
        measure(size, 3 if size > 1000 else 5)
