"""A real browser before a real stack: a copy of the town, and Chromium in front of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from walking import Walker

from cloud.local.town.cache import ROOT, copy_of_town

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SHOWN = ROOT / "var" / "browser"
"""Where the pictures are left, to be looked at."""
PATIENCE_S = 120
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    """Keep each module's tests together: they share a stack, and what they do in it follows on."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"browser {item.path.stem}"))
            item.add_marker(pytest.mark.timeout(900))


def _free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


# The scope is a module: with groups of tests, one that is longer outlives the folder of its worker.
@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Give the address of a running copy of the town."""
    folder = copy_of_town(tmp_path_factory.mktemp("stack") / "town")
    port = _free_port()
    command = [sys.executable, "-m", "cloud.cli", "up", "--town", "--folder", str(folder)]
    ports = ["--port", str(port), "--mqtt-port", "0", "--smtp-port", "0", "--speed", "1"]
    said = (folder / "said.txt").open("w")
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*command, *ports],
        cwd=ROOT,
        stdout=said,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SUNREEVE_TOWN": str(folder)},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process, folder / "said.txt")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        said.close()


def _wait_for(address, process, said):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"the stack ended: {said.read_text()[-2000:]}")
        try:
            with urlopen(f"{address}/portal/goodbye", timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the stack does not answer: {said.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def chromium():
    """Give Debian's Chromium, driven by Playwright; without it these tests are left out."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def walker(stack, chromium):
    """Give what opens a window for a person and looks at every page it comes to."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    made = Walker(chromium, stack, SHOWN)
    yield made
    made.close()
