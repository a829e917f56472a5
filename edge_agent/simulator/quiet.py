"""Simulated homes without sockets: the same registers, decoder, judgement and codec, in memory.

This is for long jumps of the simulated clock, in which no connection could keep up.
"""

from collections.abc import Iterable, Iterator

from edge_agent.poll import Poller
from edge_agent.reading import Reading
from edge_agent.simulator.house import House


class HouseSource:
    """A house as a source of registers, as of an instant that is set from outside."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.at = 0.0

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return registers as of `at`."""
        return self.house.read(self.at, unit, address, count)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def readings(house: House, instants: Iterable[int]) -> Iterator[Reading]:
    """Yield what an agent would have read from a house at these instants, in order.

    A house that is silent yields readings that say so, as an agent that knows the house would.
    """
    source = HouseSource(house)
    poller = Poller(
        source, unit=house.spec.unit, rated_w=house.spec.rated_w, serial=house.spec.serial
    )
    for at in instants:
        source.at = at
        reading = poller.poll(at)
        if reading is not None:
            yield reading
