"""A simulated home: one inverter, perhaps a battery and a meter, as registers at any instant.

What the registers say follows from the curve, the faults and the instant alone. Energy counters
are integrals of the curve less the spans in which something was broken, so two readings differ by
exactly what was made between them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from edge_agent.simulator import storedge
from edge_agent.simulator.curve import DAY_S, SLOT_S, Curve
from edge_agent.simulator.faults import Fault, FaultKind, mended, spans
from edge_agent.simulator.image import Image, Template
from edge_agent.simulator.ledger import Ledger
from edge_agent.simulator.load import Load
from edge_agent.source import Unreachable

EFFICIENCY = 0.965
"""AC energy out of DC energy; the weighted efficiency of a good string inverter."""
BASE = 40000
OLD_INVERTER, NEW_INVERTER = 103, 701
OLD_BATTERY, NEW_BATTERY = 802, 713
APART_BATTERY = storedge.START
"""A battery outside of SunSpec, named for where its block of registers begins."""
INPUTS, PORTS, NO_SOCKETS = 160, 714, 0
METER = 203
METER_WH = {"imported": 2_000_000, "exported": 500_000}
"""What a meter showed when the curve began."""
CONTROLS = {OLD_INVERTER: 123, NEW_INVERTER: 704}
GRID_VOLTS = 240
STATES = {
    OLD_INVERTER: {"asleep": 2, "running": 4, "throttled": 5, "fault": 7},
    NEW_INVERTER: {"asleep": 1, "running": 3, "throttled": 4, "fault": 6},
}
INPUT_STATES = {"asleep": 2, "running": 4, "throttled": 5, "fault": 7}
PORT_STATES = {"asleep": 0, "running": 1, "throttled": 1, "fault": 3}
STORE_ERROR, BANK_FAULT = 2, 99
MODULES, STORAGE = 0, 1
"""Types of DC ports."""
MAX_W = 1
"""Bit 0 of what throttles an inverter of model 701."""
LOW_SOC, HIGH_SOC = 0.2, 0.9
CHARGE_FROM_S, CHARGE_UNTIL_S = 9 * 3600, 15 * 3600
DISCHARGE_FROM_S, DISCHARGE_UNTIL_S = 18 * 3600, 23 * 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """The greatest AC power, in per cent of the rating, from an instant until another.

    Both are unix seconds and lie on quarter hours.
    """

    since: int
    until: int
    percent: int

    def __post_init__(self) -> None:
        if self.since % SLOT_S or self.until % SLOT_S or not 0 <= self.percent <= 100:
            raise ValueError(f"limit of {self.percent} %: not within 0..100 or on quarter hours")


@dataclass(frozen=True, slots=True)
class HouseSpec:
    """What stands in a home; the serial number is what the cloud knows it by.

    `inverter` is 103 or 701, `battery` 802, 713, 0xE100 (outside of SunSpec, as SolarEdge has it,
    with a serial number that ends in `-B`) or None. `shares` gives each MPPT input its part of
    the modules and sums to 1. `counted_wh` is what the meter showed when the curve began.
    `is_hybrid` puts the battery on the inverter's DC side: what it takes does not reach the AC
    counter, and what it gives does. `sockets` is the model that tells of the modules: 160, 714, or
    0 for none; only 714 tells of a hybrid's battery, too. `limits` throttle the inverter. Faults of
    a hybrid or limited home count from the quarter hour on in which they begin, and so do all
    faults at a meter. `meter` is 203 or None: it sees what the home uses less what it makes,
    positive when it draws from the grid. It stands at the end of the chain, or is a device of its
    own with the unit id `meter_unit` and a serial number that ends in `-M`.
    """

    serial: str
    inverter: int = OLD_INVERTER
    battery: int | None = None
    shares: tuple[float, ...] = (0.5, 0.5)
    rated_w: int = 5000
    battery_wh: int = 13_500
    counted_wh: int = 1_000_000
    unit: int = 1
    maker: str = "Sunreeve"
    model: str = "Simulated house"
    is_hybrid: bool = False
    sockets: int = INPUTS
    limits: tuple[Limit, ...] = ()
    meter: int | None = None
    meter_unit: int | None = None

    def __post_init__(self) -> None:
        batteries = {None, OLD_BATTERY, NEW_BATTERY, APART_BATTERY}
        if self.inverter not in STATES or self.battery not in batteries:
            raise ValueError(f"house {self.serial}: no such inverter or battery model")
        if not self.shares or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"house {self.serial}: the shares of the inputs do not sum to 1")
        if self.sockets not in {INPUTS, PORTS, NO_SOCKETS} or (
            self.is_hybrid and self.battery is None
        ):
            raise ValueError(f"house {self.serial}: no such sockets, or a hybrid without a battery")
        if self.meter not in {None, METER} or self.meter_unit == self.unit:
            raise ValueError(f"house {self.serial}: no such meter, or at the inverter's unit id")


class House:
    """A home that can be read at any instant, broken and mended."""

    def __init__(self, spec: HouseSpec, curve: Curve, faults: Iterable[Fault] = ()) -> None:
        self.spec = spec
        self.curve = curve
        self.faults: tuple[Fault, ...] = tuple(faults)
        self._last: tuple[float, Image] | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._load = Load(spec.serial, curve.start)

    def break_down(self, fault: Fault) -> None:
        """Add a fault."""
        self.faults += (fault,)
        self._last = None
        self._ledgers.clear()

    def mend(self, at: float, kind: FaultKind | None = None) -> int:
        """End the faults that are on, or those of one kind, as a visit does; return how many."""
        ended = [f for f in self.faults if f.is_on(at) and kind in {None, f.kind}]
        self.faults = tuple(mended(f, at) if f in ended else f for f in self.faults)
        self._last = None
        self._ledgers.clear()
        return len(ended)

    def is_silent(self, at: float) -> bool:
        """Tell whether nothing answers at an instant."""
        return self._is_on(FaultKind.SILENCE, at)

    def input_wh(self, number: int, at: float) -> float:
        """Return what an MPPT input (from 1) has made from the start of the curve on, in Wh DC."""
        if self.spec.limits:
            return self._summed(f"input {number}", at, lambda slot: self.input_w(number, slot))
        made = self.curve.energy_wh(at)
        for since, until in spans(self.faults, number, at):
            made -= self.curve.energy_wh(until) - self.curve.energy_wh(max(since, self.curve.start))
        return made * self.spec.shares[number - 1]

    def input_w(self, number: int, at: float) -> float:
        """Return the power of an MPPT input (from 1) in W DC."""
        if any(fault.is_on(at) and fault.stops_input(number) for fault in self.faults):
            return 0.0
        return self.curve.power_w(at) * self.spec.shares[number - 1] * self._unlimited(at)

    def energy_wh(self, at: float) -> int:
        """Return what the AC energy counter shows."""
        if self.spec.is_hybrid:
            given = self._summed("ac", at, lambda slot: max(0.0, self._dc_w(slot)))
            return self.spec.counted_wh + int(given * EFFICIENCY)
        made = sum(self.input_wh(number, at) for number in self._inputs)
        return self.spec.counted_wh + int(made * EFFICIENCY)

    def charged_wh(self, at: float) -> float:
        """Return what went into the battery from the start of the curve on."""
        return self._summed("charged", at, lambda slot: max(0, -self._battery(slot)[1]))

    def discharged_wh(self, at: float) -> float:
        """Return what came out of the battery from the start of the curve on."""
        return self._summed("discharged", at, lambda slot: max(0, self._battery(slot)[1]))

    def grid_w(self, at: float) -> float:
        """Return the power at the meter, of the quarter hour; positive when it is drawn."""
        slot = at - (at - self.curve.start) % SLOT_S
        used = self._load.power_w(slot) - self._dc_w(slot) * EFFICIENCY
        return used if self.spec.is_hybrid else used - self._battery_w(slot)

    def imported_wh(self, at: float) -> float:
        """Return what was drawn from the grid from the start of the curve on."""
        return self._summed("imported", at, lambda slot: max(0.0, self.grid_w(slot)))

    def exported_wh(self, at: float) -> float:
        """Return what was given to the grid from the start of the curve on."""
        return self._summed("exported", at, lambda slot: max(0.0, -self.grid_w(slot)))

    def image(self, at: float) -> Image:
        """Return the registers at an instant; those of a meter of its own are not among them."""
        if self._last is None or self._last[0] != at:
            words = self._template.filled(self._values(at), self._nameplate)
            blocks = [(BASE, tuple(words))]
            if self.spec.battery == APART_BATTERY:
                blocks.append((storedge.START, storedge.block(self._apart(at))))
            self._last = (at, Image(self.spec.unit, tuple(blocks)))
        return self._last[1]

    def read(self, at: float, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return registers as of an instant.

        Raises:
            Unreachable: the home is silent.
            IllegalAddress: it has no such registers.
        """
        if self.is_silent(at):
            raise Unreachable(f"reading house {self.spec.serial}: it is silent")
        if self.spec.meter is not None and unit == self.spec.meter_unit:
            return self.meter_image(at).read(unit, address, count)
        return self.image(at).read(unit, address, count)

    def meter_image(self, at: float) -> Image:
        """Return the registers of a meter that is a device of its own."""
        template = Template([(1, 0), (METER, 0)])
        names = self._names | {"1.SN": f"{self.spec.serial}-M", "1.Md": "Simulated meter"}
        names["1.DA"] = self.spec.meter_unit
        words = template.filled(names | self._meter_values(at))
        return Image(self.spec.meter_unit or 0, ((BASE, tuple(words)),))

    def _summed(self, name: str, at: float, power_w: Callable[[float], float]) -> float:
        ledger = self._ledgers.get(name)
        if ledger is None:
            ledger = self._ledgers[name] = Ledger(self.curve.start, power_w)
        return ledger.wh(at)

    def _unlimited(self, at: float) -> float:
        """Return the part of the modules' power that the limits leave."""
        percent = min((e.percent for e in self.spec.limits if e.since <= at < e.until), default=100)
        most_w = self.spec.rated_w * percent / 100 / EFFICIENCY
        power_w = self.curve.power_w(at)
        return 1.0 if percent == 100 or power_w <= most_w else most_w / power_w

    def _dc_w(self, at: float) -> float:
        """Return the DC power that the inverter turns into AC, less than 0 when it draws."""
        modules_w = sum(self.input_w(number, at) for number in self._inputs)
        return modules_w + self._battery(at)[1] if self.spec.is_hybrid else modules_w

    @property
    def _inputs(self) -> range:
        return range(1, len(self.spec.shares) + 1)

    @cached_property
    def _template(self) -> Template:
        spec = self.spec
        models = [(1, 0), (spec.inverter, 0)]
        if spec.limits:
            models.append((CONTROLS[spec.inverter], 1))
        if spec.sockets == INPUTS:
            models.append((INPUTS, len(spec.shares)))
        if spec.battery in {OLD_BATTERY, NEW_BATTERY}:
            models.append((spec.battery, 0))
        if spec.sockets == PORTS:
            models.append((PORTS, len(spec.shares) + spec.is_hybrid))
        if self._has_meter_in_chain:
            models.append((METER, 0))
        return Template(models)

    @property
    def _has_meter_in_chain(self) -> bool:
        return self.spec.meter is not None and self.spec.meter_unit is None

    @property
    def _names(self) -> dict[str, int | str | None]:
        spec = self.spec
        return {
            "1.Mn": spec.maker,
            "1.Md": spec.model,
            "1.Vr": "1.0",
            "1.SN": spec.serial,
            "1.DA": spec.unit,
        }

    @cached_property
    def _nameplate(self) -> list[int]:
        """Return the words of everything that never changes: names and scale factors."""
        spec = self.spec
        values = self._names
        if spec.sockets == INPUTS:
            values |= {"160.DCA_SF": -2, "160.DCV_SF": -1, "160.DCW_SF": 0, "160.DCWH_SF": 0}
            values["160.N"] = len(spec.shares)
            for number in self._inputs:
                values |= {f"160.ID.{number}": number, f"160.IDStr.{number}": f"String {number}"}
        elif spec.sockets == PORTS:
            values |= {"714.NPrt": len(spec.shares) + spec.is_hybrid}
            values |= {"714.DCA_SF": -2, "714.DCV_SF": -1, "714.DCW_SF": 0, "714.DCWH_SF": 0}
            values |= {f"714.PrtTyp.{number}": MODULES for number in self._inputs}
            if spec.is_hybrid:
                values[f"714.PrtTyp.{len(spec.shares) + 1}"] = STORAGE
        if spec.limits:
            values[f"{CONTROLS[spec.inverter]}.WMaxLimPct_SF"] = 0
        if spec.inverter == OLD_INVERTER:
            scales = {"A": -2, "V": -1, "W": 0, "Hz": -2, "WH": 0, "DCW": 0, "Tmp": -1}
        else:
            scales = {"A": -2, "V": -1, "W": 0, "Hz": -2, "TotWh": 0, "Tmp": -1}
        values |= {f"{spec.inverter}.{name}_SF": scale for name, scale in scales.items()}
        if spec.battery == OLD_BATTERY:
            values |= {"802.SoC_SF": -1, "802.W_SF": 0, "802.WHRtg_SF": 0, "802.Typ": 4}
            values |= {"802.WHRtg": spec.battery_wh, "802.LocRemCtl": 1, "802.AlmRst": 0}
        elif spec.battery == NEW_BATTERY:
            values |= {"713.WH_SF": 0, "713.Pct_SF": -1, "713.WHRtg": spec.battery_wh}
        return self._template.filled(values)

    def _values(self, at: float) -> dict[str, int | str | None]:
        fault = next(
            (f for f in self.faults if f.kind is FaultKind.INVERTER_FAULT and f.is_on(at)), None
        )
        powers = [self.input_w(number, at) for number in self._inputs]
        dc_w = self._dc_w(at)
        is_dark = self.curve.power_w(at) <= 0 and (dc_w == 0 or not self.spec.is_hybrid)
        is_limited = self._unlimited(at) < 1
        awake = "throttled" if is_limited else "running"
        mode = "fault" if fault else "asleep" if is_dark else awake
        state = STATES[self.spec.inverter][mode]
        bits = (1 << fault.bit if fault else 0) | self._bits(FaultKind.ALARM, at)
        ac_w = None if mode == "asleep" else round(dc_w * EFFICIENCY)
        values: dict[str, int | str | None] = {}
        if self.spec.inverter == OLD_INVERTER:
            values |= {
                "103.W": ac_w,
                "103.A": None if ac_w is None else round(ac_w * 100 / GRID_VOLTS),
                "103.PhVphA": GRID_VOLTS * 10,
                "103.Hz": 6000,
                "103.WH": self.energy_wh(at),
                "103.DCW": None if ac_w is None else round(dc_w),
                "103.TmpCab": self._cabinet(sum(powers)),
                "103.St": state,
                "103.Evt1": bits,
                "103.Evt2": 0,
            }
        else:
            values |= {
                "701.St": int(mode in {"running", "throttled"}),
                "701.InvSt": state,
                "701.ConnSt": int(mode in {"running", "throttled"}),
                "701.Alrm": bits,
                "701.W": ac_w,
                "701.TotWhInj": self.energy_wh(at),
                "701.TmpCab": self._cabinet(sum(powers)),
            }
        values |= self._socket_values(at, powers, mode)
        values |= self._limit_values(at, is_limited=is_limited) | self._battery_values(at)
        return values | self._meter_values(at) if self._has_meter_in_chain else values

    def _socket_values(
        self, at: float, powers: list[float], mode: str
    ) -> dict[str, int | str | None]:
        """Return what the inputs or the ports say."""
        values: dict[str, int | str | None] = {}
        if self.spec.sockets == INPUTS:
            values["160.Evt"] = 0
            for number, power in zip(self._inputs, powers, strict=True):
                values |= {
                    f"160.DCW.{number}": round(power),
                    f"160.DCWH.{number}": int(self.input_wh(number, at)),
                    f"160.DCSt.{number}": INPUT_STATES[mode],
                    f"160.DCEvt.{number}": 0,
                }
            return values
        if self.spec.sockets == NO_SOCKETS:
            return values
        for number, power in zip(self._inputs, powers, strict=True):
            values |= self._port(number, power, PORT_STATES[mode])
            values[f"714.DCWhInj.{number}"] = int(self.input_wh(number, at))
            values[f"714.DCWhAbs.{number}"] = 0
        if self.spec.is_hybrid:
            number, power = len(powers) + 1, float(self._battery(at)[1])
            values |= self._port(number, power, PORT_STATES["running"])
            values[f"714.DCWhInj.{number}"] = int(self.discharged_wh(at))
            values[f"714.DCWhAbs.{number}"] = int(self.charged_wh(at))
        return values

    def _port(self, number: int, power: float, state: int) -> dict[str, int | str | None]:
        return {
            f"714.DCW.{number}": round(power),
            f"714.DCSta.{number}": state,
            f"714.DCAlrm.{number}": 0,
        }

    def _limit_values(self, at: float, *, is_limited: bool) -> dict[str, int | str | None]:
        """Return what the inverter says of the limits of its power."""
        if not self.spec.limits:
            return {}
        now = [limit.percent for limit in self.spec.limits if limit.since <= at < limit.until]
        if self.spec.inverter == OLD_INVERTER:
            return {"123.WMaxLim_Ena": int(bool(now)), "123.WMaxLimPct": min(now, default=100)}
        return {
            "704.WMaxLimPctEna": int(bool(now)),
            "704.WMaxLimPct": min(now, default=100),
            "701.ThrotSrc": MAX_W if is_limited else 0,
            "701.ThrotPct": min(now) if is_limited else 0,
        }

    def _meter_values(self, at: float) -> dict[str, int | str | None]:
        power_w = self.grid_w(at)
        return {
            "203.A_SF": -2,
            "203.V_SF": -1,
            "203.W_SF": 0,
            "203.TotWh_SF": 0,
            "203.A": round(abs(power_w) * 100 / GRID_VOLTS),
            "203.PhV": GRID_VOLTS * 10,
            "203.W": round(power_w),
            "203.TotWhImp": METER_WH["imported"] + int(self.imported_wh(at)),
            "203.TotWhExp": METER_WH["exported"] + int(self.exported_wh(at)),
            "203.Evt": 0,
        }

    def _cabinet(self, power_w: float) -> int:
        """Return the temperature inside the cabinet in tenths of a degree Celsius."""
        return 250 + round(power_w * 350 / self.spec.rated_w)

    def _battery_values(self, at: float) -> dict[str, int | str | None]:
        if self.spec.battery not in {OLD_BATTERY, NEW_BATTERY}:
            return {}
        soc, power_w = self._battery(at)
        has_failed = self._is_on(FaultKind.BATTERY_FAULT, at)
        if self.spec.battery == NEW_BATTERY:
            return {
                "713.SoC": round(soc * 1000),
                "713.WHAvail": round(soc * self.spec.battery_wh),
                "713.Sta": STORE_ERROR if has_failed else 0,
            }
        return {
            "802.SoC": round(soc * 1000),
            "802.W": power_w,
            "802.State": BANK_FAULT if has_failed else 3,
            "802.ChaSt": 4 if power_w < 0 else 3 if power_w > 0 else 6,
            "802.Evt1": self._bits(FaultKind.BATTERY_FAULT, at),
        }

    def _apart(self, at: float) -> storedge.Battery:
        """Return what a battery outside of SunSpec says."""
        soc, power_w = self._battery(at)
        return storedge.Battery(
            serial=f"{self.spec.serial}-B",
            rated_wh=self.spec.battery_wh,
            charge_w=-power_w,
            charged_wh=self.charged_wh(at),
            discharged_wh=self.discharged_wh(at),
            soc=soc,
            has_failed=self._is_on(FaultKind.BATTERY_FAULT, at),
        )

    def _battery(self, at: float) -> tuple[float, int]:
        """Return charge (0..1) and power (W, positive when discharging) by the time of day."""
        second = (at - self.curve.start) % DAY_S
        span = HIGH_SOC - LOW_SOC
        if CHARGE_FROM_S <= second < CHARGE_UNTIL_S:
            length = CHARGE_UNTIL_S - CHARGE_FROM_S
            power = -span * self.spec.battery_wh * 3600 / length
            return LOW_SOC + span * (second - CHARGE_FROM_S) / length, round(power)
        if DISCHARGE_FROM_S <= second < DISCHARGE_UNTIL_S:
            length = DISCHARGE_UNTIL_S - DISCHARGE_FROM_S
            power = span * self.spec.battery_wh * 3600 / length
            return HIGH_SOC - span * (second - DISCHARGE_FROM_S) / length, round(power)
        is_full = CHARGE_UNTIL_S <= second < DISCHARGE_FROM_S
        return (HIGH_SOC if is_full else LOW_SOC), 0

    def _battery_w(self, at: float) -> int:
        return 0 if self.spec.battery is None else self._battery(at)[1]

    def _bits(self, kind: FaultKind, at: float) -> int:
        """Return the event bits of the faults of a kind that are on."""
        bits = 0
        for fault in self.faults:
            if fault.kind is kind and fault.is_on(at):
                bits |= 1 << fault.bit
        return bits

    def _is_on(self, kind: FaultKind, at: float) -> bool:
        return any(fault.kind is kind and fault.is_on(at) for fault in self.faults)
