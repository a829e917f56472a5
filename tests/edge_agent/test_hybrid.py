import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from edge_agent.hybrid import PvState, pv_from, pv_text, with_pv
from edge_agent.reading import Reading

AT = 1782025200
POLL_S = 60


def inverter(at=AT, **values) -> Reading:
    return Reading("INV", at, 0 if values else 2, "1.103", values)


def battery(charge_w, at=AT) -> Reading:
    values = {} if charge_w is None else {"BatChgW": charge_w}
    return Reading("BAT", at, 0, "solaredge_battery", values)


@pytest.mark.parametrize(
    ("dc_w", "charges", "pv_w"),
    [
        pytest.param(3000, [0], 3000, id="the battery rests"),
        pytest.param(1000, [2000], 3000, id="the battery takes what the modules make"),
        pytest.param(0, [2500], 2500, id="all goes into the battery"),
        pytest.param(3000, [-3000], 0, id="night: what comes is the battery's"),
        pytest.param(2990, [-3000], 0, id="losses do not make modules that draw power"),
        pytest.param(-1500, [1500], 0, id="the battery is charged from the grid"),
        pytest.param(1000, [500, 700], 2200, id="two batteries"),
        pytest.param(None, [500], None, id="no power of the inverter"),
        pytest.param(1000, [None], None, id="no power of the battery"),
        pytest.param(1000, [500, None], None, id="no power of one of two batteries"),
    ],
)
def test_power_of_the_modules(dc_w, charges, pv_w):
    told, _ = with_pv(inverter(DCW=dc_w), [battery(w) for w in charges], PvState(), POLL_S)
    assert told.values["PvW"] == pv_w
    assert told.values["DCW"] == dc_w


def test_readings_of_two_instants_are_not_added():
    told, state = with_pv(inverter(DCW=5), [battery(5, AT - POLL_S)], PvState(), POLL_S)
    assert told.values["PvW"] is None
    assert state == PvState()


@pytest.mark.parametrize(
    "own",
    [{"PvW": 7}, {"PvWH": 8}, {"DCWH_1": 500}, {"PrtWH_2": 500}, {"PvW": None}],
    ids=str,
)
def test_nothing_is_derived_where_the_device_knows_better(own):
    reading = inverter(DCW=100, **own)
    assert with_pv(reading, [battery(50)], PvState(), POLL_S) == (reading, PvState())


def test_an_input_counter_that_is_not_implemented_knows_nothing():
    told, _ = with_pv(inverter(DCW=100, DCWH_1=None), [battery(50)], PvState(), POLL_S)
    assert told.values["PvW"] == 150


def test_an_inverter_without_a_battery_is_left_as_it_is():
    reading = inverter(DCW=100)
    assert with_pv(reading, [], PvState(), POLL_S) == (reading, PvState())


@pytest.mark.parametrize("known", [0, 1])
def test_a_battery_without_a_reading_is_not_taken_for_one_that_rests(known):
    batteries = [battery(500)] * known
    told, state = with_pv(inverter(DCW=1000), batteries, PvState(), POLL_S, expected=2)
    assert told.values == {"DCW": 1000, "PvW": None}
    assert state == PvState()


def run(steps, state=PvState(), poll_s=POLL_S):  # noqa: B008 - it is frozen
    """Return the counters told at `(second, DC watts)`; None for a silent inverter."""
    told = []
    for second, dc_w in steps:
        at = AT + second
        reading = inverter(at) if dc_w is None else inverter(at, DCW=dc_w)
        after, state = with_pv(reading, [battery(0, at)], state, poll_s)
        told.append(after.values.get("PvWH"))
    return told, state


def test_energy_is_the_sum_over_the_day():
    told, _ = run([(minute * 60, 3000) for minute in range(61)])
    assert told[0] == 0
    assert told[-1] == 3000
    assert told == sorted(told)


def test_small_powers_are_not_lost_in_rounding():
    told, _ = run([(minute * 60, 1) for minute in range(24 * 60 + 1)])
    assert told[-1] in {23, 24}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param([(0, 6000), (180, 6000)], [0, 300], id="two missed polls are filled in"),
        pytest.param([(0, 6000), (240, 6000)], [0, 400], id="three missed polls are filled in"),
        pytest.param([(0, 6000), (241, 6000)], [0, 0], id="a second more is not"),
        pytest.param([(0, 6000), (300, 6000)], [0, 0], id="four missed polls are not"),
        pytest.param(
            [(0, 6000), (60, 6000), (120, None), (180, 6000)],
            [0, 100, None, 300],
            id="a silent inverter tells nothing, and one poll is filled in",
        ),
        pytest.param(
            [(0, 6000), (60, 6000), (3660, 6000), (3720, 6000)],
            [0, 100, 100, 200],
            id="after an hour it goes on from where it stood",
        ),
        pytest.param([(0, 6000), (60, 6000), (60, 6000)], [0, 100, 100], id="one instant twice"),
        pytest.param(
            [(0, 6000), (60, 6000), (-600, 6000), (-540, 6000)],
            [0, 100, 100, 200],
            id="a clock that is put back adds nothing",
        ),
    ],
)
def test_what_a_gap_adds(steps, told):
    assert run(steps)[0] == told


def test_while_the_battery_is_silent_the_counter_stands_and_is_told():
    _, state = run([(0, 6000), (60, 6000)])
    told, after = with_pv(inverter(AT + 120, DCW=6000), [battery(None)], state, POLL_S)
    assert told.values == {"DCW": 6000, "PvW": None, "PvWH": 100}
    assert after == state


def test_a_restart_goes_on_where_it_was():
    _, state = run([(0, 6000), (60, 6000)])
    told, _ = run([(120, 6000)], pv_from(pv_text(state)))
    assert told == [200]


@pytest.mark.parametrize(
    "stored",
    ["", "x", "[]", "{}", "5", "[1,2]", "[-1]", "[5,6,-7]", "[1,2,3,4]", "[1.5]", "[true]"],
)
def test_a_state_that_cannot_be_is_a_new_one(stored):
    assert pv_from(stored) == PvState()


@with_settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-300, 600),
            st.none() | st.integers(-20_000, 20_000),
            st.none() | st.integers(-20_000, 20_000),
        ),
        max_size=40,
    )
)
def test_the_counter_never_falls_and_never_outruns_the_power(steps):
    state, at, before, most = PvState(), AT, 0, 0
    for step, dc_w, charge_w in steps:
        at += step
        told, state = with_pv(inverter(at, DCW=dc_w), [battery(charge_w, at)], state, POLL_S)
        pv_w, counter = told.values["PvW"], told.values.get("PvWH", before)
        assert pv_w is None or pv_w >= 0
        assert counter >= before
        most += 40_000 * min(max(step, 0), 4 * POLL_S)
        assert counter <= most // 3600
        before = counter
        assert pv_from(pv_text(state)) == state
