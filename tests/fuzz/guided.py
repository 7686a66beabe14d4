"""The coverage-guided fuzzer that `script/fuzz` runs: one target for a given time.

Atheris records which branches of the program an input takes, and keeps the inputs that take a new
one. An input that breaks an invariant ends the run and is saved.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris

PROPERTIES = {
    "plan": ("fuzz.test_any_input", "test_plans_that_are_nearly_right"),
    "ledger": ("fuzz.test_any_input", "test_ledgers_that_are_nearly_right"),
    "rentix": ("portals.test_any_answer", "test_rentix_performs", "test_rentix_is_read"),
    "propertyfinder": (
        "portals.test_any_answer",
        "test_property_finder_performs",
        "test_property_finder_is_read",
        "test_property_finder_gives_a_token",
    ),
}
"""The targets whose inputs come from the strategies of property tests. All others take bytes."""


def main(target: str, minutes: float, folder: str) -> None:
    """Fuzz `target` for so many minutes; add to its corpus, and save findings, in `folder`."""
    with atheris.instrument_imports(include=["reconciler"]):
        targets = importlib.import_module("fuzz.targets")
        seeds = importlib.import_module("fuzz.seeds")
        module, *names = PROPERTIES.get(target, ("fuzz.targets",))
        tests = importlib.import_module(module)
    corpus = Path(folder, target)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(seeds.seeds(target)):
        (corpus / f"seed-{number}").write_bytes(each)
    properties = [getattr(tests, name).hypothesis.fuzz_one_input for name in names]

    def check(data: bytes) -> None:
        if properties:
            properties[data[0] % len(properties) if data else 0](data[1:])
        else:
            targets.TARGETS[target](data)

    arguments = [
        f"-max_total_time={int(minutes * 60)}",
        f"-max_len={seeds.LONGEST if target not in PROPERTIES else 2000}",
        f"-artifact_prefix={folder}/found-{target}-",
        "-len_control=0",
        "-timeout=20",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
