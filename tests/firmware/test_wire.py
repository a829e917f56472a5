"""The device writes the same bytes as the gateway, on both runtimes; its maps are the gateway's."""

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import generate
from edge_agent.reading import Event, Reading, Window, chunk_text, event_text, packed, sections
from tests.firmware.harness import FIRMWARE, ROOT, both_runtimes, run

GOLDEN = sorted((generate.CONTRACT / "golden").glob("*.json"))
WRITER = """
import binascii, hashlib, json, sys
from sunreeve_device import wire
for line in sys.stdin:
    head, health, devices = json.loads(line)
    sections = [(sn, ml, q, cols) for sn, ml, q, cols in devices]
    plain = wire.chunk_text(*(head + [health, sections]))
    sent = wire.chunk(*(head + [health, sections]))
    print(plain.decode())
    print(binascii.hexlify(hashlib.sha256(sent).digest()).decode())
"""


def question(plain: dict) -> str:
    head = [plain[key] for key in ("gw", "boot", "seq", "t0", "dt", "n", "clk", "dict")]
    devices = [[d["sn"], d["ml"], d["q"], list(d["cols"].items())] for d in plain["dev"]]
    return json.dumps([head, list(plain["health"].items()), devices]) + "\n"


def answers(plains: list[dict], runtime: str, **options) -> list[tuple[str, str]]:
    said = run(WRITER, runtime=runtime, stdin="".join(map(question, plains)), **options)
    lines = said.splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


@both_runtimes
def test_golden_messages_are_written_byte_for_byte(runtime):
    data = [json.loads(path.read_text(encoding="utf-8")) for path in GOLDEN]
    told = answers([one["plain"] for one in data], runtime)
    assert len(told) == len(GOLDEN) > 5
    for one, (text, sent) in zip(data, told, strict=True):
        assert text == one.get("wire", one.get("text"))
        # MicroPython does not compress; CPython packs as the gateway does.
        payload = packed(text) if runtime == "cpython" else text.encode("ascii")
        assert sent == hashlib.sha256(payload).hexdigest()


@both_runtimes
def test_what_gateway_and_device_write_of_the_same_readings_is_the_same(runtime):
    texts, plains = made_up()
    assert [text for text, _ in answers(plains, runtime, heap="512wk")] == texts


def made_up() -> tuple[list[str], list[dict]]:
    """Return chunks of drawn readings, as the gateway writes them and as plain values."""
    names = ["W", "WH", "TmpCab", "DCW_1", "DCW_2", "DCW_10", "DCWH_1", "PrtW_3", "VndFlt"]
    value = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9))
    # ASCII, controls, Latin, Japanese, and letters outside of the first plane
    letters = st.characters(exclude_categories=("Cs",))
    label = st.text(letters, min_size=1, max_size=8)
    row = st.dictionaries(st.sampled_from(names), value, max_size=5)
    rows = st.lists(
        st.tuples(label, st.integers(0, 3), st.integers(0, 5), row), min_size=1, max_size=6
    )
    texts: list[str] = []
    plains: list[dict] = []

    @settings(max_examples=60, database=None, derandomize=True)
    @given(rows, st.dictionaries(st.sampled_from(["ver", "up", "why_1"]), st.one_of(value, label)))
    def draw(rows, health):
        window = Window("gw-1", "5f", 2**40, 1782064800, 900, 4, 1, health)
        readings = [
            Reading(serial, window.t0 + 900 * i, quality, "1.103", values)
            for serial, i, quality, values in rows
        ]
        found = sections(readings, window)
        texts.append(chunk_text(window, found))
        plains.append(
            {
                "gw": "gw-1", "boot": "5f", "seq": 2**40, "t0": window.t0, "dt": 900, "n": 4,
                "clk": 1, "dict": 3, "health": health,
                "dev": [
                    # the device sorts its columns itself
                    {"sn": s.serial, "ml": s.layout, "q": s.quality,
                     "cols": dict(reversed(s.columns.items()))}
                    for s in found
                ],
            }
        )  # fmt: skip

    draw()
    return texts, plains


EVENTS = [
    pytest.param(Event(1, "SN", "state", None, 5), 1, id="a device that was not known before"),
    pytest.param(Event(1, "SN", "state", 0, 5), 0, id="a clock that was not set"),
    pytest.param(Event(2**33, 'é"\\', "alarm", 0, 2**31, "Evt1"), 1, id="an alarm, odd serial"),
]


@both_runtimes
@pytest.mark.parametrize(("event", "clock"), EVENTS)
def test_events_are_written_byte_for_byte(runtime, event, clock):
    script = "import json, sys; from sunreeve_device import wire; "
    script += "print(wire.event(*json.loads(sys.stdin.read())).decode())"
    given_ = [event.at, event.serial, event.kind, event.before, event.after, event.column, clock]
    said = run(script, runtime=runtime, stdin=json.dumps(["gw-1", "5f", *given_]))
    assert said.strip() == event_text(event, gateway="gw-1", boot="5f", clock=clock)


@both_runtimes
def test_checksums_are_those_of_known_frames(runtime):
    script = (
        "from sunreeve_device.crc import crc16\n"
        "for data in (b'', b'123456789', b'\\x01\\x03\\0\\0\\0\\x0a', b'\\x01\\x83\\x02'):\n"
        "    print('%04X' % crc16(data))\n"
        "print(crc16(b'\\x01\\x83\\x02\\xc0\\xf1'), crc16(b'789', crc16(b'123456')))"
    )
    said = run(script, runtime=runtime).split()
    assert said == ["FFFF", "4B37", "CDC5", "F1C0", "0", str(0x4B37)]


def check_maps() -> subprocess.CompletedProcess:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-B", FIRMWARE / "tools" / "maps.py", "--check"],
        env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_maps_are_those_of_the_gateways_definitions():
    done = check_maps()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param("print(port.ticks_diff(5, port.ticks_add(5, -10)))", "10", id="ticks wrap"),
        pytest.param("port.set_utc(2000000000); print(port.utc_s() - 2000000000 in (0, 1))",
                     "True", id="the clock shows what it was set to"),
        pytest.param("print(len(port.random_bytes(7)), port.uid(), port.wifi_ok())",
                     "7 0 True", id="a machine without chip number and radio"),
        pytest.param("print(port.exists('/'), port.exists('/no such'))", "True False", id="files"),
        pytest.param("print(port.ntp('127.0.0.1', 1, 9))", "None", id="no time server there"),
    ],
)  # fmt: skip
@both_runtimes
def test_what_the_machine_gives_is_the_same_everywhere(runtime, script, said):
    assert run(f"from sunreeve_device import port; {script}", runtime=runtime).strip() == said
