"""`sunreeve device` against a stack that runs: who comes in, by which claim, and how it ends."""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from cloud.adapters import wiring
from cloud.cli import main
from cloud.kernel.change import Change, Save
from cloud.local.address import announced
from cloud.local.demo import cast
from cloud.local.demo.people import token_for
from cloud.local.dynamodb import hook
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.iot import ControlPlane
from cloud.local.runtime import Runtime
from cloud.portfolio.devices import DeviceSerial, token_digest
from cloud.telemetry.watching import GatewayPresence
from edge_agent.operation.provisioning import Claim, provision
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
_NUMBERS = count(1)
NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("up")
    runtime = Runtime(folder / "data", TEMPLATE, starts_at=NOW)
    runtime.start()
    door = Door(runtime, face=Face(runtime, None, partial(token_for, runtime.issuer)))
    door.start()
    with announced(folder, runtime):
        yield folder, runtime
    door.stop()
    runtime.close()


@pytest.fixture
def records(running):
    return wiring.records({"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"})


@pytest.fixture
def site(records):
    number = next(_NUMBERS)
    made = replace(cast.HOUSEHOLDS[0].site, id=f"SITE-{number}", gateway_id=f"gw-{number}")
    records.commit(Change(saves=(Save(made),)))
    return made


@pytest.fixture
def say(running, capsys):
    """Run a command on the stack; give its exit code and both outputs."""

    def act(*words: str) -> tuple[int, str, str]:
        code = main(["device", *words, "--folder", str(running[0])])
        out, err = capsys.readouterr()
        return code, out, err

    return act


def admitted(say, site, serial: str) -> str:
    code, out, _ = say("admit", serial, "--site", site.id, "--because", "order 7")
    assert code == 0
    return out.split("token  ")[1].strip()


def test_a_token_is_printed_once_and_only_its_digest_is_kept(say, site, records):
    token = admitted(say, site, "SN-A1")
    assert len(token) == 40
    assert records.load(DeviceSerial, "SN-A1").record.token_digest == token_digest(token)
    for words in (("list", "--state", "admitted"), ("show", "SN-A1"), ("show", "SN-A1", "--json")):
        code, out, _ = say(*words)
        assert (code, "SN-A1" in out) == (0, True)
        assert token not in out
        assert token_digest(token) not in out
    assert admitted(say, site, "SN-A1") != token


def test_from_claim_to_replacement(say, site, running, tmp_path):
    _, runtime = running
    cert, key = tmp_path / "claim.pem", tmp_path / "claim.key"
    made = ("claim", "--cert", str(cert), "--claim-key", str(key))
    code, out, _ = say(*made)
    assert (code, "brings devices in until 2026-09-06" in out) == (0, True)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    code, _, err = say(*made)
    assert (code, "is there already" in err) == (1, True)

    token = admitted(say, site, "SN-B1")
    settings = Settings(
        thing=site.gateway_id,
        outbox=tmp_path / "outbox.sqlite",
        broker=BrokerSettings(
            "127.0.0.1", runtime.mqtt_port, str(runtime.authority.ca_path),
            str(tmp_path / "gw.pem"), str(tmp_path / "gw.key"),
        ),
        devices=(DeviceSettings("roof", "127.0.0.1"),),
        serial="SN-B1",
        claim_template="sunreeve-dev-claim",
    )  # fmt: skip
    assert provision(settings, Claim(cert, key, token))
    runtime.run_due()
    assert "SN-B1" in say("list")[1]
    assert say("renew", site.gateway_id)[0] == 0

    code, _, err = say("admit", "SN-B2", "--site", site.id, "--because", "x")
    assert (code, "replace that one" in err) == (1, True)
    code, out, _ = say("replace", "SN-B1", "SN-B2", "--because", "water", "--json")
    assert json.loads(out)["replaces"] == "SN-B1"
    code, out, _ = say("show", "SN-B1")
    assert "ended" in out
    assert "device_replaced" in out
    code, out, _ = say("decommission", site.gateway_id, "--because", "moved out")
    assert (code, out.startswith("SN-B2 was")) == (0, True)


def test_a_claim_that_cannot_be_made_leaves_no_key(say, tmp_path, running):
    hook.register("iot", lambda *_: (_ for _ in ()).throw(hook.ServiceError("X", "away", 500)))
    try:
        files = (tmp_path / "c.pem", tmp_path / "c.key")
        code, _, err = say("claim", "--cert", str(files[0]), "--claim-key", str(files[1]))
        assert code != 0
        assert err.count("\n") == 1
        assert not any(one.exists() for one in files)
    finally:
        runtime = running[1]
        hook.register("iot", ControlPlane(runtime.registry, runtime.authority.sign).call)


def test_a_suspicion_is_listed_until_somebody_has_looked(say, records):
    assert "no gateway" in say("clones")[1]
    found = GatewayPresence("gw-x", suspicion="open", rule="DV-07", says="two", suspected_at=NOW)
    records.commit(Change(saves=(Save(found),)))
    assert "gw-x since" in say("clones")[1]
    assert say("dismiss", "gw-x", "--because", "a test bench")[:2] == (0, "gw-x: a test bench\n")
    assert "no gateway" in say("clones")[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "SN-none"), "is not known here"),
        (("admit", "SN-1", "--site", "nowhere", "--because", "x"), "nowhere is not known"),
        (("decommission", "gw-none", "--because", "x"), "gw-none"),
        (("replace", "SN-none", "SN-2", "--because", "x"), "SN-none"),
        (("renew", "gw-none"), "gw-none"),
        (("dismiss", "gw-none", "--because", "x"), "gw-none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_is_one_line(say, words, says):
    code, out, err = say(*words)
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1
