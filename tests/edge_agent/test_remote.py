"""A configuration from afar is tried, kept when it works, and undone when it does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.command import Configure, MalformedCommand, parse
from edge_agent.remote import NOTE_EVERY_S, TRIAL_S, Remote, State, in_force, merged, state_path
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings, SettingsError

ROOT = Path(__file__).parents[2]
ROOF = {"name": "roof", "host": "192.168.1.20"}
GOLDEN_REFUSED = json.loads(
    (ROOT / "contract" / "golden_commands_refused.json").read_text(encoding="utf-8")
)


def file_settings(folder: Path, **changes) -> Settings:
    entries = {
        "thing": "gw-0001",
        "outbox": folder / "outbox.sqlite",
        "broker": BrokerSettings("iot.example", ca="ca.pem", cert="gw.pem", key="gw.key"),
        "devices": (DeviceSettings("roof", "192.168.1.20"),),
    }
    return Settings(**(entries | changes))


@pytest.fixture
def start(tmp_path):
    """Start an agent's configuration; the same files each time."""

    def starting(now=0.0, **changes) -> Remote:
        return Remote(file_settings(tmp_path, **changes), now_mono=now)

    return starting


FAST = Configure("CF-1", {"poll_s": 30, "window_s": 900})
SLOW = Configure("CF-2", {"poll_s": 300, "log": "debug"})
BAD = Configure("CF-3", {"poll_s": 7})
BACK = Configure("CF-4", {})


# ---------------------------------------------------------------------- what may differ
def test_what_is_merged_is_checked_whole(tmp_path):
    before = file_settings(tmp_path)
    after = merged(before, {"poll_s": 30, "device": [ROOF | {"unit": 3}]})
    assert (after.poll_s, after.window_s) == (30, 3600)
    assert after.devices == (DeviceSettings("roof", "192.168.1.20", unit=3),)
    assert (after.broker, after.outbox, after.thing) == (before.broker, before.outbox, "gw-0001")
    assert merged(before, {}) == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"broker": {"host": "evil"}}, "broker: cannot be changed from afar"),
        ({"outbox": "/dev/null"}, "outbox: cannot be changed"),
        ({"thing": "gw-2"}, "thing: cannot be changed"),
        ({"keep_days": 1}, "keep_days: cannot be changed"),
        ({"devices": ()}, "devices: cannot be changed"),
        ({"poll_s": 7}, "multiple of poll_s"),
        ({"device": []}, "1 to 32"),
        ({"device": "roof"}, r"\[\[device\]\]"),
        ({"device": [ROOF, ROOF]}, "the same name"),
        ({"device": [ROOF | {"ratd_w": 1}]}, "did you mean rated_w"),
        ({"device": [ROOF | {"profile": "/etc/passwd.toml"}]}, "only one that the settings file"),
    ],
)
def test_what_cannot_be_merged(tmp_path, changes, says):
    with pytest.raises(SettingsError, match=says):
        merged(file_settings(tmp_path), changes)


@pytest.mark.parametrize("changes", GOLDEN_REFUSED.values(), ids=GOLDEN_REFUSED)
def test_what_the_cloud_refuses_is_refused_beside_every_file(tmp_path, changes):
    """The cloud is held to the same list: it sends nothing that no gateway would take."""
    message = {"v": 1, "do": "configure", "id": "CF-1", "set": changes}
    for poll_s, window_s in ((60, 3600), (60, 900), (900, 900), (3600, 86_400)):
        with pytest.raises((MalformedCommand, SettingsError)):
            merged(
                file_settings(tmp_path, poll_s=poll_s, window_s=window_s),
                parse(json.dumps(message).encode()).changes,
            )


def test_the_owner_own_profile_may_stay(tmp_path):
    own = "/etc/sunreeve/own.toml"
    before = file_settings(tmp_path, devices=(DeviceSettings("roof", "h", profile=own),))
    after = merged(before, {"device": [ROOF | {"profile": own}]})
    assert after.devices[0].profile == own


# ---------------------------------------------------------------------- one trial
def test_a_configuration_that_works_is_kept(start):
    remote = start()
    assert remote.health() == {}
    tried = remote.begin(FAST, 100.0)
    assert (tried.poll_s, tried.window_s) == (30, 900)
    assert remote.settings == tried
    assert remote.is_trying
    assert remote.health() == {"cfg_try": "CF-1"}
    remote.polled()
    remote.acknowledged()
    assert not remote.is_trying
    assert remote.health() == {"cfg": "CF-1"}
    assert remote.due(100.0 + 10 * TRIAL_S) is None
    again = start()
    assert (again.settings, again.health()) == (tried, {"cfg": "CF-1"})


def test_an_acknowledgement_from_before_the_first_round_proves_nothing(start):
    remote = start()
    remote.begin(FAST, 0.0)
    remote.acknowledged()
    assert remote.is_trying
    remote.polled()
    assert remote.is_trying
    remote.acknowledged()
    assert remote.health() == {"cfg": "CF-1"}


def test_the_proof_of_one_trial_is_none_for_the_next(start):
    remote = start()
    remote.begin(FAST, 0.0)
    remote.polled()
    remote.begin(SLOW, 1.0)
    remote.acknowledged()
    assert remote.health()["cfg_try"] == "CF-2"


@pytest.mark.parametrize(
    ("after_s", "is_undone"), [(TRIAL_S - 0.1, False), (TRIAL_S, True), (TRIAL_S + 9, True)]
)
def test_ten_minutes_without_an_acknowledgement_undo_it(start, after_s, is_undone):
    remote = start()
    before = remote.settings
    remote.begin(FAST, 50.0)
    remote.polled()
    back = remote.due(50.0 + after_s)
    assert (back == before) is is_undone
    if is_undone:
        assert remote.settings == before
        assert remote.health() == {
            "cfg_no": "CF-1",
            "cfg_why": "no acknowledgement of the broker in 10 minutes",
        }
        assert start().settings == before


def test_it_goes_back_to_the_last_good_one_not_to_the_file(start):
    remote = start()
    good = remote.begin(FAST, 0.0)
    remote.polled()
    remote.acknowledged()
    remote.begin(SLOW, 10.0)
    assert remote.health() == {"cfg": "CF-1", "cfg_try": "CF-2"}
    assert remote.due(10.0 + TRIAL_S) == good
    assert remote.health()["cfg"] == "CF-1"
    assert remote.health()["cfg_no"] == "CF-2"


def test_an_empty_one_takes_everything_back_and_is_told(start):
    remote = start()
    remote.begin(FAST, 0.0)
    remote.polled()
    remote.acknowledged()
    assert remote.begin(BACK, 1.0).poll_s == 60
    remote.polled()
    remote.acknowledged()
    assert remote.health() == {"cfg": "CF-4"}


def test_each_id_is_obeyed_once(start):
    remote = start()
    remote.begin(FAST, 0.0)
    assert remote.begin(FAST, 500.0) is None
    assert remote.due(TRIAL_S) is not None, "the second did not prolong the trial"
    assert remote.begin(FAST, 700.0) is None, "it was refused last"
    remote.begin(SLOW, 800.0)
    remote.polled()
    remote.acknowledged()
    assert remote.begin(SLOW, 900.0) is None, "it is in force"
    assert start().begin(SLOW, 0.0) is None
    assert start().begin(FAST, 0.0) is None


def test_what_is_bad_is_refused_and_changes_nothing(start):
    remote = start()
    assert remote.begin(BAD, 0.0) is None
    assert remote.settings.poll_s == 60
    assert remote.health()["cfg_no"] == "CF-3"
    assert "multiple of poll_s" in remote.health()["cfg_why"]


def test_a_bad_one_does_not_disturb_a_trial(start):
    remote = start()
    remote.begin(FAST, 0.0)
    remote.begin(BAD, 1.0)
    assert remote.health()["cfg_try"] == "CF-1"
    assert remote.health()["cfg_no"] == "CF-3"
    remote.polled()
    remote.acknowledged()
    assert remote.health()["cfg"] == "CF-1"


def test_a_good_one_replaces_a_trial_and_every_id_has_its_outcome(start):
    remote = start()
    remote.begin(FAST, 0.0)
    remote.begin(SLOW, 500.0)
    assert remote.health() == {
        "cfg_try": "CF-2",
        "cfg_no": "CF-1",
        "cfg_why": "replaced by CF-2",
    }
    assert remote.due(TRIAL_S) is None, "the second has ten minutes of its own"
    assert remote.due(500.0 + TRIAL_S).poll_s == 60


@pytest.mark.parametrize("name", ["solaredge_batery", "none"])
def test_a_profile_that_is_not_there_is_refused(start, name):
    remote = start()
    changes = {"device": [ROOF | {"profile": name}]}
    assert remote.begin(Configure("CF-9", changes), 0.0) is None
    assert "there is no profile" in remote.health()["cfg_why"]


# ---------------------------------------------------------------------- restarts
def test_a_restart_goes_on_with_what_is_left_of_the_trial(start):
    remote = start()
    remote.begin(FAST, 0.0)
    for at in range(0, 400, 10):
        assert remote.due(float(at)) is None
    again = start(now=10_000.0)
    assert again.settings.poll_s == 30
    assert again.health() == {"cfg_try": "CF-1"}
    assert again.due(10_000.0 + TRIAL_S - 400) is None
    assert again.due(10_000.0 + TRIAL_S - 400 + 2 * NOTE_EVERY_S) is not None


def test_it_survives_one_restart_and_not_two(start):
    start().begin(FAST, 0.0)
    assert start().settings.poll_s == 30
    third = start()
    assert third.settings.poll_s == 60
    assert third.health() == {
        "cfg_no": "CF-1",
        "cfg_why": "the agent started twice while it was tried",
    }
    assert start().settings.poll_s == 60


def test_it_can_be_kept_after_a_restart(start):
    start().begin(FAST, 0.0)
    again = start()
    again.polled()
    again.acknowledged()
    assert start().health() == {"cfg": "CF-1"}
    assert start().settings.poll_s == 30


def test_a_file_that_the_owner_changed_is_believed(start):
    remote = start()
    remote.begin(Configure("CF-1", {"window_s": 900}), 0.0)
    remote.polled()
    remote.acknowledged()
    other = start(poll_s=1800, window_s=3600)
    assert (other.settings.poll_s, other.settings.window_s) == (1800, 3600)
    assert other.health()["cfg_no"] == "CF-1"
    assert "window_s 900" in other.health()["cfg_why"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"v":1}', b"\xff\xfe", b"[" * 9000, b'{"good":5,"trial":null}',
     b'{"good":null,"trial":{"id":"a","set":{},"left_s":"x","starts":0},"refused":null}',
    b'{"good":null,"trial":{"id":"a","set":{},"left_s":NaN,"starts":0},"refused":null}',
    b'{"good":null,"trial":{"id":"a","set":{},"left_s":1e999,"starts":0},"refused":null}',
    b'{"good":null,"trial":{"id":"a","set":{},"left_s":9,"starts":1e999},"refused":null}',
    b'{"good":null,"trial":{"id":"a","set":{},"left_s":9,"starts":0.5},"refused":null}',
    b'{"good":null,"trial":{"id":"a","set":{},"left_s":true,"starts":0},"refused":null}',
     b'{"good":{"id":"a","set":[]},"trial":null,"refused":null}'],
)  # fmt: skip
def test_a_state_that_cannot_be_read_is_set_aside(start, tmp_path, content):
    path = state_path(tmp_path / "outbox.sqlite")
    path.write_bytes(content)
    remote = start()
    assert (remote.settings.poll_s, remote.health()) == (60, {})
    assert path.with_name(f"{path.name}.unreadable").read_bytes() == content
    assert remote.begin(FAST, 0.0).poll_s == 30
    assert start().health() == {"cfg_try": "CF-1"}


@given(st.binary(max_size=80), st.integers(0, 120))
@settings(deadline=None, max_examples=80)
def test_nothing_but_settings_comes_out_of_damage(tmp_path_factory, damage, place):
    folder = tmp_path_factory.mktemp("damage")
    first = Remote(file_settings(folder), now_mono=0.0)
    first.begin(FAST, 0.0)
    path = state_path(folder / "outbox.sqlite")
    text = path.read_bytes()
    path.write_bytes(text[:place] + damage + text[place + len(damage) :])
    remote = Remote(file_settings(folder), now_mono=0.0)
    assert isinstance(remote.settings, Settings)
    assert remote.settings.broker == file_settings(folder).broker
    assert all(len(text) <= 256 and text.isprintable() for text in remote.health().values())


# ---------------------------------------------------------------------- a disk that takes nothing
def test_what_cannot_be_kept_is_not_begun(start, tmp_path):
    remote = start()
    fresh = state_path(tmp_path / "outbox.sqlite")
    fresh.with_name(f"{fresh.name}.new").mkdir()
    assert remote.begin(FAST, 0.0) is None
    assert remote.settings.poll_s == 60
    assert "it cannot be kept" in remote.health()["cfg_why"]


def test_a_trial_whose_starts_cannot_be_counted_is_undone(start, tmp_path):
    start().begin(FAST, 0.0)
    fresh = state_path(tmp_path / "outbox.sqlite")
    fresh.with_name(f"{fresh.name}.new").mkdir()
    for _ in range(3):
        assert start().settings.poll_s == 60


def test_it_touches_nothing_but_its_own_files(start, tmp_path):
    outbox = tmp_path / "outbox.sqlite"
    outbox.write_bytes(b"what waits")
    remote = start()
    remote.begin(FAST, 0.0)
    remote.due(TRIAL_S)
    start()
    assert outbox.read_bytes() == b"what waits"
    assert {path.name for path in tmp_path.iterdir()} == {"outbox.sqlite", "outbox.sqlite.config"}


WRITER = """
import sys
from pathlib import Path
from tests.edge_agent.test_remote import file_settings
from edge_agent.command import Configure
from edge_agent.remote import Remote
remote = Remote(file_settings(Path(sys.argv[1])), now_mono=0.0)
number = 0
while True:
    number += 1
    remote.begin(Configure(f"CF-{number}", {"poll_s": 30}), 0.0)
    print(number, flush=True)
    remote.polled()
    remote.acknowledged()
"""


def test_a_kill_leaves_the_state_before_or_the_state_after(tmp_path):
    """What was begun before the broker was told is known after a `kill -9`, at any moment."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    for moment in range(12):
        folder = tmp_path / str(moment)
        folder.mkdir()
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", WRITER, str(folder)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ,
        ) as process:  # fmt: skip
            for _ in range(1 + moment * 3):
                process.stdout.readline()
            process.kill()
            told = [int(line) for line in process.stdout.read().split()]
        last = told[-1] if told else 1 + moment * 3
        state = json.loads(state_path(folder / "outbox.sqlite").read_text())
        known = {(state[part] or {"id": ""})["id"] for part in ("good", "trial")}
        assert known & {f"CF-{last}", f"CF-{last + 1}"}
        assert Remote(file_settings(folder), now_mono=0.0).settings.poll_s == 30


# ---------------------------------------------------------------------- any order
class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, some good settings are in force and known on disk."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.now = 0.0
        self.number = 0
        self.starts_in_trial = 0
        self.remote = self.started()

    def started(self) -> Remote:
        return Remote(file_settings(Path(self.folder.name)), now_mono=self.now)

    @rule(poll_s=st.sampled_from([30, 60, 300, 7]))
    def configure(self, poll_s):
        self.number += 1
        begun = self.remote.begin(Configure(f"CF-{self.number}", {"poll_s": poll_s}), self.now)
        assert (begun is None) == (poll_s == 7)
        if begun is not None:
            self.starts_in_trial = 0

    @rule()
    def poll(self):
        self.remote.polled()

    @rule()
    def acknowledge(self):
        self.remote.acknowledged()

    @rule(seconds=st.sampled_from([1.0, 29.0, 31.0, 300.0, 600.0]))
    def wait(self, seconds):
        self.now += seconds
        back = self.remote.due(self.now)
        assert back is None or (back == self.remote.settings and not self.remote.is_trying)

    @rule()
    def restart(self):
        was_trying = self.remote.is_trying
        self.remote = self.started()
        self.starts_in_trial += was_trying
        if self.starts_in_trial > 1:
            assert not (was_trying and self.remote.is_trying)

    @precondition(lambda self: not self.remote.is_trying)
    @rule()
    def a_restart_outside_of_a_trial_changes_nothing(self):
        before = (self.remote.settings, self.remote.health())
        self.remote = self.started()
        assert (self.remote.settings, self.remote.health()) == before

    @invariant()
    def good_settings_are_in_force(self):
        assert self.remote.settings.poll_s in {30, 60, 300}
        assert self.remote.settings.broker.host == "iot.example"
        assert self.remote.is_trying == ("cfg_try" in self.remote.health())

    def teardown(self):
        self.folder.cleanup()


AnyOrder.TestCase.settings = settings(deadline=None, max_examples=25, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase


# ---------------------------------------------------------------------- looking on
def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_looking_changes_nothing_and_says_which_settings_they_are(start, tmp_path):
    own = file_settings(tmp_path)
    assert in_force(own) == (own, "the settings file")
    remote = start()
    remote.begin(FAST, 0.0)
    before = files(tmp_path)
    tried, name = in_force(own)
    assert (tried, name) == (remote.settings, "configuration CF-1 from afar, on trial")
    assert files(tmp_path) == before
    remote.polled()
    remote.acknowledged()
    assert in_force(own) == (remote.settings, "configuration CF-1 from afar")


def test_what_does_not_fit_or_cannot_be_read_leaves_the_file(start, tmp_path):
    own = file_settings(tmp_path)
    state_path(own.outbox).write_text(State(good=BAD).text())
    assert in_force(own) == (own, "the settings file; configuration CF-3 from afar does not fit it")
    state_path(own.outbox).write_bytes(b"\xff")
    assert in_force(own)[0] == own
    assert "cannot be read" in in_force(own)[1]
    assert state_path(own.outbox).exists(), "only the agent sets it aside"
