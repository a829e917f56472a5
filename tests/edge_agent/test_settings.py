"""Settings are checked whole, and what is wrong is said in one line."""

import tomllib
from pathlib import Path

import pytest

from edge_agent.settings import SettingsError, from_tables, load

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
