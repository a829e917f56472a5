"""What we take from others: locked by digests, few, of known licences, and silent when imported."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cloud
from cloud.local.template import load
from infra import bill_of_materials

ROOT = Path(cloud.__file__).parents[1]
LOCKS = sorted(
    path for folder in ("requirements", "infra", "bench") for path in (ROOT / folder).glob("*.txt")
)
PINNED = re.compile(r"[A-Za-z0-9._-]+(?:\[[\w,-]+\])?==\S+")
DIGEST = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
INSTALLS = re.compile(r"pip (?:install|sync)\b")
UNLOCKED = {
    "-m pip install --quiet --disable-pip-version-check uv": "the installer, before there is one",
    "--no-deps --no-build-isolation -e .": "ourselves",
}
"""Installs that no lock can be for, with the reason."""

LAYER = [
    "annotated-types", "aws-lambda-powertools", "bcrypt", "boto3", "botocore", "cffi",
    "cryptography", "defusedxml", "fonttools", "fpdf2", "invoke", "jinja2", "jmespath",
    "markupsafe", "msgspec", "paramiko", "pillow", "pycparser", "pydantic", "pydantic-core",
    "pyjwt", "pynacl", "pynamodb", "pypdf", "python-dateutil", "s3transfer", "six",
    "typing-extensions", "typing-inspection", "urllib3",
]  # fmt: skip
"""All that runs beside our own code on AWS. What comes in is a decision, and stands here."""
GATEWAY = ["paho-mqtt", "pymodbus"]
TAKEN = re.compile(r"\b(?:MIT|BSD|Apache|PSF|Python Software Foundation|LGPL|EPL|Eclipse|0BSD|ISC)")
NOT_TAKEN = re.compile(
    r"\bA?GPL|GNU (?:Affero )?General|Proprietary|Commercial|SSPL", re.IGNORECASE
)


def unlocked(lock: str) -> list[str]:
    """Give the entries of a lock that name no single version or no digest."""
    lines = [one.strip() for one in lock.replace("\\\n", " ").splitlines()]
    entries = [one for one in lines if one and not one.startswith("#")]
    assert entries, "an empty lock locks nothing"
    return [one for one in entries if not PINNED.match(one) or not DIGEST.search(one)]


def installs_without_digests(makefile: str) -> list[str]:
    """Give the commands that install something and ask for no digest."""
    commands = makefile.replace("\\\n", " ").splitlines()
    return [
        one.strip()
        for one in commands
        if INSTALLS.search(one)
        and "--require-hashes" not in one
        and not any(said in one for said in UNLOCKED)
    ]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_names_one_version_and_a_digest_of_each(path):
    assert unlocked(path.read_text()) == []


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param("six==1.17.0\n", id="no digest"),
        pytest.param(f"six>=1 \\\n    --hash=sha256:{'0' * 64}\n", id="no single version"),
        pytest.param("six @ https://host.example/six.whl\n", id="an address"),
        pytest.param(f"six==1 \\\n    --hash=md5:{'0' * 32}\n", id="a digest that proves nothing"),
        pytest.param("--extra-index-url https://host.example\n", id="another registry"),
    ],
)
def test_an_entry_that_is_not_locked_is_found(lock):
    good = f"pyjwt==2.0 ; python_version > '3' \\\n    --hash=sha256:{'a' * 64}\n    # via x\n"
    assert unlocked(good) == []
    assert len(unlocked(good + lock)) == 1


def test_whatever_is_installed_is_asked_for_its_digest():
    makefile = (ROOT / "Makefile").read_text()
    assert installs_without_digests(makefile) == []
    assert all(said in makefile for said in UNLOCKED)
    assert len(INSTALLS.findall(makefile)) >= 8


@pytest.mark.parametrize("command", ["uv pip sync requirements/dev.txt", "pip install \\\n  six"])
def test_an_install_without_digests_is_found(command):
    assert len(installs_without_digests(f"a:\n\t{command}\n")) == 1


@pytest.mark.parametrize(
    ("shipped", "parts"), [("functions", LAYER), ("gateway", GATEWAY)], ids=["functions", "gateway"]
)
def test_what_is_shipped_is_on_the_list_and_on_its_bill(shipped, parts):
    lock = bill_of_materials.LOCKS[shipped]
    made = bill_of_materials.bill(lock)
    assert sorted(one["name"] for one in made["components"]) == parts
    for one in made["components"]:
        assert one["version"]
        assert one["purl"].startswith(f"pkg:pypi/{one['name']}@{one['version']}")
        digests = [each for where in one["externalReferences"] for each in where["hashes"]]
        assert {each["alg"] for each in digests} == {"SHA-256"}
        named = " ".join(each["license"]["name"] for each in one["licenses"])
        assert TAKEN.search(named), f"{one['name']} is of {named}"
        assert not NOT_TAKEN.search(named), f"{one['name']} is of {named}"
    assert len(list(bill_of_materials.lines(made))) == len(parts)
    assert "timestamp" not in made["metadata"], "the same lock gives the same bill"


@pytest.mark.parametrize(
    ("licence", "is_taken"),
    [
        ("GPL-3.0-only", False),
        ("AGPL-3.0", False),
        ("Submitted", False),
        ("LGPL-3.0-only", True),
        ("MIT", True),
    ],
)
def test_which_licences_are_taken(licence, is_taken):
    assert (bool(TAKEN.search(licence)) and not NOT_TAKEN.search(licence)) == is_taken


IMPORTER = """
import importlib, json, sys

def forbid(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        raise SystemExit(f"{importing} asks the network: {event}")

sys.addaudithook(forbid)
for importing in json.loads(sys.argv[1]):
    module, _, name = importing.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
if len(sys.argv) > 2:
    import socket
    socket.create_connection(("127.0.0.1", 9), 1)
"""


def imported(cache: Path, *more: str) -> subprocess.CompletedProcess[str]:
    functions = load(ROOT / "template.yaml", cache=cache).functions
    environment = {
        name: value for one in functions.values() for name, value in one.environment.items()
    }
    of_lambda = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    handlers = json.dumps([one.handler for one in functions.values()])
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", IMPORTER, handlers, *more],
        cwd=ROOT, env={**environment, **of_lambda}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def test_no_handler_asks_the_network_when_it_is_imported(tmp_path):
    done = imported(tmp_path)
    assert done.returncode == 0, done.stderr


def test_one_that_asks_is_found(tmp_path):
    done = imported(tmp_path, "ask")
    assert done.returncode == 1
    assert "asks the network: socket." in done.stderr
