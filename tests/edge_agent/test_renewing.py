"""When a certificate is renewed: asked for once, near its end, and never in the agent's way."""

import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from edge_agent.renewing import FIRST_PAUSE_S, LOOK_EVERY_S, Renewal
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

NOW = 2_400_000_000.0
"""In 2046."""


@pytest.fixture
def settings(tmp_path):
    """Settings whose certificate the tests put in place."""
    return Settings(
        thing="gw-1",
        outbox=tmp_path / "outbox.sqlite",
        broker=BrokerSettings(
            "127.0.0.1", 8883, *(str(tmp_path / name) for name in ("ca", "cert", "key"))
        ),
        devices=(DeviceSettings("roof", "127.0.0.1"),),
        serial="SN-1",
    )


class Deed:
    """What renews; `ends` lets it."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = False
        self.ends = threading.Event()
        self.ends.set()

    def __call__(self, _settings) -> None:
        self.begun += 1
        assert self.ends.wait(10)
        if self.fails:
            raise OSError("away")


def renewal(settings, deed=None):
    return Renewal(settings, draw=lambda: 1.0, act=deed or Deed())


def carried_out(one, mono):
    over = threading.Event()
    one.begin(mono, wake=over.set)
    assert over.wait(10)
    while one.is_busy():
        pass


def test_a_request_is_done_once_also_after_a_restart(settings):
    deed = Deed()
    one = renewal(settings, deed)
    assert not one.is_due(NOW, 0)
    assert one.ask("RN-1")
    assert renewal(settings).is_due(NOW, 0), "it is on the disk"
    assert one.is_due(NOW, 0)
    carried_out(one, 0)
    assert deed.begun == 1
    for again in (one, renewal(settings)):
        assert again.ask("RN-1")
        assert not again.is_due(NOW, 10_000)
    assert one.ask("RN-2")
    assert one.is_due(NOW, 10_000)


def test_after_a_failure_it_waits_and_tries_again(settings):
    deed = Deed()
    deed.fails = True
    one = renewal(settings, deed)
    one.ask("RN-1")
    carried_out(one, 0)
    assert not one.is_due(NOW, FIRST_PAUSE_S - 1)
    assert one.is_due(NOW, FIRST_PAUSE_S)
    deed.fails = False
    carried_out(one, FIRST_PAUSE_S)
    assert not one.is_due(NOW, 10 * FIRST_PAUSE_S)


def test_while_it_is_under_way_the_agent_is_told_so_and_not_held_up(settings):
    deed = Deed()
    deed.ends.clear()
    one = renewal(settings, deed)
    one.ask("RN-1")
    over = threading.Event()
    one.begin(0, wake=over.set)
    assert one.is_busy()
    deed.ends.set()
    assert over.wait(10)
    while one.is_busy():
        pass
    assert deed.begun == 1


@pytest.mark.parametrize(
    ("years", "is_due"),
    [
        pytest.param((2020, 2046), True, id="ended"),
        pytest.param((2020, 2050), False, id="good for years"),
    ],
)
def test_a_certificate_that_ends_soon_is_renewed(settings, papers, years, is_due):
    cert, _ = papers.issue("gw-1", years=years)
    shutil.copy(cert, settings.broker.cert)
    one = renewal(settings)
    assert one.is_due(NOW, 0) is is_due
    assert one.is_due(NOW, LOOK_EVERY_S) is is_due


def test_without_certificates_or_a_serial_number_nothing_is_due(settings):
    for without in (
        replace(settings, serial=""),
        replace(settings, broker=BrokerSettings("127.0.0.1")),
    ):
        one = renewal(without)
        assert not one.ask("RN-1")
        assert not one.is_due(NOW, 0)


def test_an_agent_that_runs_has_nothing_of_it_in_memory():
    code = (
        "import sys, edge_agent.agent, edge_agent.running\n"
        "print([name for name in ('subprocess', 'edge_agent.operation.provisioning',"
        " 'edge_agent.operation.credentials', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in {"[]", "['subprocess']"}
