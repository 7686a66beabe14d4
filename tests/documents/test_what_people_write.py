"""What people write: it is read as they mean it, or every mistake is reported at its place.

The tables are in `what_people_write`; its README says how to add a case. Each case goes through
`validate` too.
"""

from __future__ import annotations

import pytest
from agency import Agency

from reconciler.documents.config import read_config
from reconciler.errors import InputError
from reconciler.portals.registry import sections

from .cases import Case, agent_cases, cases, check
from .conftest import check_command, outcome, write_agents

CONFIG = cases("config", "reconciler.yaml")


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{table}: {case.name}") for table, case in agent_cases()]
)
def test_agents(agency: Agency, case: Case) -> None:
    """Reading the folder returns exactly these agents, or exactly these problems."""
    write_agents(agency.root, case.files)
    agents, problems = outcome(agency.root)
    assert agents == case.agents
    check(problems, case.problems)
    check_command(agency, problems)


@pytest.mark.parametrize("case", CONFIG, ids=[case.name for case in CONFIG])
def test_config(agency: Agency, case: Case) -> None:
    """Reading `reconciler.yaml` returns these settings, or raises exactly these problems."""
    (agency.root / "agents").mkdir()
    (agency.root / "reconciler.yaml").write_bytes(case.files["reconciler.yaml"])
    if not case.problems:
        config = read_config(agency.root, None, sections()).model_dump()
        assert {name: config[name] for name in case.config} == case.config
        assert case.config
        return
    with pytest.raises(InputError) as caught:
        read_config(agency.root, None, sections())
    check(caught.value.problems, case.problems)
    check_command(agency, caught.value.problems)
