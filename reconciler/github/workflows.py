"""The workflows of a user's repository, as texts: what `init` writes below .github/workflows.

They hold what only a workflow can say (when, with which rights, with which keys); what is done is
`reconciler ci`. Facts: GitHub's pages on workflow syntax, on concurrency and on secure use.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler import __version__

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
UPLOAD = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0"
"""Other people's actions, each by a commit: a tag can be moved to another one."""

PLAN = """\
# Shows in every pull request what its merge would change on the portals. Changes nothing there.
# The apply takes plans from this file's runs: leave its name as it is.
name: reconciler plan
on:
  pull_request:

permissions: {}

concurrency: # a newer commit of a pull request ends the plan of the older one
  group: reconciler-plan-${{ github.event.pull_request.number }}
  cancel-in-progress: true

jobs:
  plan:
    name: plan
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # the files, and the ledger's branch
      pull-requests: write # the comment
    steps:
      - uses: <CHECKOUT>
        with:
          fetch-depth: 0 # the files that these are to be merged into
          persist-credentials: false
<STEPS>
      - if: ${{ !cancelled() && steps.reconciler.outputs.folder }} # a failed plan too, to be read
        uses: <UPLOAD>
        with:
          name: reconciler-plan-${{ github.event.pull_request.head.sha }} # the apply looks for it
          path: reconciler-plan
          overwrite: true # when the run is started once more
          retention-days: 30 # a plan that is older has to be made again
"""

APPLY = """\
# Applies what was reviewed, once it is merged. Started by hand (Run workflow), it applies all that
# a plan would change.
name: reconciler apply
on:
  push:
    branches: [<BRANCH>]
  workflow_dispatch:

permissions: {}

concurrency: # one at a time; the newest of those that wait, which applies what all would
  group: reconciler-apply
  cancel-in-progress: false # an apply is never broken off

jobs:
  apply:
    name: apply
    if: github.ref == 'refs/heads/<BRANCH>' # by hand too
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: production # give it reviewers, and each apply waits for one of them
    permissions:
      contents: write # the ledger's branch, and no other
      actions: read # the plans that were kept
      pull-requests: read # which pull requests led here
    steps:
      - uses: <CHECKOUT>
        with:
          fetch-depth: 0 # the merges that led here
          persist-credentials: false
<STEPS>
"""

DRIFT = """\
# Looks every night for what somebody changed on the portals by hand, and keeps an issue about it.
name: reconciler drift
on:
  schedule:
    - cron: "23 3 * * *" # in UTC. On the full hour GitHub is busy, and starts late or not at all
  workflow_dispatch:

permissions: {}

concurrency: # a group of its own: waiting in the apply's, it would push a waiting apply out
  group: reconciler-drift
  cancel-in-progress: false

jobs:
  drift:
    name: drift
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read # the files, and the ledger's branch
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
        run: reconciler ci <COMMAND>
        env:
          GITHUB_TOKEN: ${{ github.token }}
<KEYS>"""

ACTION = """\
      - id: reconciler
        uses: <ACTION>
        with:
          command: <COMMAND>
        env:
<KEYS>"""

TEXTS = {"plan": PLAN, "apply": APPLY, "drift": DRIFT}


def workflows(secrets: Sequence[str], branch: str, action: str | None) -> dict[str, str]:
    """Each workflow's text by its path in the repository.

    `secrets` are the variables that hold the portals' keys, `branch` is the one whose pushes are
    applied, `action` is OWNER/REPO@SHA of our action, None to install this version of the program.
    What is given goes into YAML as it is: it has to be checked before.
    """
    keys = "\n".join(f"          {name}: ${{{{ secrets.{name} }}}}" for name in secrets)
    marks = {
        "CHECKOUT": CHECKOUT,
        "PYTHON": PYTHON,
        "UPLOAD": UPLOAD,
        "VERSION": __version__,
        "BRANCH": branch,
        "ACTION": action or "",
        "KEYS": keys,
    }
    return {
        f".github/workflows/reconciler-{command}.yml": _filled(
            text, {"STEPS": ACTION if action else PINNED, "COMMAND": command, **marks}
        )
        for command, text in TEXTS.items()
    }


def _filled(text: str, marks: dict[str, str]) -> str:
    """The text with each `<MARK>` replaced, in this order: one may bring others."""
    for mark, value in marks.items():
        text = text.replace(f"<{mark}>", value)
    return text
