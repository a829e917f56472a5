"""The device's configuration: what it refuses, what outlives a power cut, and trials from afar."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.remote import merged
from edge_agent.settings import (
    BrokerSettings,
    DeviceSettings,
    Settings,
    SettingsError,
    check_profiles,
    profile_names,
)
from tests.firmware.harness import ROOT, both_runtimes, run

FILE = {
    "v": 1,
    "thing": "gw-1",
    "broker": {"host": "127.0.0.1", "ca_a": "a.der", "cert": "c.der", "key": "k.der"},
    "device": [{"name": "roof", "host": "192.168.1.20"}],
}
CONTRACT = ROOT / "contract"

CHECK = """
import json, sys
from sunreeve_device import config
file = json.loads(sys.stdin.readline())
while True:
    line = sys.stdin.readline()
    if not line.strip():
        break
    try:
        what = json.loads(line)
        cfg = config.check(what["file"]) if "file" in what else config.from_command(file, what)
        print("yes", len(cfg))
    except config.ConfigWrong as error:
        print("no", error)
"""


def asked(wishes, runtime):
    lines = [json.dumps(FILE), *(json.dumps(wish) for wish in wishes), ""]
    said = run(CHECK, runtime=runtime, heap="1024k", stdin="\n".join(lines) + "\n")
    answers = said.splitlines()
    assert len(answers) == len(wishes), said  # each in one line
    return answers


@both_runtimes
def test_what_no_gateway_takes_is_refused(runtime):
    refused = json.loads((CONTRACT / "golden_commands_refused.json").read_text())
    answers = asked(list(refused.values()), runtime)
    taken = [name for name, said in zip(refused, answers, strict=True) if said[:3] != "no "]
    assert taken == []


@both_runtimes
def test_what_every_gateway_takes_is_taken(runtime):
    golden = [json.loads(path.read_text()) for path in CONTRACT.glob("golden_commands/conf*.json")]
    assert len(golden) >= 3
    answers = asked([one["plain"]["set"] for one in golden], runtime)
    assert {said[:3] for said in answers} == {"yes"}


BAD_FILES = {
    "no object": [],
    "no version": {k: v for k, v in FILE.items() if k != "v"},
    "a later version": {**FILE, "v": 2},
    "a version that is true": {**FILE, "v": True},
    "an unknown entry": {**FILE, "pol_s": 60},
    "an unknown entry of the broker": {**FILE, "broker": {**FILE["broker"], "verify": False}},
    "no broker": {k: v for k, v in FILE.items() if k != "broker"},
    "no authority": {**FILE, "broker": {"host": "h", "cert": "c", "key": "k"}},
    "a broker that is a text": {**FILE, "broker": "127.0.0.1"},
    "no device": {k: v for k, v in FILE.items() if k != "device"},
    "a name for a topic": {**FILE, "thing": "gw/+"},
    "a rule with a hyphen": {**FILE, "chunk_rule": "a-b"},
    "a line that is half": {**FILE, "rs485": {"uart": 1, "tx": 4}},
    "a pin of nowhere": {**FILE, "rs485": {"uart": 1, "tx": 4, "rx": 99, "baud": 9600}},
    "a network without a password": {**FILE, "wifi": {"ssid": "home"}},
    "a queue that is too small": {**FILE, "queue_kb": 1},
}
GOOD_FILES = {
    "the least": FILE,
    "all there is": {
        **FILE,
        "broker": {**FILE["broker"], "ca_b": "b.der", "port": 8883},
        "rs485": {"uart": 1, "tx": 4, "rx": 5, "de": None, "baud": 9600, "parity": 0, "stop": 1},
        "wifi": {"ssid": "home", "password": "secret-1"},
        "ntp": "192.168.1.1",
        "queue_kb": 1024,
        "log": "debug",
    },
}


@both_runtimes
def test_a_file_is_checked_whole(runtime):
    files = {**BAD_FILES, **GOOD_FILES}
    answers = asked([{"file": file} for file in files.values()], runtime)
    taken = [name for name, said in zip(files, answers, strict=True) if said[:3] == "yes"]
    assert taken == list(GOOD_FILES)


def test_it_knows_the_profiles_of_the_gateway():
    said = run("from sunreeve_device import config\nprint(*config.PROFILES)")
    assert said.split() == profile_names()


plain = st.text("roof cell-_/@ü\n", max_size=5) | st.sampled_from(
    ["roof", "192.168.1.20", "x" * 200]
)
numbers = st.integers(-2, 70_000) | st.sampled_from([0.05, 0.04, 2.5, 10.5, 2**70, True, None])
anything = plain | numbers | st.just([]) | st.just({})
devices = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["roof", "cell", "shed"]) | plain,
            "host": st.just("192.168.1.20") | plain,
        },
        optional={
            "port": st.just(502) | anything,
            "unit": st.integers(-1, 256) | anything,
            "rated_w": st.integers(0, 10) | anything,
            "timeout_s": st.just(1) | numbers,
            "pause_s": st.just(1) | numbers,
            "serial": st.sampled_from(["SN-1", "SN-2"]) | anything,
            "dc_of": st.sampled_from(["roof", "cell", ""]) | anything,
            "profile": st.sampled_from(["solaredge_battery", "none", "/x.toml", "../x"]) | anything,
            "unknown": st.just(1),
        },
    )
    | anything,
    max_size=3,
)
steps = st.sampled_from([1, 5, 7, 60, 300, 900, 3600, 86_400, 86_401]) | anything
sets = st.fixed_dictionaries(
    {},
    optional={
        "poll_s": steps,
        "window_s": steps,
        "log": st.sampled_from(["debug", "info", "trace"]) | anything,
        "device": devices | anything,
        "broker": st.just({}),
    },
)


def gateway_takes(changes):
    broker = BrokerSettings("127.0.0.1")
    own = Settings("gw-1", Path("o"), broker, (DeviceSettings("roof", "192.168.1.20"),))
    try:
        check_profiles(merged(own, changes).devices)
    except (SettingsError, TypeError):  # a TypeError: what its command parser refuses before
        return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sets, min_size=40, max_size=40))
def test_it_takes_and_refuses_what_the_gateway_does(wishes):
    answers = asked(wishes, "micropython")
    for wish, said in zip(wishes, answers, strict=True):
        assert (said[:3] == "yes") == gateway_takes(wish), (wish, said)


LOAD = """
from sunreeve_device import config
try:
    print("GOT", config.load("cfg.json")["poll_s"])
except config.ConfigWrong as error:
    print("NOT", error)
"""
BYTES = {
    "none": None,
    "empty": b"",
    "cut off": json.dumps(FILE).encode()[:-9],
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 3000,
    "too long": b" " * 20_000,
    "another version": json.dumps({**FILE, "v": 9}).encode(),
}


@both_runtimes
def test_the_last_good_copy_stands_in(runtime, tmp_path):
    """Without one the reason is told in one line."""
    path = tmp_path / "cfg.json"
    for data in BYTES.values():
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        said = run(LOAD, runtime=runtime, cwd=tmp_path)
        assert said.startswith("NOT ")
        assert said.count("\n") == 1
    path.write_text(json.dumps({**FILE, "poll_s": 30}))
    assert run(LOAD, runtime=runtime, cwd=tmp_path) == "GOT 30\n"
    for data in BYTES.values():
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        assert run(LOAD, runtime=runtime, cwd=tmp_path).endswith("GOT 30\n")


CUTS = """
import json, sys
from cutting import Powered, new_chip
from sunreeve_device import config
file = json.loads(sys.stdin.readline())

def put(poll_s):
    file["poll_s"] = poll_s
    with open("/flash/cfg.json", "w") as out:
        json.dump(file, out)

def loaded():
    with Powered(chip):
        before = config.load("/flash/cfg.json")["poll_s"]
        with open("/flash/cfg.json", "w") as out:
            out.write("{")
        return before, config.load("/flash/cfg.json")["poll_s"]

def start():
    one = config.Remote(config.check(file), "/flash/remote", 0)
    one.obey("A", {"poll_s": 60}, 0)
    one.polled()
    one.acknowledged()

def cut(work):
    global chip
    at = 1
    while True:
        chip = bytearray(first)
        is_cut = False
        try:
            with Powered(chip, at) as flash:
                try:
                    work()
                finally:
                    is_cut = flash.is_dead
        except OSError:
            pass
        if not is_cut:
            return at
        yield at
        at += 1

first = new_chip(32)
chip = first
with Powered(first):
    put(30)
    config.load("/flash/cfg.json")
    put(20)
count = 0
for at in cut(lambda: config.load("/flash/cfg.json")):
    assert loaded() in ((20, 20), (20, 30)), at
    count += 1
print("file", count)

with Powered(first):
    start()
def change():
    one = config.Remote(config.check(file), "/flash/remote", 0)
    tried = one.obey("B", {"poll_s": 10}, 0)
    assert tried is None or tried["poll_s"] == 10
count = 0
seen = set()
for at in cut(change):
    with Powered(chip):
        seen.add(config.Remote(config.check(file), "/flash/remote", 0).cfg["poll_s"])
    count += 1
with Powered(chip):
    last = config.Remote(config.check(file), "/flash/remote", 0).cfg["poll_s"]
assert seen <= {10, 60}, seen
print("remote", count, last)
"""


def test_a_power_cut_at_any_write_leaves_one_or_the_other():
    said = run(
        "import sys\nsys.path.append(" + repr(str(Path(__file__).parent)) + ")\n" + CUTS,
        heap="4096k",
        stdin=json.dumps(FILE) + "\n",
    )
    lines = [line.split(" ", 2) for line in said.splitlines() if line[:4] in {"file", "remo"}]
    assert [line[0] for line in lines] == ["file", "remote"]
    assert int(lines[0][1]) >= 5
    assert int(lines[1][1]) >= 4
    assert lines[1][2] == "10"  # without a cut


TRIALS = """
import json, sys
from sunreeve_device import config
file = config.check(json.loads(sys.stdin.readline()))
one = config.Remote(file, "remote", 0)
for step in json.loads(sys.stdin.readline()):
    do, rest = step[0], step[1:]
    if do == "start":
        one = config.Remote(file, "remote", rest[0])
    elif do == "say":
        with open("remote", "w") as out:
            out.write(rest[0])
    else:
        getattr(one, do)(*rest)
print("END" + json.dumps([one.cfg["poll_s"], one.health()]))
"""
A, B = {"poll_s": 30}, {"poll_s": 20}
NO_ACK = "no acknowledgement of the broker in 10 minutes"
WORKS = [["polled"], ["acknowledged"]]
STEPS = {
    "on trial": ([["obey", "A", A, 0]], [30, {"cfg_try": "A"}]),
    "polled and acknowledged": ([["obey", "A", A, 0], *WORKS], [30, {"cfg": "A"}]),
    "acknowledged before it was polled": (
        [["obey", "A", A, 0], ["acknowledged"], ["polled"], ["due", 600_000]],
        [60, {"cfg_no": "A", "cfg_why": NO_ACK}],
    ),
    "a millisecond before ten minutes": (
        [["obey", "A", A, 0], ["due", 599_999]],
        [30, {"cfg_try": "A"}],
    ),
    "ten minutes": (
        [["obey", "A", A, 5], ["due", 600_005]],
        [60, {"cfg_no": "A", "cfg_why": NO_ACK}],
    ),
    "back to the one before, not to the file": (
        [["obey", "A", A, 0], *WORKS, ["obey", "B", B, 0], ["due", 600_000]],
        [30, {"cfg": "A", "cfg_no": "B", "cfg_why": NO_ACK}],
    ),
    "started once while it is tried": (
        [["obey", "A", A, 0], ["start", 0], *WORKS],
        [30, {"cfg": "A"}],
    ),
    "started twice": (
        [["obey", "A", A, 0], ["start", 0], ["start", 0]],
        [60, {"cfg_no": "A", "cfg_why": "the device started twice while it was tried"}],
    ),
    "a start does not give it ten minutes more": (
        [["obey", "A", A, 0], ["due", 590_000], ["start", 0], ["due", 10_000]],
        [60, {"cfg_no": "A", "cfg_why": NO_ACK}],
    ),
    "the same id again": (
        [["obey", "A", A, 0], *WORKS, ["obey", "A", B, 0]],
        [30, {"cfg": "A"}],
    ),
    "one that was refused is not tried again": (
        [["obey", "A", {"poll_s": 7}, 0], ["obey", "A", A, 0]],
        [
            60,
            {
                "cfg_no": "A",
                "cfg_why": "window_s: must be a multiple of poll_s and divide a day, such as 900",
            },
        ],
    ),
    "a bad one does not disturb a trial": (
        [["obey", "A", A, 0], ["obey", "B", {"thing": "x"}, 0]],
        [
            30,
            {"cfg_try": "A", "cfg_no": "B", "cfg_why": "thing: cannot be changed from afar"},
        ],
    ),
    "a good one replaces a trial": (
        [["obey", "A", A, 0], ["obey", "B", B, 0]],
        [20, {"cfg_try": "B", "cfg_no": "A", "cfg_why": "replaced by B"}],
    ),
    "an empty one takes everything back": (
        [["obey", "A", A, 0], *WORKS, ["obey", "B", {}, 0], *WORKS],
        [60, {"cfg": "B"}],
    ),
    "what was kept is no JSON": ([["say", "{"], ["start", 0]], [60, {}]),
    "what was kept is something else": (
        [["say", '{"good":["A"],"trial":5,"refused":null}'], ["start", 0]],
        [60, {}],
    ),
    "what was good does not fit any more": (
        [["say", '{"good":["A",{"poll_s":0}],"trial":null,"refused":null}'], ["start", 0]],
        [60, {"cfg_no": "A", "cfg_why": "poll_s: must be a whole number from 1 to 86400"}],
    ),
}


@both_runtimes
@pytest.mark.parametrize(("steps", "expected"), STEPS.values(), ids=STEPS)
def test_a_configuration_from_afar_is_tried(runtime, steps, expected, tmp_path):
    said = run(
        TRIALS,
        runtime=runtime,
        cwd=tmp_path,
        stdin=json.dumps(FILE) + "\n" + json.dumps(steps) + "\n",
    )
    assert json.loads(said.rsplit("END", 1)[1]) == expected
