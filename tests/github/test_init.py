"""`init`: its files are valid and pass four linters; it never overwrites a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from agency import Agency
from jsonschema import Draft7Validator
from linters import BIN, lint
from repositories import repository
from ruamel.yaml import YAML

from reconciler import __version__
from reconciler.cli import ci
from reconciler.documents.config import read_config
from reconciler.engine.schemas import editor_schemas as schemas
from reconciler.github.reviewed import artifact
from reconciler.github.workflows import workflow_file
from reconciler.portals.registry import PORTALS, sections

SHA = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"agency/agent-reconciler@{SHA}"
VARIANTS = [
    [],
    ["--portal", "propertyfinder"],
    ["--portal", "rentix", "--portal", "propertyfinder"],
    ["--branch", "release/2026-11"],
    ["--action", ACTION],
    ["--action", ACTION, "--branch", "trunk", "--portal", "propertyfinder"],
]
NORTH = ["--dir", "agencies/north"]
FILES = [
    "reconciler.yaml",
    "agents/ivan-petrov.yaml",
    "schemas/agent.schema.json",
    "schemas/reconciler.schema.json",
    ".gitignore",
    ".github/workflows/reconciler-plan.yml",
    ".github/workflows/reconciler-apply.yml",
    ".github/workflows/reconciler-drift.yml",
]


def load(path: Path) -> Any:
    """A YAML file's data."""
    return YAML(typ="safe").load(path)


def workflow(agency: Agency, name: str, *arguments: str) -> Any:
    """One of the created workflows, and its only job."""
    result = agency.run("init", *arguments)
    assert result.code == 0, result.err
    data = load(agency.root / ".github" / "workflows" / f"reconciler-{name}.yml")
    assert list(data["jobs"]) == [name]
    return data, data["jobs"][name]


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_linters_accept_the_workflows(agency: Agency) -> None:
    """Zizmor at its second strictest level, GitHub's schema, actionlint with shellcheck, for
    every variant."""
    variants = [*VARIANTS, NORTH, [*NORTH, "--action", ACTION]]
    for number, arguments in enumerate(variants):
        folder = agency.root / f"variant-{number}"
        folder.mkdir()
        assert agency.run("-C", folder.name, "init", *arguments).code == 0
    found = sorted(agency.root.glob("*/.github/workflows/*"))
    assert len(found) == 3 * len(variants)
    lint("zizmor", "--offline", "--no-progress", "--pedantic", *found, inside=agency.root)
    schema = ("--builtin-schema", "vendor.github-workflows")
    lint("check-jsonschema", *schema, *found, inside=agency.root)
    lint("actionlint", "-shellcheck", BIN / "shellcheck", *found, inside=agency.root)


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_files_are_valid(agency: Agency, arguments: list[str]) -> None:
    """For the program, and by the schemas created with them."""
    assert agency.run("init", *arguments).code == 0
    result = agency.run("validate")
    assert (result.code, result.out) == (0, "Valid: 1 agent in 1 file.\n")
    for file, name in (("reconciler.yaml", "reconciler"), ("agents/ivan-petrov.yaml", "agent")):
        schema = json.loads((agency.root / "schemas" / f"{name}.schema.json").read_text("utf-8"))
        assert list(Draft7Validator(schema).iter_errors(load(agency.root / file))) == []
        first = (agency.root / file).read_text("utf-8").partition("\n")[0]
        named = (agency.root / file).parent / first.partition("$schema=")[2]
        assert json.loads(named.read_text("utf-8")) == schema


def test_each_file_is_listed_and_created_once(agency: Agency) -> None:
    """A second run creates none; no git repository is created."""
    result = agency.run("init")
    assert result.out.splitlines() == [f"wrote  {path}" for path in FILES]
    assert result.err == ""
    first = tree(agency.root)
    assert sorted(first) == sorted(FILES)
    again = agency.run("init", "--portal", "propertyfinder", "--branch", "trunk", "--dir", ".")
    assert again.code == 0
    assert again.out.splitlines() == [f"kept   {path}  (already exists)" for path in FILES]
    assert tree(agency.root) == first


@pytest.mark.parametrize("path", FILES)
def test_existing_files_are_not_overwritten(agency: Agency, path: str) -> None:
    """All others are created."""
    there = agency.root / path
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text("# mine\n", "utf-8")
    result = agency.run("init")
    assert result.code == 0, result.err
    assert there.read_text("utf-8") == "# mine\n"
    assert f"kept   {path}" in result.out
    assert sorted(tree(agency.root)) == sorted(FILES)


def test_no_sample_if_there_are_agents(agency: Agency) -> None:
    """Wherever their folder is."""
    agency.use(rentix={}, agents="people/ours")
    (agency.root / "people" / "ours" / "north").mkdir(parents=True)
    assert agency.run("init").code == 0
    sample = agency.root / "people" / "ours" / "ivan-petrov.yaml"
    assert "$schema=../../schemas/agent.schema.json" in sample.read_text("utf-8")
    sample.rename(sample.parent / "north" / "ana.yml")
    assert "ivan-petrov" not in agency.run("init").out
    assert not sample.exists()


def test_configuration(agency: Agency) -> None:
    """The ledger is on a branch and Rentix is used; uncommented, Property Finder too."""
    assert agency.run("init").code == 0
    file = agency.root / "reconciler.yaml"
    config = read_config(agency.root, None, sections())
    assert (config.ledger, list(config.portals)) == ("git:reconciler-ledger", ["rentix"])
    default = agency.root / "default.yaml"
    default.write_text("portals: {rentix: {}, propertyfinder: {}}\nledger: git:reconciler-ledger\n")
    text = file.read_text("utf-8")
    opened = re.sub(r"^( *)# (?=propertyfinder:|  \w+:|\w+: )", r"\1", text, flags=re.MULTILINE)
    file.write_text(opened, "utf-8")
    assert read_config(agency.root, None, sections()) == read_config(
        agency.root, default, sections()
    )
    assert opened.count("\n  propertyfinder:\n") == opened.count("\nlimits:") == 1


def test_commented_agent_is_valid(agency: Agency) -> None:
    """Uncommented, the sample is an agent on both portals."""
    assert agency.run("init", "--portal", "rentix", "--portal", "propertyfinder").code == 0
    file = agency.root / "agents" / "ivan-petrov.yaml"
    text = file.read_text("utf-8")
    file.write_text(re.sub(r"^# (?=\w+:| )", "", text, flags=re.MULTILINE), "utf-8")
    assert set(load(file)) > {"name", "description", "avatar", "settings", "propertyfinder"}
    assert agency.run("validate").code == 0


def test_sample_changes_nothing(agency: Agency) -> None:
    """Unless it is uncommented."""
    repository(agency.root)
    assert agency.run("init", "--portal", "rentix", "--portal", "propertyfinder").code == 0
    plan = agency.plan()
    assert plan["requests"] == []
    assert plan["summary"]["waiting"] == 1


def test_workflows_install_this_version(agency: Agency) -> None:
    """The version that created them."""
    for name in ("plan", "apply", "drift"):
        _, job = workflow(agency, name)
        runs = [step["run"] for step in job["steps"] if "run" in step]
        pinned = f"python -m pip install agent-reconciler=={__version__}"
        assert runs == [pinned, f"reconciler ci {name}"]


def test_workflows_with_the_action(agency: Agency) -> None:
    """With --action the workflows install nothing and run no shell command."""
    for name in ("plan", "apply", "drift"):
        _, job = workflow(agency, name, "--action", ACTION)
        [step] = [step for step in job["steps"] if step.get("id") == "reconciler"]
        assert (step["uses"], step["with"]) == (ACTION, {"command": name})
        assert not [step for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_third_party_actions_are_pinned(agency: Agency, arguments: list[str]) -> None:
    """To a full commit SHA with the version in a comment; this project's action as given."""
    assert agency.run("init", *arguments).code == 0
    for path in (agency.root / ".github" / "workflows").iterdir():
        used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
        others = [each for each in used if each != ACTION]
        assert others
        for each in others:
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_keys_are_passed_to_one_step(agency: Agency) -> None:
    """Every portal's keys, only to the step that runs the program."""
    agency.use(rentix={}, propertyfinder={})
    portals = read_config(agency.root, None, sections()).portals
    keys = {key for name in portals for key in PORTALS[name].secrets}
    assert len(keys) == 3
    for name in ("plan", "apply", "drift"):
        data, job = workflow(agency, name)
        assert "env" not in data
        assert "env" not in job
        [step] = [step for step in job["steps"] if "env" in step]
        assert step["id"] == "reconciler"
        secrets = {key: f"${{{{ secrets.{key} }}}}" for key in keys}
        assert step["env"] == {"GITHUB_TOKEN": "${{ github.token }}", **secrets}


def test_plan_workflow(agency: Agency) -> None:
    """For pull requests, with minimal permissions, for the newest commit only; the artifact is
    where `ci plan` writes it and `ci apply` expects it."""
    data, job = workflow(agency, "plan")
    assert data["on"] == {"pull_request": None}
    assert data["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert data["concurrency"]["cancel-in-progress"] is True
    assert "github.event.pull_request.number" in data["concurrency"]["group"]
    assert job["steps"][0]["with"] == {"fetch-depth": 0, "persist-credentials": False}
    keep = job["steps"][-1]
    assert keep["with"]["name"] == artifact("${{ github.event.pull_request.head.sha }}", "")
    assert keep["with"]["retention-days"] == 30
    assert keep["if"] == "${{ !cancelled() && steps.reconciler.outputs.folder }}"
    [out] = [each for each in ci.plan.params if each.name == "out"]
    assert keep["with"]["path"] == str(out.default)
    assert (agency.root / workflow_file("plan", "")).exists()


def test_apply_workflow(agency: Agency) -> None:
    """For every push to the branch and manual runs; one at a time, never cancelled, in an
    environment."""
    data, job = workflow(agency, "apply", "--branch", "trunk")
    assert data["on"].keys() == {"push", "workflow_dispatch"}
    assert data["on"]["push"] == {"branches": ["trunk"]}
    unlock = data["on"]["workflow_dispatch"]["inputs"]["unlock"]
    assert (unlock["type"], unlock["default"]) == ("boolean", False)
    assert data["permissions"] == {}
    rights = {"contents": "write", "actions": "read", "pull-requests": "read"}
    assert job["permissions"] == rights
    assert data["concurrency"] == {"group": "reconciler-apply", "cancel-in-progress": False}
    assert job["environment"] == "production"
    assert job["if"] == "github.ref == 'refs/heads/trunk'"
    assert job["steps"][0]["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_drift_workflow(agency: Agency) -> None:
    """Every night, not on the full hour, and manually."""
    data, job = workflow(agency, "drift")
    [each] = data["on"]["schedule"]
    minute = each["cron"].split()[0]
    assert 0 < int(minute) < 60
    assert "workflow_dispatch" in data["on"]
    assert data["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "issues": "write"}
    assert data["concurrency"]["group"] == "reconciler-drift"
    assert job["steps"][0]["with"] == {"persist-credentials": False}


@pytest.mark.parametrize("name", ["plan", "apply", "drift"])
def test_every_job_has_a_timeout(agency: Agency, name: str) -> None:
    """In minutes."""
    _, job = workflow(agency, name)
    assert 0 < job["timeout-minutes"] <= 60


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["--action", "agency/agent-reconciler@v1"], "40 hex digits"),
        (["--action", f"agency/agent-reconciler@{SHA[:39]}"], "40 hex digits"),
        (["--action", f"agency/agent-reconciler@{SHA}0"], "40 hex digits"),
        (["--action", f"agency/agent-reconciler@{'g' * 40}"], "40 hex digits"),
        (["--action", f"agent-reconciler@{SHA}"], "OWNER/REPO"),
        (["--action", f"agency/x y@{SHA}"], "OWNER/REPO"),
        (["--action", f"agency/x@{SHA}\n"], "OWNER/REPO"),
        (["--action", ""], "OWNER/REPO"),
        (["--branch", "it's"], "branch name"),
        (["--branch", "a b"], "branch name"),
        (["--branch", "-main"], "branch name"),
        (["--branch", "a, b"], "branch name"),
        (["--branch", "a\nb"], "branch name"),
        (["--branch", "${{ x }}"], "branch name"),
        (["--dir", "../elsewhere"], "--dir must be"),
        (["--dir", "/elsewhere"], "--dir must be"),
        (["--dir", "a/../b"], "--dir must be"),
        (["--dir", ".hidden"], "--dir must be"),
        (["--dir", "a b"], "--dir must be"),
        (["--dir", "-C"], "--dir must be"),
        (["--dir", "a..b"], "--dir must be"),
        (["--dir", "a.lock"], "--dir must be"),
        (["--dir", "a."], "--dir must be"),
        (["--dir", "${{ x }}"], "--dir must be"),
        (["--portal", "zillow"], "Available: rentix, propertyfinder."),
    ],
)
def test_invalid_options(agency: Agency, arguments: list[str], result: str) -> None:
    """Rejected before anything is written."""
    done = agency.run("init", *arguments)
    assert done.code == 1
    assert result in done.err
    assert tree(agency.root) == {}


def test_invalid_configuration(agency: Agency) -> None:
    """Reported before anything is written."""
    (agency.root / "reconciler.yaml").write_text("agentz: people\n", "utf-8")
    done = agency.run("init")
    assert done.code == 1
    assert "reconciler.yaml:1:1" in done.err
    assert list(tree(agency.root)) == ["reconciler.yaml"]


def test_file_in_place_of_a_folder(agency: Agency) -> None:
    """The error names the folder."""
    (agency.root / "schemas").write_text("", "utf-8")
    done = agency.run("init")
    assert done.code == 1
    assert "The directory of schemas/agent.schema.json cannot be created" in done.err


def test_read_only_folder(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file."""
    whole = Path.open

    def refuse(path: Path, mode: str = "r", **more: Any) -> Any:
        if mode == "x":
            raise PermissionError(13, "Permission denied")
        return whole(path, mode, **more)

    monkeypatch.setattr(Path, "open", refuse)
    done = agency.run("init")
    assert done.code == 1
    assert "reconciler.yaml cannot be written: Permission denied." in done.err


def test_existing_gitignore(agency: Agency) -> None:
    """It is not changed; a note lists the missing lines, however they are written."""
    (agency.root / ".gitignore").write_text("/.reconciler\n", "utf-8")
    assert agency.run("init").err == "note: add to .gitignore: reconciler-plan/\n"
    (agency.root / ".gitignore").unlink()
    (agency.root / ".gitignore").mkdir()
    assert "add to .gitignore: .reconciler/ reconciler-plan/" in agency.run("init").err


def test_subfolder_of_a_repository(agency: Agency) -> None:
    """A note says that GitHub does not find workflows there."""
    repository(agency.root)
    below = Agency(agency.root / "chisinau", agency.portal)
    below.root.mkdir()
    result = below.run("init")
    assert result.code == 0
    assert result.err.startswith("note: GitHub reads workflows only from the repository's top")
    assert "init there with --dir chisinau," in result.err
    assert agency.run("init").err == ""


def test_two_agencies_in_one_repository(agency: Agency) -> None:
    """Each has its folder, workflows, checks, concurrency groups and secrets."""
    repository(agency.root)
    for name in ("north", "south"):
        result = agency.run("init", "--dir", f"./agencies/{name}/")
        assert (result.code, result.out.count("wrote"), result.out.count("kept")) == (0, 8, 0)
        assert f"RENTIX_API_KEY_AGENCIES_{name.upper()}" in result.err
        assert agency.run("-C", f"agencies/{name}", "validate").code == 0
        config = read_config(agency.root / "agencies" / name, None, sections())
        assert config.ledger == f"git:reconciler-ledger-agencies-{name}"
    groups, names = set(), set()
    for name in ("north", "south"):
        for command in ("plan", "apply", "drift"):
            data = load(agency.root / workflow_file(command, f"agencies/{name}"))
            job = data["jobs"][command]
            assert job["name"] == f"{command} agencies/{name}"
            [step] = [each for each in job["steps"] if each.get("id") == "reconciler"]
            assert step["run"] == f"reconciler -C agencies/{name} ci {command}"
            key = f"RENTIX_API_KEY_AGENCIES_{name.upper()}"
            assert step["env"]["RENTIX_API_KEY"] == f"${{{{ secrets.{key} }}}}"
            groups.add(data["concurrency"]["group"])
            names.add(data["name"])
            if command == "plan":
                kept = job["steps"][-1]["with"]
                head = "${{ github.event.pull_request.head.sha }}"
                assert kept["name"] == artifact(head, f"agencies/{name}")
                assert kept["path"] == f"agencies/{name}/reconciler-plan"
    assert (len(groups), len(names)) == (6, 6)


def test_agency_beside_others_with_the_action(agency: Agency) -> None:
    """The action gets its directory."""
    agency.run("init", *NORTH, "--action", ACTION)
    data = load(agency.root / workflow_file("apply", "agencies/north"))
    assert data["jobs"]["apply"]["steps"][-1]["with"] == {
        "command": "apply",
        "working-directory": "agencies/north",
    }


def test_agency_in_a_linked_directory(
    agency: Agency, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is written outside of the repository."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (agency.root / "north").symlink_to(elsewhere)
    assert agency.run("init", "--dir", "north").code == 1
    assert list(elsewhere.iterdir()) == []


def test_schemas_are_current(agency: Agency) -> None:
    """The same as those of `schema`."""
    assert agency.run("init").code == 0
    for name, text in schemas().items():
        assert (agency.root / "schemas" / name).read_text("utf-8") == text


BAD = """\
name: bad
on: pull_request_target
permissions: write-all
jobs:
  bad:
    runs-on: ubuntu-24.04
    timeout: 5
    steps:
      - uses: actions/checkout@v4
      - run: echo ${{ github.event.pull_request.title }} $UNQUOTED
"""


@pytest.mark.parametrize(
    "command",
    [
        ("zizmor", "--offline", "--no-progress", "--pedantic"),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("actionlint", "-shellcheck", str(BIN / "shellcheck")),
    ],
    ids=lambda command: command[0],
)
def test_linters_reject_a_bad_workflow(tmp_path: Path, command: tuple[str, ...]) -> None:
    """So the other tests of the linters can fail."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD, "utf-8")
    with pytest.raises(AssertionError, match=r"bad\.yml"):
        lint(*command, folder / "bad.yml", inside=tmp_path)
