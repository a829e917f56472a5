"""Energy of a power that only changes on quarter hours, where no formula gives it."""

from collections.abc import Callable

from edge_agent.simulator.curve import SLOT_S


class Ledger:
    """Sums a power from an instant on; each quarter hour is asked for once."""

    def __init__(self, start: float, power_w: Callable[[float], float]) -> None:
        """Begin a ledger.

        Args:
            start: unix seconds, on a quarter hour; before it nothing was made.
            power_w: power in W at an instant, constant from one quarter hour to the next.
        """
        self._start = start
        self._power_w = power_w
        self._before_wh = [0.0]

    def wh(self, at: float) -> float:
        """Return the energy from the start until an instant."""
        if at <= self._start:
            return 0.0
        slots, rest = divmod(at - self._start, SLOT_S)
        for slot in range(len(self._before_wh) - 1, int(slots)):
            watts = self._power_w(self._start + slot * SLOT_S)
            self._before_wh.append(self._before_wh[slot] + watts * SLOT_S / 3600)
        watts = self._power_w(self._start + slots * SLOT_S)
        return self._before_wh[int(slots)] + watts * rest / 3600
