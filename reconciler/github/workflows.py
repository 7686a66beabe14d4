"""The workflows that `init` creates in .github/workflows.

They contain only triggers, permissions and keys; `reconciler ci` does the work.
Facts: GitHub's pages on workflow syntax, on concurrency and on secure use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from reconciler import __version__

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
UPLOAD = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0"
"""Third-party actions, pinned to commits, since a tag can be moved."""

PLAN = """\
# Shows on every pull request what merging it would change on the portals. Changes nothing there.
# Keep this file's name: the apply accepts plans only from its runs.
name: reconciler plan<IN>
on:
  pull_request:

permissions: {}

concurrency: # a newer commit cancels the plan of an older one
  group: reconciler-plan<SUFFIX>-${{ github.event.pull_request.number }}
  cancel-in-progress: true

jobs:
  plan:
    name: plan<IN>
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # the files and the ledger's branch
      pull-requests: write # the comment
    steps:
      - uses: <CHECKOUT>
        with:
          fetch-depth: 0 # the base, for comparison
          persist-credentials: false
<STEPS>
      - if: ${{ !cancelled() && steps.reconciler.outputs.folder }} # also after a failure
        uses: <UPLOAD>
        with:
          name: reconciler-plan<SUFFIX>-${{ github.event.pull_request.head.sha }} # for the apply
          path: <BELOW>reconciler-plan
          overwrite: true # for a re-run
          retention-days: 30 # an older plan has to be made again
"""

APPLY = """\
# Applies what was reviewed, after the merge. When started manually (Run workflow), it applies
# everything that a plan shows.
name: reconciler apply<IN>
on:
  push:
    branches: [<BRANCH>]
  workflow_dispatch:
    inputs:
      unlock:
        description: Release the lock of an apply that is known to be dead, then apply
        type: boolean
        default: false

permissions: {}

concurrency: # one at a time; of several waiting, the newest runs and applies everything
  group: reconciler-apply<SUFFIX>
  cancel-in-progress: false # never cancel an apply

jobs:
  apply:
    name: apply<IN>
    if: github.ref == 'refs/heads/<BRANCH>' # when started manually too
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: production # add required reviewers to approve each apply
    permissions:
      contents: write # the ledger's branch
      actions: read # the stored plans
      pull-requests: read # to find the merged pull requests
    steps:
      - uses: <CHECKOUT>
        with:
          fetch-depth: 0 # to find the merges
          persist-credentials: false
<STEPS>
"""

DRIFT = """\
# Checks every night for changes made on the portals by hand, and keeps an issue about them.
name: reconciler drift<IN>
on:
  schedule:
    - cron: "23 3 * * *" # UTC; on the full hour GitHub may start runs late or not at all
  workflow_dispatch:

permissions: {}

concurrency: # a separate group: in the apply's, it would replace an apply that waits
  group: reconciler-drift<SUFFIX>
  cancel-in-progress: false

jobs:
  drift:
    name: drift<IN>
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # the files and the ledger's branch
      issues: write # the issue
    steps:
      - uses: <CHECKOUT>
        with:
          persist-credentials: false
<STEPS>
"""

PINNED = """\
      - uses: <PYTHON>
        with:
          python-version: "3.11"
      - run: python -m pip install agent-reconciler==<VERSION>
      - id: reconciler
        run: reconciler <CHANGE>ci <COMMAND>
        env:
          GITHUB_TOKEN: ${{ github.token }}
<KEYS>"""

ACTION = """\
      - id: reconciler
        uses: <ACTION>
        with:
          command: <COMMAND>
<WORKING>        env:
<KEYS>"""

TEXTS = {"plan": PLAN, "apply": APPLY, "drift": DRIFT}


def suffix(folder: str) -> str:
    """The end of the names that belong to the agency in a folder, such as `-agencies-north`; none
    at the repository's top."""
    name = quote(folder.replace("-", "--").replace("/", "-"), safe="").replace("~", "%7E")
    return f"-{name.replace('%', '~')}" if folder else ""


def workflow_file(command: str, folder: str) -> str:
    """The path of the workflow that runs a command for the agency in a folder."""
    return f".github/workflows/reconciler-{command}{suffix(folder)}.yml"


def secret(variable: str, folder: str) -> str:
    """The repository's secret with the value of a variable for the agency in a folder."""
    return f"{variable}_{re.sub('[^A-Z0-9]', '_', folder.upper())}" if folder else variable


def workflows(
    variables: Sequence[str], branch: str, action: str | None, folder: str
) -> dict[str, str]:
    """Each workflow's text by its path in the repository.

    `variables` are those with the portals' keys. Pushes to `branch` are applied. `action` is the
    OWNER/REPO@SHA of our action; None: install this version with pip. `folder` is the agency's, ""
    at the top. The values are not escaped, so check them first.
    """
    keys = "\n".join(
        f"          {name}: ${{{{ secrets.{secret(name, folder)} }}}}" for name in variables
    )
    values = {
        "CHECKOUT": CHECKOUT,
        "PYTHON": PYTHON,
        "UPLOAD": UPLOAD,
        "VERSION": __version__,
        "BRANCH": branch,
        "ACTION": action or "",
        "KEYS": keys,
        "SUFFIX": suffix(folder),
        "IN": f" {folder}" if folder else "",
        "BELOW": f"{folder}/" if folder else "",
        "CHANGE": f"-C {folder} " if folder else "",
        "WORKING": f'          working-directory: "{folder}"\n' if folder else "",
    }
    return {
        workflow_file(command, folder): _filled(
            text, {"STEPS": ACTION if action else PINNED, "COMMAND": command, **values}
        )
        for command, text in TEXTS.items()
    }


def _filled(text: str, values: dict[str, str]) -> str:
    """The text with each `<NAME>` replaced, in this order, since a value may contain others."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text
