"""What was agreed on reading the field."""

from dataclasses import dataclass
from datetime import date, timedelta

from cloud.kernel.policy import DESIGN, Rule, Source

FIRST = date(2025, 1, 1)
_ARRIVAL = Source(DESIGN, "0019 Lost chunks are asked for again")
_COUNTERS = Source(DESIGN, "0005 Energy comes from counters")


@dataclass(frozen=True, slots=True)
class HybridEvidence:
    """When readings prove that a battery hangs on the DC side of an inverter.

    Attributes:
        least_battery_w: power of the battery below which a reading tells nothing.
        least_battery_percent: the same, in per cent of the DC power of the modules.
        charging_percent: share of the battery's power by which DC must exceed AC.
        discharging_percent: share of the battery's power by which AC must exceed DC.
        least_readings: readings that must say so; and they must be three times as many as those
            that say the contrary.
        dark: time around midnight in which AC power cannot come from modules.
    """

    least_battery_w: int
    least_battery_percent: int
    charging_percent: int
    discharging_percent: int
    least_readings: int
    dark: timedelta


COUNTER_SLACK = Rule(
    id="T-01",
    unit="time between a day's boundary and the reading taken for it",
    source=_COUNTERS,
    says="a counter read within two hours of midnight stands for midnight: the sun is down",
    values={FIRST: timedelta(hours=2)},
)
LONGEST_DAY = Rule(
    id="T-02",
    unit="hours at rated power",
    source=_COUNTERS,
    says="a counter that rises by more in a day than the rating could make is not believed",
    values={FIRST: 24},
)
NO_LIMIT_BITS = Rule(
    id="T-03",
    unit="bits of ThrotSrc that are no limit",
    source=_COUNTERS,
    says="an inverter is limited while it names a source of throttling other than derating, or "
    "says THROTTLED while a limit of its power is set",
    values={FIRST: frozenset({"DERATED"})},
    note="Derating (heat, age) comes from within and is an issue, no excuse. A limit that is set "
    "while the state is MPPT or RUNNING holds nothing back: a real inverter was read that made "
    "1080 W in the state MPPT with a limit of 0 % enabled.",
)
FULL_POWER = Rule(
    id="T-04",
    unit="per cent of the greatest power",
    source=_COUNTERS,
    says="a limit of 100 % of the greatest power limits nothing",
    values={FIRST: 100},
    note="Inverters are delivered so. A limit of unknown height counts as one.",
)
STORAGE_PORTS = Rule(
    id="T-05",
    unit="types of DC ports (model 714)",
    source=_COUNTERS,
    says="an inverter with a DC port for storage, or one that both takes and gives, has its "
    "battery on the DC side: what its modules made is measured at the modules",
    values={FIRST: frozenset({"ESS", "BIDIR"})},
    note="On such an inverter the AC counter hides what is charged and counts what is discharged. "
    "The order is: counters of the inputs, counters of the ports with modules, the counter of all "
    "modules (T-09), DC power summed, AC with charge and discharge. What a gateway sums for an "
    "inverter of SunSpec proves a battery on the DC side: it sums for no other. A device outside "
    "of SunSpec that tells of its modules and of a battery is measured at the modules. A battery "
    "that is a device of its own is added to no inverter: a chunk does not tell on which it hangs. "
    "The source follows from what a device has, not from what came in on a day: a source that is "
    "unknown on a day makes the day unknown.",
)
HYBRID_EVIDENCE = Rule(
    id="T-06",
    unit="readings of battery, DC and AC power",
    source=_COUNTERS,
    says="an inverter whose AC power departs from its DC power as its own battery charges or is "
    "discharged, or that gives at midnight what its battery loses, has it on the DC side",
    values={
        FIRST: HybridEvidence(
            least_battery_w=200,
            least_battery_percent=30,
            charging_percent=50,
            discharging_percent=25,
            least_readings=3,
            dark=timedelta(hours=2),
        )
    },
    note="Only a battery in the device's own models counts; one that is a device of its own is "
    "behind a meter of its own. Losses are below 15 % of the DC power, so half of a battery "
    "power of 30 % of it cannot be one. Vendors differ in the sign of charging: it is read off "
    "what the battery holds. What was proven once is handed back with the next day, for the "
    "battery may rest.",
)
ROLL_OVER = Rule(
    id="T-07",
    unit="Wh at which counters of 32 bits begin again",
    source=_COUNTERS,
    says="a counter that fell went round if it would have passed 2 to the power of 32 of its raw "
    "units on the way, and made no more than the rating could",
    values={FIRST: tuple(2**32 * 10**power / 100 for power in range(6))},
    note="The raw unit (0.01 Wh to 1 kWh) is not told by chunks; the rating leaves at most one.",
)
LONGEST_HOLE = Rule(
    id="T-08",
    unit="time between two readings of power",
    source=_COUNTERS,
    says="power is summed to energy only across holes of at most an hour: a gap is never zero",
    values={FIRST: timedelta(hours=1)},
)
MODULES_COUNTER = Rule(
    id="T-09",
    unit="time between two readings of a counter of all modules",
    source=_COUNTERS,
    says="a counter of all modules tells a day's energy while it is read at least once an hour; "
    "where the gateway could not read, the power beside it fills in what the counter left out",
    values={FIRST: timedelta(hours=1)},
    note="A device outside of SunSpec may count by itself; for an inverter with a battery beside "
    "it the gateway sums, and leaves out what it cannot read. A chunk does not tell which. So the "
    "difference over a long gap is never taken for what was made: it may be too small.",
)
TIME_TO_ARRIVE = Rule(
    id="T-20",
    unit="time since a chunk with a higher number came in",
    source=_ARRIVAL,
    says="a missing chunk is asked for when a later one has been here for an hour",
    values={FIRST: timedelta(hours=1)},
    note="After an outage a gateway sends its newest chunks first: older ones are on their way.",
)
KEPT_BY_GATEWAY = Rule(
    id="T-21",
    unit="time since the chunk's window began",
    source=_ARRIVAL,
    says="chunks are asked for as long as a gateway keeps what it has sent: seven days",
    values={FIRST: timedelta(days=7)},
)
REQUESTS_A_DAY = Rule(
    id="T-22",
    unit="requests to one gateway in 24 hours",
    source=_ARRIVAL,
    says="a gateway is asked at most three times a day",
    values={FIRST: 3},
)
MOST_RANGES = Rule(
    id="T-23",
    unit="ranges of numbers in one request",
    source=_ARRIVAL,
    says="a request names at most 32 ranges, the newest first",
    values={FIRST: 32},
)
MOST_NUMBERS = Rule(
    id="T-24",
    unit="numbers in one request, of all ranges together",
    source=_ARRIVAL,
    says="a request asks for at most 200 chunks, the newest first",
    values={FIRST: 200},
)
ASKED_IN_VAIN = Rule(
    id="T-26",
    unit="requests for one number, each before a chunk that came an hour or more later",
    source=_ARRIVAL,
    says="a chunk that was asked for three times, of a gateway that was heard after each, is gone",
    values={FIRST: 3},
    note="The gateway counts what it does not keep any more, and does not name it. A request to a "
    "gateway that is away waits for it, and is not counted.",
)
LATE_AFTER = Rule(
    id="T-25",
    unit="time between the start of a window and its arrival",
    source=Source(DESIGN, "0020 A sweep measures first and judges after"),
    says="a window that comes ten hours after it began, or later, is looked at by itself",
    values={FIRST: timedelta(hours=10)},
    note="A sweep reads back twelve hours before the last one. A window lasts eight hours at most.",
)
_CLONES = Source(DESIGN, "0029 Gateways come in by claim and token")

FACTS_KEPT = Rule(
    id="DV-13",
    unit="time that facts of a gateway's connections are kept",
    source=_CLONES,
    says="what was seen of a gateway's connections is kept for two days",
    values={FIRST: timedelta(days=2)},
    note="[our choice] A sign has to show within a day.",
)
BOOTS_RETURN = Rule(
    id="DV-07",
    unit="times that a start of the agent is told of, with others between",
    source=_CLONES,
    says="a gateway of which a start is told again after another one may be two machines",
    values={FIRST: 1},
    note="[our choice] A reboot never goes back. It is a finding for a person and blocks nothing.",
)
WINDOWS_SHARED = Rule(
    id="DV-08",
    unit="windows",
    source=_CLONES,
    says="a gateway of which two starts share two windows or more may be two machines",
    values={FIRST: 2},
    note="[our choice] Any reboot shares one window. Only chunks of a clock that was set count.",
)
KICKED_BY_ANOTHER = Rule(
    id="DV-12",
    unit="times in a day that connections from two addresses throw each other off",
    source=_CLONES,
    says="a gateway whose connections from two addresses throw each other off 24 times in a day "
    "may be two machines",
    values={FIRST: 24},
    note="[our choice] It finds devices that tell no start, and those that never keep a "
    "connection for long enough to tell it. A home with two lines that flap changes between them "
    "eight times a day now and then; two machines do it every five minutes.",
)
