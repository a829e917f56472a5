"""The settings, the image and the output that docs/devices.md shows are real."""

import re
from pathlib import Path

import pytest

from edge_agent import settings
from edge_agent.cli import main
from edge_agent.simulator.image import from_file
from edge_agent.simulator.server import Server

TEXT = (Path(__file__).parents[2] / "docs/devices.md").read_text(encoding="utf-8")
SHOWN_PORT = "127.0.0.1:5020"


def block(tag: str) -> str:
    (found,) = re.findall(rf"^```{tag}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return found


CONSOLE = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gateway.toml").write_text(block("toml"))
    exec(block("python"), {})  # noqa: S102 - our own document
    return tmp_path


def test_the_example_settings_are_good(folder):
    checked = settings.load(folder / "gateway.toml")
    assert [device.name for device in checked.devices] == ["roof", "battery"]
    assert checked.broker.has_tls


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[c for c, _ in CONSOLE])
def test_output_is_as_shown(folder, capsys, command, shown):
    with Server(lambda: 0.0) as server:
        port = server.add(from_file(folder / "home.json")).number
        words = command.replace(SHOWN_PORT, f"127.0.0.1:{port}").split()
        assert words.pop(0) == "sunreeve-edge"
        assert main(words) == 0
    said = capsys.readouterr().out
    assert [line.rstrip() for line in said.splitlines()] == shown.splitlines()


def test_every_command_is_described(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = set(re.findall(r"^    ([\w-]+)(?: |$)", capsys.readouterr().out, re.MULTILINE))
    assert offered == set(re.findall(r"^\| `sunreeve-edge ([\w-]+)", TEXT, re.MULTILINE))
