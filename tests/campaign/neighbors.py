"""Where else an apply could go by mistake: another address, and another agency at the same one."""

from __future__ import annotations

from random import Random

from campaign.simulation import Simulation, asleep
from campaign.worlds import world
from reconciler.sandbox.agent import Agent
from reconciler.sandbox.server import Application
from reconciler.sandbox.state import Agency, State
from reconciler.sandbox.store import Store

HOST = "127.0.0.2"
"""The other address; nothing listens there."""
OTHER_IDS = 100_000
"""What to add to the ids of the other agency: no two agencies share one."""


class Neighbors:
    """The portals at another address, and another agency, whose agents have the same external ids
    and phones as this one's."""

    def __init__(self, seed: int, simulation: Simulation) -> None:
        self.random = Random(f"neighbors {seed}")
        self.key = "key of another agency"
        self.staging_url = f"http://{HOST}/api/v1"
        other, here = world(Random(f"staging {seed}")), world(Random(f"world {seed}"))
        staging, agency = State(Store()), State(Store())
        staging.reset(other.rentix, other.readings, other.limits)
        agency.reset([{**each, "id": each["id"] + OTHER_IDS} for each in here.rentix])
        agency.key, agency.agency = self.key, Agency(2, "Another Agency")
        self._states = (staging, agency)
        for state in self._states:
            state.clock, state.sleep = lambda: simulation.now, asleep
        simulation.elsewhere[HOST] = Application(staging)
        simulation.elsewhere[f"ApiKey {self.key}"] = Application(agency)

    def agents(self) -> list[Agent]:
        """The other agency's agents."""
        return self._states[1].store.agents()

    def close(self) -> None:
        """Close the stores."""
        for state in self._states:
            state.store.close()
