"""The device's clock: what it believes, what it refuses, and the time of what was read before."""

import json

import pytest

from tests.firmware.harness import both_runtimes, run

BUILD = 1_782_864_000
DAY = 86_400
NOON = BUILD + 100 * DAY

SCRIPT = """
import json, sys
from sunreeve_device import clock, port

class Store:
    def __init__(self, kept):
        self.saved = []
        self.kept = kept
    def load(self):
        return self.kept
    def save(self, seconds):
        self.saved.append(seconds)

class Ticks:
    def __init__(self, at):
        self.at = at
    def __call__(self):
        return self.at

for line in sys.stdin.read().split("\\n"):
    if not line:
        continue
    wish = json.loads(line)
    store, ticks = Store(wish.get("kept", 0)), Ticks(port.ticks_add(0, wish.get("ticks", 0)))
    one = clock.Clock(store, ticks_ms=ticks)
    out = []
    for step in wish["steps"]:
        do = step[0]
        if do == "wait":
            ticks.at = port.ticks_add(ticks.at, step[1])
            out.append(one.mono_ms())
        elif do == "told":
            out.append(one.told(step[1]))
        elif do == "keep":
            one.keep()
            out.append(list(store.saved))
        elif do == "stamp":
            out.append(one.stamp(step[1]))
        elif do == "floor":
            out.append(one.floor)
        elif do == "at":
            out.append(list(one.at()))
        elif do == "now":
            out.append(one.now())
        elif do == "clk":
            out.append(one.clk())
        elif do == "stepped":
            out.append(one.stepped_s)
    print(json.dumps(out))
"""

TABLE = {
    "nobody knows the time": (
        {"steps": [["now"], ["clk"], ["stamp", 5], ["wait", 4000], ["at"]]},
        [None, 0, None, 4000, [BUILD + 4, 0]],
    ),
    "from the floor of the last start on": (
        {"kept": NOON, "steps": [["floor"], ["at"]]},
        [NOON, [NOON, 0]],
    ),
    "a floor before the program was built": ({"kept": 1000, "steps": [["floor"]]}, [BUILD]),
    "a floor that is far ahead": ({"kept": BUILD + 3653 * DAY, "steps": [["floor"]]}, [BUILD]),
    "what was read before gets its time": (
        {"steps": [["wait", 90_000], ["told", NOON], ["stamp", 30_000], ["clk"], ["at"]]},
        [90_000, 0, NOON - 60, 1, [NOON, 1]],
    ),
    "the day before the floor is believed": (
        {"kept": NOON, "steps": [["told", NOON - DAY], ["clk"]]},
        [0, 1],
    ),
    "a second more is refused": ({"kept": NOON, "steps": [["told", NOON - DAY - 1]]}, [None]),
    "ten years ahead is believed": ({"kept": NOON, "steps": [["told", NOON + 3653 * DAY]]}, [0]),
    "a second more than ten years": (
        {"kept": NOON, "steps": [["told", NOON + 3653 * DAY + 1], ["now"]]},
        [None, None],
    ),
    "1970 and 2000": ({"steps": [["told", 0], ["told", 946_684_800], ["clk"]]}, [None, None, 0]),
    "no whole number": ({"steps": [["told", "x"], ["told", True], ["told", None]]}, [None] * 3),
    "a second back is followed, and now stands still": (
        {"steps": [["told", NOON], ["now"], ["told", NOON - 1], ["now"], ["wait", 2000], ["now"]]},
        [0, NOON, 0, NOON, 2000, NOON + 1],
    ),
    "a jump back is not believed at once": (
        {"steps": [["told", NOON], ["told", NOON - 3600], ["now"]]},
        [0, None, NOON],
    ),
    "nor when it is said again at once": (
        {"steps": [["told", NOON], ["told", NOON - 3600], ["told", NOON - 3600], ["now"]]},
        [0, None, None, NOON],
    ),
    "it is when it is said a minute later": (
        {
            "steps": [
                *(["told", NOON], ["told", NOON - 3600], ["wait", 60_000]),
                *(["told", NOON - 3540], ["now"], ["stepped"], ["stamp", 0]),
            ]
        },
        [0, None, 60_000, -3600, NOON - 3540, -3600, NOON - 3600],
    ),
    "two servers that do not agree": (
        {
            "steps": [
                *(["told", NOON], ["told", NOON - 3600], ["wait", 60_000], ["told", NOON + 9000]),
                *(["wait", 60_000], ["told", NOON - 3480], ["now"]),
            ]
        },
        [0, None, 60_000, None, 120_000, None, NOON + 120],
    ),
    "a refused answer does not stand": (
        {
            "steps": [
                *(["told", NOON], ["told", NOON - 3600], ["told", 0], ["wait", 60_000]),
                *(["told", NOON - 3540],),
            ]
        },
        [0, None, None, 60_000, None],
    ),
    "the count wraps": (
        {
            "ticks": -500,
            "steps": [["told", NOON], ["wait", 1000], ["now"], ["wait", 500_000_000], ["now"]],
        },
        [0, 1000, NOON + 1, 500_001_000, NOON + 500_001],
    ),
    "the floor is kept once an hour": (
        {
            "steps": [
                *(["told", NOON], ["keep"], ["wait", 3_599_000], ["keep"], ["wait", 1000]),
                *(["keep"], ["floor"]),
            ]
        },
        [
            *(0, [NOON], 3_599_000, [NOON], 3_600_000),
            *([NOON, NOON + 3600], NOON + 3600),
        ],
    ),
}


@both_runtimes
def test_the_time_is_what_can_be_believed(runtime):
    wishes = "\n".join(json.dumps(wish) for wish, _ in TABLE.values()) + "\n"
    lines = run(SCRIPT, runtime=runtime, stdin=wishes).splitlines()
    told = dict(zip(TABLE, map(json.loads, lines), strict=True))
    assert told == {name: expected for name, (_, expected) in TABLE.items()}


@both_runtimes
def test_every_start_has_a_name_of_its_own(runtime):
    script = (
        "from sunreeve_device import clock\n"
        "store = clock.FileStore('none')\n"
        "print(*[clock.Clock(store).boot for _ in range(50)])\n"
    )
    names = run(script, runtime=runtime).split()
    assert len(set(names)) == 50
    assert all(len(name) == 8 and int(name, 16) >= 0 for name in names)


@both_runtimes
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(b"%d\n" % NOON, NOON, id="whole"),
        pytest.param(None, 0, id="none"),
        pytest.param(b"", 0, id="empty"),
        pytest.param(b"%d" % NOON, 0, id="cut before its end"),
        pytest.param(b"17828\n", 0, id="too short"),
        pytest.param(b"-782864000\n", 0, id="below zero"),
        pytest.param(b"\xff\xfe\x00garbage", 0, id="no text"),
    ],
)
def test_the_floor_outlives_a_start(runtime, text, kept, tmp_path):
    """What cannot be believed counts as nothing; what is saved is found again."""
    if text is not None:
        (tmp_path / "floor").write_bytes(text)
    script = (
        "from sunreeve_device import clock\n"
        "store = clock.FileStore('floor')\n"
        "print(store.load())\n"
        f"store.save({NOON + 5})\n"
        "print(store.load())\n"
    )
    assert run(script, runtime=runtime, cwd=tmp_path).split() == [str(kept), str(NOON + 5)]


@both_runtimes
def test_an_epoch_of_2000_is_put_right(runtime):
    """On an ESP32 gmtime(0) is 2000: what the device tells is unix seconds all the same."""
    script = (
        "import time\n"
        "real = time.time\n"
        "class Board:\n"
        "    def __getattr__(self, name):\n"
        "        return getattr(time, name)\n"
        "    def gmtime(self, s=0):\n"
        "        return time.gmtime(s + 946684800)\n"
        "    def time(self):\n"
        "        return real() - 946684800\n"
        "import sys\n"
        "board = Board()\n"
        "sys.modules['time'] = board\n"
        "from sunreeve_device import port\n"
        "print(port._EPOCH, abs(port.utc_s() - int(real())) <= 1)\n"
    )
    assert run(script, runtime=runtime).split() == ["946684800", "True"]
