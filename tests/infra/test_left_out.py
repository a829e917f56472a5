"""What is left out fails where everything was installed, and is told everywhere else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SAMPLE = """
import pytest

@pytest.fixture
def broker():
    pytest.skip("mosquitto is not installed")

def test_by_its_fixture(broker):
    pass

@pytest.mark.skipif(True, reason="systemd is not installed")
def test_by_its_mark():
    pass

def test_inside():
    pytest.skip("pvlib is not installed: install sunreeve[baseline]")

@pytest.mark.skipif(True, reason="root may write everywhere")
def test_that_has_another_reason():
    pass

@pytest.mark.xfail(reason="the cure is not installed")
def test_that_is_known_to_fail():
    raise AssertionError

def test_that_passes():
    pass
"""
MODULE = 'import pytest\npytest.importorskip("no_such_thing", reason="it is not installed")\n'


@pytest.fixture
def told(tmp_path):
    """Run the sample beside our conftest, and give how many tests came out how."""
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "test_module.py").write_text(MODULE)

    def run(**environment):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path),
             "-p", "no:cacheprovider", "-p", "no:schemathesis", "--continue-on-collection-errors"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"], **environment},
        )  # fmt: skip
        counts = re.findall(r"(\d+) (\w+?)s?\b", done.stdout.splitlines()[-1])
        return done.returncode, {word: int(count) for count, word in counts if word != "in"}

    return run


def test_what_is_missing_is_left_out_where_nothing_was_promised(told):
    assert told() == (0, {"passed": 1, "skipped": 5, "xfailed": 1})


def test_what_is_missing_fails_where_all_was_installed(told):
    code, counts = told(SUNREEVE_COMPLETE="1")
    assert code == 1
    assert counts == {"failed": 1, "error": 3, "passed": 1, "skipped": 1, "xfailed": 1}


def test_ci_promises_it():
    assert "export SUNREEVE_COMPLETE=1" in (TESTS.parent / ".ci" / "run").read_text()
