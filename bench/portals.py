"""What a second portal costs: `python bench/portals.py [N …]`.

N agents in N files, on both portals of the sandbox; one of them differs. Each figure is the median
of cold processes, wall seconds, beside the plan of the first portal alone in the same run. Ratios
last; seconds belong to the machine.
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
    """Write the files; the users of both portals."""
    (folder / "agents").mkdir()
    (folder / "reconciler.yaml").write_text("portals: {rentix: {}, propertyfinder: {}}\n", "utf-8")
    first, second = [], []
    for number in range(1, count + 1):
        name, phone = f"Agent {number}", f"+373 60 {number:06}"
        email, texts = f"a{number}@agency.example", {"primary": TEXT, "secondary": TEXT}
        user = {"externalId": f"a-{number}", "name": name, "phone": phone, "description": TEXT}
        profile = {"name": name, "phone": phone, "bio": texts, "spokenLanguages": [1, 34]}
        person = {"firstName": "First", "lastName": f"Last{number}", "mobile": phone}
        first.append({"id": number, **user})
        second.append({"id": number, "email": email, **person, "publicProfile": profile})
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
    return first, second


def seconds(folder: Path, environment: dict[str, str], runs: int, *arguments: str) -> float:
    """The median of so many cold runs."""
    command = [sys.executable, "-m", "reconciler", "-C", str(folder), *arguments]
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def measure(count: int, runs: int) -> None:
    """Print one line for so many agents."""
    with tempfile.TemporaryDirectory() as name, closing(Store()) as store:
        folder, state = Path(name), State(store)
        first, second = lay_out(folder, count)
        state.load(first)
        state.propertyfinder.load(second)
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
    beside = "   ".join(f"{name} {took:.2f} s ({took / one:.2f}x)" for name, took in times)
    print(f"{count:>6} agents   rentix {one:.2f} s   {beside}")


if __name__ == "__main__":
    for said in sys.argv[1:] or ["10", "1000", "10000"]:
        measure(int(said), 3 if int(said) > 1000 else 5)
