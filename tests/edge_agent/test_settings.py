"""Settings are checked whole, and what is wrong is said in one line."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from edge_agent.settings import SettingsError, from_tables, load, profile_names

GOOD = """
thing = "gw-0001"
outbox = "var/outbox.sqlite"
poll_s = 60

[broker]
host = "iot.example"
ca = "ca.pem"
cert = "gw.crt"
key = "gw.key"

[[device]]
name = "roof"
host = "192.168.1.20"
unit = 126
rated_w = 5000
"""


def test_good():
    settings = from_tables(tomllib.loads(GOOD))
    assert (settings.poll_s, settings.window_s) == (60, 3600)
    assert settings.chunk_topic == "$aws/rules/sunreeve_chunks/gw-0001/chunk"
    assert settings.broker.has_tls
    assert settings.devices[0].port == 502


WRONG = {
    "no thing": ('thing = "gw-0001"', "", "thing"),
    "a slash in the name": ("gw-0001", "gw/1", "thing gw/1"),
    "no broker": ("[broker]", "[elsewhere]", "broker: the table is missing"),
    "no device": ("[[device]]", "[[devise]]", r"\[\[device\]\]"),
    "unknown entry": ("rated_w", "rated_kw", "device: there is no entry rated_kw"),
    "plain to another machine": (
        'ca = "ca.pem"\ncert = "gw.crt"\nkey = "gw.key"',
        "",
        "needs ca, cert and key",
    ),
    "half of TLS": ('ca = "ca.pem"', "", "all of ca, cert and key"),
    "true as a number": ("poll_s = 60", "poll_s = true", "poll_s: must be a whole number"),
    "window no multiple": ("poll_s = 60", "poll_s = 7", "multiple of poll_s"),
    "window does not divide a day": ("poll_s = 60", "poll_s = 60\nwindow_s = 3660", "a day"),
    "unit too large": ("unit = 126", "unit = 256", "unit: must be a whole number from 0 to 255"),
    "port as text": ("unit = 126", 'port = "502"', "port: must be a whole number"),
    "no TOML": ("[broker]", "[broker", "reading settings"),
    "a near miss": ("poll_s", "pool_s", "no entry pool_s; did you mean poll_s"),
    "a near miss in a table": ("rated_w =", "ratd_w =", "did you mean rated_w"),
    "the list of devices": ("[[device]]", "[[devices]]", r"each device, not \[devices\]"),
    "one table for all devices": ("[[device]]", "[device]", r"in \[\[ \]\]"),
    "an entry of a device above": ("poll_s = 60", "unit = 3", r"belongs in a \[\[device"),
    "an entry of all in a table": (
        'host = "iot.example"',
        'host = "iot.example"\nwindow_s = 900',
        "broker: there is no entry window_s; it belongs above",
    ),
    "no host": ('host = "192.168.1.20"', "", "device: host is missing; add host"),
    "a URL": ("192.168.1.20", "http://192.168.1.20", "an address or a name alone"),
    "a log-in": ("iot.example", "me:pw@iot.example", "an address or a name alone"),
    "a blank at the end": ('"roof"', '"roof "', "begins or ends with a blank"),
    "ca no text": ('ca = "ca.pem"', "ca = 5", "broker.ca: must be a text"),
    "log level": ("poll_s = 60", 'log = "loud"', "log: must be one of debug, info"),
    "log no text": ("poll_s = 60", "log = []", "log: must be one of debug, info"),
    "days": ("poll_s = 60", "keep_days = 0", "keep_days: must be a whole number from 1 to 365"),
    "size": ("poll_s = 60", "keep_mb = 5000", "keep_mb: must be a whole number from 8 to 4096"),
    "pace no number": ("poll_s = 60", "backfill_per_s = nan", "backfill_per_s: must be a number"),
    "spread": ("poll_s = 60", "backfill_within_s = -1", "backfill_within_s: must be a whole"),
    "rule with a slash": ("poll_s = 60", 'chunk_rule = "a/b"', "chunk_rule: only letters"),
    "outbox without a file": ('"var/outbox.sqlite"', '"."', "outbox .: must be the path of a"),
    "outbox of the whole disk": ('"var/outbox.sqlite"', '"/"', "outbox /: must be the path of a"),
    "outbox above": ('"var/outbox.sqlite"', '"var/.."', "outbox var/..: must be"),
    "a number of 5,000 digits": ("unit = 126", f"unit = {'9' * 5000}", "reading settings"),
    "outbox with a null": ("var/outbox", "var\\u0000outbox", "outbox: must be a text"),
    "serial no text": ("rated_w = 5000", "serial = 5", "device roof: serial: must be a text"),
    "on its own DC side": ("rated_w = 5000", 'dc_of = "roof"', "dc_of names the device itself"),
    "on nobody's DC side": ("rated_w = 5000", 'dc_of = "rof"', "no such device; did you mean roof"),
    "no such profile": (
        "rated_w = 5000",
        'profile = "solaredge_batery"',
        "no profile solaredge_batery; did you mean solaredge_battery",
    ),
    "a profile elsewhere": ("rated_w = 5000", 'profile = "../x.toml"', "profile ../x.toml: must"),
    "a profile that is no file": ("rated_w = 5000", 'profile = "/no/x.toml"', "no profile /no/x"),
    "time-out infinite": ("rated_w = 5000", "timeout_s = inf", "timeout_s: must be a number"),
    "outbox no text": ('outbox = "var/outbox.sqlite"', "outbox = 5", "outbox"),
}


@pytest.mark.parametrize(("part", "instead", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong(tmp_path, part, instead, says):
    assert part in GOOD
    path = tmp_path / "agent.toml"
    path.write_text(GOOD.replace(part, instead))
    with pytest.raises(SettingsError, match=says) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_file():
    with pytest.raises(SettingsError, match="No such file"):
        load(Path("nowhere.toml"))


SECOND = (
    GOOD
    + """
[[device]]
name = "battery"
host = "192.168.1.21"
"""
)


@pytest.mark.parametrize(
    ("more", "instead", "says"),
    [
        ('dc_of = "roof"', "", None),
        ('dc_of = "roof"', 'dc_of = "battery"', "that hangs on another itself"),
        ('serial = "SN-1"', 'serial = "SN-1"', "two have the same serial"),
        ('serial = "SN-1"', 'serial = "SN-2"', None),
    ],
    ids=["behind", "a ring", "one serial number twice", "two serial numbers"],
)
def test_what_one_device_must_not_be_to_another(more, instead, says):
    tables = tomllib.loads(SECOND.replace("rated_w = 5000", instead) + more)
    if says is None:
        assert from_tables(tables).devices[1].name == "battery"
    else:
        with pytest.raises(SettingsError, match=says):
            from_tables(tables)


def test_a_device_twice_is_told():
    with pytest.raises(SettingsError, match="two have the same name"):
        from_tables(tomllib.loads(SECOND.replace('"battery"', '"roof"')))


def test_a_profile_can_come_with_the_agent_or_be_a_file(tmp_path):
    config = tmp_path / "agent.toml"
    for name in profile_names():
        config.write_text(GOOD + f'profile = "{name}"\n')
        assert load(config).devices[0].profile_path.stem == name
    own = tmp_path / "own.toml"
    own.write_text("nothing = 1")
    config.write_text(GOOD + f'profile = "{own}"\n')
    with pytest.raises(SettingsError, match=r"device roof: profile own.toml: ") as caught:
        load(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = [" + b"[" * 5000, b"a = 1\na = 2"])
def test_what_is_no_toml_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "agent.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="reading settings") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_the_line_of_what_is_no_toml_is_told(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(GOOD + "port = = 5\n")
    with pytest.raises(SettingsError, match=f"line {GOOD.count(chr(10)) + 1}"):
        load(path)


things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
NAMES = sorted({*tomllib.loads(GOOD), "window_s", "log", "keep_mb", "chunk_rule", "backfill_per_s"})
OF_A_DEVICE = ["name", "host", "port", "unit", "timeout_s", "profile", "serial", "dc_of", "x\ny"]


@given(st.sampled_from(NAMES), things, st.sampled_from(OF_A_DEVICE), things)
@example("outbox", "", "name", "a\nb")
@example("broker", {}, "profile", "/" * 2000)
@trying(deadline=None, max_examples=300)
def test_only_settings_errors_come_out_and_they_are_one_line(name, value, entry, other):
    for tables in (
        tomllib.loads(GOOD) | {name: value},
        tomllib.loads(GOOD) | {"device": [{"name": "roof", "host": "h"} | {entry: other}]},
        tomllib.loads(GOOD) | {"broker": {"host": "127.0.0.1", entry: other}},
        {name: value},
    ):
        said = complaint(tables)
        assert said.isprintable()
        assert len(said) < 400


def complaint(tables) -> str:
    try:
        from_tables(tables)
    except SettingsError as error:
        return str(error)
    return ""


@given(st.binary(max_size=60), st.integers(0, len(GOOD)))
@trying(deadline=None, max_examples=200)
def test_only_settings_errors_come_out_of_damage(tmp_path_factory, damage, place):
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    text = GOOD.encode()
    path.write_bytes(text[:place] + damage + text[place + len(damage) :])
    with suppress(SettingsError):
        load(path)
