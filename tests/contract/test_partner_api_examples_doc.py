"""Runs docs/partner_api_examples.md: each block over real sockets, each output as it stands there.

Shell blocks share their variables, and so do Python blocks. Comments that a reader does not see say
what the page leaves out, as in its neighbour's test. After a change of the API, a run with
``REWRITE_DOCS=1`` in the environment puts the new outputs there.
"""

import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.contract.test_partner_api_doc import CALLER, ROOT, World, a_photo

DOCUMENT = ROOT / "docs/partner_api_examples.md"
STEP = re.compile(
    r"^<!-- (?P<hidden>.*?) -->$|^```(?P<tag>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
MASKED = (
    (r"(?im)^(request-id: ).*?$", r"\1the request's own"),
    (r'("next_cursor": ")[^"]+', r"\1the next page's"),
)
"""What is another one each time."""


class Machine:
    """A partner's machine: a folder with two photos, a shell and a Python, and who it is."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world
        self.names: dict[str, object] = {}
        self.before = ""
        self.environment = {
            "SUNREEVE": f"http://127.0.0.1:{world.door.port}",
            "CLIENT_ID": CALLER,
            "CLIENT_SECRET": world.runtime.issuer.client_secret(CALLER),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        }
        for name in ("before.jpg", "after.jpg"):
            (folder / name).write_bytes(a_photo(name))

    def run(self, tag: str, text: str) -> str:
        """Give what a block prints."""
        self.world.runtime.run_due()
        said = self._shell(text) if tag == "sh" else self._python(text)
        for pattern, shown in MASKED:
            said = re.sub(pattern, shown, said.replace("\r\n", "\n"))
        return said

    def _shell(self, text: str) -> str:
        """Run it behind the blocks before it, whose output was compared already."""
        bash = shutil.which("bash") or "bash"
        script = f"set -eu\nexec 3>&1 >/dev/null\n{self.before}\nexec >&3\n{text}"
        self.before += f"\n{text}"
        done = subprocess.run(  # noqa: S603 - our own document
            [bash, "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (text, done.stderr)
        return done.stdout

    def _python(self, text: str) -> str:
        out = StringIO()
        with redirect_stdout(out):
            exec(compile(text, DOCUMENT.name, "exec"), self.names)  # noqa: S102 - our own document
        return out.getvalue()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "stack")
    yield made
    made.close()


@pytest.fixture
def machine(world, tmp_path, monkeypatch):
    made = Machine(tmp_path, world)
    monkeypatch.chdir(tmp_path)
    for name, value in made.environment.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    return made


def test_every_block_runs_and_prints_what_stands_below_it(world, machine):
    assert shutil.which("curl"), "curl is not installed"
    text = DOCUMENT.read_text(encoding="utf-8")
    printed, said, ran = [], "", 0
    for step in STEP.finditer(text):
        if step["hidden"] is not None:
            world.behind_the_scenes(step["hidden"])
        elif step["tag"] == "text":
            printed.append((step, said))
            said = ""
        else:
            assert not said.strip(), f"the page does not show {said!r}"
            assert step["tag"] in {"sh", "py"}, step["tag"]
            said = machine.run(step["tag"], step["text"])
            ran += 1
    assert not said.strip(), f"the page does not show {said!r}"
    assert (ran, len(printed)) >= (10, 10)
    if os.environ.get("REWRITE_DOCS"):
        for step, real in reversed(printed):
            text = f"{text[: step.start('text')]}{real}{text[step.end('text') :]}"
        DOCUMENT.write_text(text, encoding="utf-8")
        return
    assert [step["text"] for step, _ in printed] == [real for _, real in printed]
