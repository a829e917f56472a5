"""What a simulated home uses: a power by the time of day, different from day to day."""

import hashlib
from dataclasses import dataclass

from edge_agent.simulator.curve import DAY_S, SLOT_S

BY_HOUR_W = (
    *(310, 280, 270, 260, 270, 380, 640, 910, 760, 540, 470, 520),
    *(690, 610, 520, 500, 620, 980, 1480, 1720, 1510, 1130, 740, 450),
)
"""A made-up weekday: asleep, breakfast, lunch, and an evening at the stove."""
VARIATION = 0.4


@dataclass(frozen=True, slots=True)
class Load:
    """The use of one home; `start` is a midnight in its standard time (unix seconds)."""

    name: str
    start: int

    def power_w(self, at: float) -> float:
        """Return the power at an instant; it is constant within each quarter hour."""
        slot = int((at - self.start) // SLOT_S)
        digest = hashlib.sha256(f"{self.name} uses {slot}".encode()).digest()
        noise = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF * 2 - 1
        hour = slot * SLOT_S % DAY_S // 3600
        return BY_HOUR_W[hour] * (1 + VARIATION * noise)
