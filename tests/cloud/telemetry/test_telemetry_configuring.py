"""Configuring gateways from afar: what is sent, what is refused here, and what became of it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BadInput, Conflict, NotFound, Unavailable
from cloud.portfolio.models import Site
from cloud.telemetry.configuration import MOST_BYTES, Configuration, checked, configure_text
from cloud.telemetry.configuring import (
    GatewayConfiguration,
    Outcome,
    configure,
    notice_outcomes,
)
from cloud.telemetry.gaps import Resend, command_text
from cloud.telemetry.ports import StoredChunk
from cloud.telemetry.renewing import renew_text
from edge_agent.command import parse
from edge_agent.reading import Reading, Window, seal
from edge_agent.remote import merged
from edge_agent.settings import BrokerSettings, DeviceSettings
from edge_agent.settings import Settings as GatewaySettings

CONTRACT = Path(__file__).parents[3] / "contract"
GOLDEN = sorted((CONTRACT / "golden_commands").glob("*.json"))
GOLDEN_REFUSED = json.loads((CONTRACT / "golden_commands_refused.json").read_text(encoding="utf-8"))
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((CONTRACT / "command_schema.json").read_text(encoding="utf-8"))
)
NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
GATEWAY = "gw-1"
SITE = Site(
    id="SITE-1",
    gateway_id=GATEWAY,
    customer_name="Ada",
    customer_email="ada@home.example",
    address="1 Sun Street",
    state="CO",
    latitude=39.7,
    longitude=-105.1,
    utc_offset_hours=-7,
    time_zone="America/Denver",
    commissioned_on=date(2025, 5, 1),
    dc_rating_w=6000,
    manufacturer="Sunny",
    inverter_model="S-6",
    installer_id="P-1",
    workmanship_until=date(2035, 5, 1),
)
ROOF = {"name": "roof", "host": "192.168.1.20"}


# ---------------------------------------------------------------------- the message
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_cloud_writes_the_golden_commands(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    plain = golden["plain"]
    if "set" in plain:
        written = configure_text(Configuration(plain["id"], checked(plain["set"])))
    elif "ranges" not in plain:
        written = renew_text(plain["id"])
    else:
        ranges = tuple((first, last) for first, last in plain["ranges"])
        written = command_text(Resend(plain["id"], ranges))
    assert written.decode("ascii") == golden["wire"]
    SCHEMA.validate(json.loads(written))


def test_there_are_golden_commands_of_all_kinds():
    wires = (json.loads(path.read_text(encoding="utf-8"))["wire"] for path in GOLDEN)
    kinds = {json.loads(wire)["do"] for wire in wires}
    assert len(kinds) == 3


REFUSED = {
    "an entry that cannot be changed": ({"thing": "gw-2"}, "has no entry 'thing'"),
    "poll_s zero": ({"poll_s": 0}, "poll_s must be a whole number from 1"),
    "poll_s true": ({"poll_s": True}, "poll_s must be"),
    "poll_s with a point": ({"poll_s": 60.0}, "poll_s must be"),
    "a window beyond a day": ({"window_s": 86_401}, "window_s must be"),
    "a window that does not divide a day": ({"window_s": 7000}, "must divide a day"),
    "a window that is no multiple": ({"window_s": 900, "poll_s": 7}, "a multiple of poll_s"),
    "too many readings": ({"window_s": 3600, "poll_s": 2}, "holds more than 1500"),
    "another level": ({"log": "trace"}, "log must be one of debug"),
    "a level that is no text": ({"log": ["info"]}, "log must be one of"),
    "no device": ({"device": []}, "a list of 1 to 32"),
    "33 devices": ({"device": [ROOF | {"name": f"d{n}"} for n in range(33)]}, "1 to 32"),
    "a device that is a text": ({"device": ["roof"]}, "device 1 must be an object"),
    "no name": ({"device": [{"host": "x"}]}, "device 1 has no name"),
    "no host": ({"device": [ROOF, {"name": "x"}]}, "device 2 has no host"),
    "an empty name": ({"device": [ROOF | {"name": ""}]}, "device 1: name must be"),
    "a name of blanks": ({"device": [ROOF | {"name": "  "}]}, "device 1: name must be"),
    "one name twice": ({"device": [ROOF, ROOF]}, "has the name 'roof' twice"),
    "one serial twice": (
        {"device": [ROOF | {"serial": "S"}, {"name": "x", "host": "h", "serial": "S"}]},
        "has the serial 'S' twice",
    ),
    "an address with a path": ({"device": [ROOF | {"host": "x/y"}]}, "host must be an address"),
    "an address of a person": ({"device": [ROOF | {"host": "a@b"}]}, "host must be an address"),
    "port 0": ({"device": [ROOF | {"port": 0}]}, "port must be"),
    "unit 256": ({"device": [ROOF | {"unit": 256}]}, "unit must be"),
    "unit null": ({"device": [ROOF | {"unit": None}]}, "unit must be"),
    "rated 0": ({"device": [ROOF | {"rated_w": 0}]}, "rated_w must be"),
    "no patience": ({"device": [ROOF | {"timeout_s": 0.01}]}, "timeout_s must be"),
    "no number": ({"device": [ROOF | {"timeout_s": float("nan")}]}, "timeout_s must be"),
    "a long pause": ({"device": [ROOF | {"pause_s": 6}]}, "pause_s must be"),
    "a profile's path": ({"device": [ROOF | {"profile": "/etc/x.toml"}]}, "name of a profile"),
    "a long serial number": ({"device": [ROOF | {"serial": "9" * 65}]}, "serial must be"),
    "an unknown entry": ({"device": [ROOF | {"password": "x"}]}, "has no entry 'password'"),
    "the battery of itself": ({"device": [ROOF | {"dc_of": "roof"}]}, "dc_of must name another"),
    "the battery of a battery": (
        {
            "device": [
                ROOF,
                {"name": "cell", "host": "h", "dc_of": "roof"},
                {"name": "more", "host": "h", "dc_of": "cell"},
            ]
        },
        "'more': dc_of names one that hangs on another",
    ),
    "seconds that no window fits": ({"poll_s": 7}, "poll_s 7 must divide a day"),
    "the battery of nobody": ({"device": [ROOF | {"dc_of": "shed"}]}, "dc_of must name another"),
}


@pytest.mark.parametrize(("changes", "says"), REFUSED.values(), ids=REFUSED)
def test_what_a_gateway_would_refuse_is_refused_here(changes, says):
    with pytest.raises(BadInput, match=says):
        checked(changes)


@pytest.mark.parametrize("changes", GOLDEN_REFUSED.values(), ids=GOLDEN_REFUSED)
def test_what_every_gateway_refuses_is_refused_here(changes):
    with pytest.raises(BadInput):
        checked(changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"window_s": 900}, id="a window alone"),
        pytest.param({"poll_s": 7200}, id="seconds alone: the gateway knows its window"),
        pytest.param({"window_s": 86_400, "poll_s": 60}, id="a day of minutes"),
        pytest.param({"window_s": 86_400, "poll_s": 86_400}, id="once a day"),
        pytest.param({"device": [ROOF | {"unit": 0, "timeout_s": 10, "pause_s": 0}]}, id="edges"),
    ],
)
def test_what_lies_on_the_edge_is_sent(changes):
    assert checked(changes) == changes


def test_what_is_too_long_is_refused():
    many = [ROOF | {"name": f"{n:02}" + "ü" * 126} for n in range(32)]
    with pytest.raises(BadInput, match=f"more than the {MOST_BYTES}"):
        configure_text(Configuration("CF-1", checked({"device": many})))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
entry_names = st.sampled_from(["name", "host", "port", "unit", "timeout_s", "dc_of", "profile"])


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["poll_s", "window_s", "log", "device", "x"]),
        json_values | st.lists(st.dictionaries(entry_names, json_values), max_size=3),
    )
)
def test_whatever_is_asked_for_is_refused_or_read_by_the_gateway(changes):
    try:
        wanted = checked(changes)
        written = configure_text(Configuration("CF-1", wanted))
    except BadInput:
        return
    SCHEMA.validate(json.loads(written))
    assert parse(written).changes == wanted


near_good_devices = st.fixed_dictionaries(
    {"name": st.sampled_from(["roof", "cell", "shed"]), "host": st.sampled_from(["h", "a b"])},
    optional={
        "port": st.sampled_from([0, 1, 502, 65_535, 65_536, True]),
        "unit": st.sampled_from([0, 255, 256, 1.0]),
        "rated_w": st.sampled_from([0, 1, 1_000_000, 1_000_001]),
        "timeout_s": st.sampled_from([0.04, 0.05, 10, 10.1, True]),
        "pause_s": st.sampled_from([-1, 0, 5, 5.1]),
        "profile": st.sampled_from(["", "solaredge_battery", "x" * 65, "x.toml"]),
        "serial": st.sampled_from(["", "SN-1", "SN-2", "S" * 64, "S" * 65]),
        "dc_of": st.sampled_from(["", "roof", "cell", "house"]),
    },
)
near_good_changes = st.fixed_dictionaries(
    {},
    optional={
        "poll_s": st.sampled_from([1, 2, 7, 60, 7200, 43_200, 50_000, 86_400]),
        "window_s": st.sampled_from([1, 900, 3600, 7000, 86_400]),
        "device": st.lists(near_good_devices, max_size=3),
    },
)


@settings(max_examples=300, deadline=None)
@given(near_good_changes)
def test_what_is_sent_is_taken_by_a_gateway_whose_file_fits(changes):
    try:
        wanted = checked(changes)
    except BadInput:
        return
    poll_s = changes.get("poll_s", changes.get("window_s", 60))
    window_s = changes.get("window_s", poll_s)
    owners = GatewaySettings(
        GATEWAY,
        Path("outbox.sqlite"),
        BrokerSettings("127.0.0.1"),
        (DeviceSettings("roof", "192.168.1.20"),),
        poll_s=poll_s,
        window_s=window_s,
    )
    taken = merged(owners, wanted)
    assert (taken.poll_s, taken.window_s) == (poll_s, window_s)


def test_all_that_can_be_changed_is_read_by_the_gateway():
    battery = {
        "name": "Akku",
        "host": "fd00::20",
        "port": 1502,
        "unit": 247,
        "rated_w": 5000,
        "timeout_s": 2.5,
        "pause_s": 1,
        "profile": "solaredge_battery",
        "serial": "7E1A0001",
        "dc_of": "roof",
    }
    everything = {"poll_s": 30, "window_s": 300, "log": "debug", "device": [ROOF, battery]}
    read = parse(configure_text(Configuration("CF-1", checked(everything))))
    assert (read.id, read.changes) == ("CF-1", everything)


# ---------------------------------------------------------------------- sending it
class Down:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict]] = []
        self.is_away = False

    def command(self, gateway_id: str, payload: bytes) -> None:
        if self.is_away:
            raise Unavailable("sending: nobody there")
        self.sent.append((gateway_id, json.loads(payload)))


class Field:
    """The ports of one gateway."""

    def __init__(self) -> None:
        self.chunks, self.records, self.down = MemoryChunks(), MemoryRecords(), Down()
        self.records.commit(Change(saves=(Save(SITE),)))

    def configure(self, changes=None, *, at: datetime = NOW, by: str = "ann"):
        wanted = {"window_s": 900} if changes is None else changes
        return configure(self.records, self.down, gateway_id=GATEWAY, changes=wanted, at=at, by=by)

    def tell(self, at: datetime, *, clock: int = 1, **health) -> None:
        t0 = int(at.timestamp()) // 900 * 900 if clock else 0
        seq = 1 + int((at - NOW).total_seconds()) // 60
        window = Window(GATEWAY, "5f", 1000 + seq, t0, 900, 1, clock, health)
        payload = seal(window, [Reading("SN-1", t0, 0, "1.103", {"W": 1})])
        start = datetime.fromtimestamp(t0, UTC)
        self.chunks.put([StoredChunk(GATEWAY, start, 1000 + seq, payload, at + 15 * MINUTE)])

    def notice(self, at: datetime) -> int:
        return notice_outcomes(
            [GATEWAY, "gw-other"], chunks=self.chunks, records=self.records, at=at
        )

    def kept(self) -> GatewayConfiguration:
        return self.records.load(GatewayConfiguration, GATEWAY).record

    def history(self) -> list[str]:
        return [event.what for event in self.records.history(f"GATEWAY-{GATEWAY}")]


def test_a_configuration_is_noted_and_sent():
    field = Field()
    asked = field.configure({"window_s": 900, "poll_s": 60, "log": "debug"})
    assert field.down.sent == [
        (
            GATEWAY,
            {
                "v": 1,
                "do": "configure",
                "id": asked.configuration_id,
                "set": {"poll_s": 60, "window_s": 900, "log": "debug"},
            },
        )
    ]
    assert field.kept() == asked
    (event,) = field.records.history(f"GATEWAY-{GATEWAY}")
    assert (event.what, event.by, event.causes) == (
        "configuration_sent",
        "ann",
        (asked.configuration_id,),
    )
    assert event.says == f"gateway {GATEWAY} was told to go by: poll_s 60, window_s 900, log debug"


def test_the_same_again_is_the_same_configuration():
    field = Field()
    assert field.configure() == field.configure()
    assert field.down.sent[0] == field.down.sent[1]
    assert field.history() == ["configuration_sent"]
    later = field.configure(at=NOW + HOUR)
    assert later.configuration_id != field.down.sent[0][1]["id"]
    other = field.configure({"window_s": 300}, at=NOW + HOUR)
    assert other.configuration_id != later.configuration_id


def test_nothing_is_sent_that_is_wrong_or_to_a_gateway_of_nobody():
    field = Field()
    with pytest.raises(BadInput):
        field.configure({"poll_s": -1})
    with pytest.raises(NotFound, match="gw-x"):
        configure(field.records, field.down, gateway_id="gw-x", changes={}, at=NOW, by="ann")
    assert (field.down.sent, field.history()) == ([], [])


def test_a_way_down_that_is_away_leaves_a_note_and_the_same_may_be_asked_again():
    field = Field()
    field.down.is_away = True
    with pytest.raises(Unavailable):
        field.configure()
    field.down.is_away = False
    assert field.configure().outcome is Outcome.WAITS
    assert (len(field.down.sent), field.history()) == (1, ["configuration_sent"])


# ---------------------------------------------------------------------- what became of it
@pytest.mark.parametrize("clock", [1, 0], ids=["clock set", "clock never set"])
def test_a_configuration_that_was_taken_is_noted_once(clock):
    field = Field()
    name = field.configure().configuration_id
    field.tell(NOW, cfg_try=name)
    assert field.notice(NOW + HOUR) == 0
    field.tell(NOW + 15 * MINUTE, clock=clock, cfg=name)
    field.tell(NOW + 30 * MINUTE, clock=clock, cfg=name)
    assert [field.notice(NOW + hours * HOUR) for hours in (1, 1, 9)] == [1, 0, 0]
    assert (field.kept().outcome, field.kept().because) == (Outcome.TAKEN, "")
    assert field.history() == ["configuration_sent", "configuration_taken"]
    event = field.records.history(f"GATEWAY-{GATEWAY}")[-1]
    assert event.says == f"gateway {GATEWAY} goes by: window_s 900"
    assert event.causes[0] == name
    assert event.causes[1].startswith(f"{GATEWAY}/")


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ({"cfg_why": "no acknowledgement in 600 s"}, "refused (no acknowledgement in 600 s)"),
        ({}, "refused (it gave no reason)"),
    ],
)
def test_a_configuration_that_was_refused_is_noted_with_the_reason(why, says):
    field = Field()
    name = field.configure().configuration_id
    field.tell(NOW + 15 * MINUTE, cfg="CF-before", cfg_no=name, **why)
    assert [field.notice(NOW + HOUR), field.notice(NOW + HOUR)] == [1, 0]
    assert field.kept().outcome is Outcome.REFUSED
    event = field.records.history(f"GATEWAY-{GATEWAY}")[-1]
    assert (event.what, event.by) == ("configuration_refused", GATEWAY)
    assert says in event.says


def test_what_the_gateway_says_of_another_configuration_tells_nothing():
    field = Field()
    first = field.configure().configuration_id
    field.configure({"window_s": 300}, at=NOW + MINUTE)
    field.tell(NOW + 15 * MINUTE, cfg=first, cfg_no="CF-other")
    field.tell(NOW + 30 * MINUTE)
    assert field.notice(NOW + HOUR) == 0
    assert field.kept().outcome is Outcome.WAITS


@pytest.mark.parametrize(
    ("after", "health", "is_taken"),
    [
        pytest.param(0, {}, False, id="a window that began before it can have been tried"),
        pytest.param(15, {}, True, id="a later window that names none"),
        pytest.param(15, {"cfg": "CF-before"}, False, id="another still holds"),
        pytest.param(15, {"cfg_try": "CF-x"}, False, id="it is being tried"),
    ],
)
def test_taking_everything_back_is_seen_by_what_is_not_there(after, health, is_taken):
    field = Field()
    field.configure({})
    field.tell(NOW + after * MINUTE, **health)
    assert field.notice(NOW + HOUR) == is_taken


class Meddled(MemoryRecords):
    """Records in which somebody configures the gateway anew before the outcome is written."""

    is_meddled = False

    def commit(self, change: Change) -> None:
        if self.is_meddled and any(event.what == "configuration_taken" for event in change.events):
            raise Conflict("somebody was faster")
        super().commit(change)


def test_an_outcome_of_what_was_replaced_meanwhile_is_let_go():
    field = Field()
    field.records = Meddled()
    field.records.commit(Change(saves=(Save(SITE),)))
    name = field.configure().configuration_id
    field.tell(NOW + 15 * MINUTE, cfg=name)
    field.records.is_meddled = True
    assert field.notice(NOW + HOUR) == 0
    field.records.is_meddled = False
    assert field.notice(NOW + 9 * HOUR) == 1


def test_without_a_configuration_no_chunk_is_read():
    class NoChunks(MemoryChunks):
        def between(self, *_):
            raise AssertionError("nobody waits for anything")

    field = Field()
    field.chunks = NoChunks()
    assert field.notice(NOW) == 0
