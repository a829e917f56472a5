"""What is packed for AWS: what the handlers import is in it, what stays here is not, and it fits.

The second half looks at what `make package` built; it is that target that runs it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

import cloud
from cloud.local.template import load

ROOT = Path(cloud.__file__).parents[1]
MOST_UNZIPPED = 250 * 1024 * 1024
"""Of a function with its layers (AWS Lambda developer guide, "Lambda quotas")."""

MAKE = shutil.which("make") or "make"
DUMMY = "dummy"
OF_LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": DUMMY,
    "AWS_SECRET_ACCESS_KEY": DUMMY,
    "AWS_SESSION_TOKEN": DUMMY,
}
"""What Lambda itself sets (AWS Lambda developer guide, "Defined runtime environment variables")."""

IMPORTER = """
import importlib, sys
folder, layer, handler = sys.argv[1:]
sys.pycache_prefix = layer + "-compiled"
sys.path[:0] = [folder, layer]
module, _, name = handler.rpartition(".")
assert callable(getattr(importlib.import_module(module), name)), handler + " cannot be called"
"""
"""Imports a handler as Lambda does: the function's own folder first, then the layer."""


def described(template: Path) -> dict:
    return yaml_parse(template.read_text())


def functions_of(template: dict) -> dict[str, dict]:
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def leaves_by_mistake(path: Path) -> bool:
    """Tell whether a file of a function's zip has no business there."""
    return (
        path.parts[0] != "cloud"
        or path.parts[1] in {"local", "cli"}
        or "__pycache__" in path.parts
        or path.suffix == ".pyc"
    )


def packed(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def ran(
    *command: str, folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess:
    return subprocess.run(  # noqa: S603 - the commands below, and our own template's names
        command,
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def imported(
    folder: Path, *, layer: Path, handler: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess:
    """Import a handler in an interpreter that has no other package and no other variable."""
    command = (sys.executable, "-I", "-S", "-c", IMPORTER, str(folder), str(layer), handler)
    return ran(*command, folder=folder, environment={**OF_LAMBDA, **environment})


# ---------------------------------------------------------------------- the targets, without sam
FUNCTIONS = functions_of(described(ROOT / "template.yaml"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function's folder, as its target makes it."""
    folder = tmp_path_factory.mktemp("built")
    built = ran(MAKE, "--silent", "build-IngestFunction", f"ARTIFACTS_DIR={folder}", folder=ROOT)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_target_makes_every_function(name):
    assert FUNCTIONS[name]["Metadata"]["BuildMethod"] == "makefile"
    tried = ran(MAKE, "--dry-run", f"build-{name}", "ARTIFACTS_DIR=there", folder=ROOT)
    assert tried.returncode == 0, tried.stderr
    assert "there" in tried.stdout


def test_a_function_takes_our_own_code_along_and_nothing_that_stays_here(made):
    found = packed(made)
    assert [path for path in found if leaves_by_mistake(path)] == []
    handlers = {
        Path(part["Properties"]["Handler"].replace(".", "/")).parent for part in FUNCTIONS.values()
    }
    assert {path.with_suffix("") for path in found} >= handlers


def test_what_a_module_needs_and_nobody_packed_is_told(made, tmp_path):
    handler = FUNCTIONS["IngestFunction"]["Properties"]["Handler"]
    tried = imported(made, layer=tmp_path, handler=handler, environment={})
    assert tried.returncode != 0
    assert "ModuleNotFoundError" in tried.stderr


# ---------------------------------------------------------------------- what `make package` built
BUILT = Path(os.environ.get("SUNREEVE_BUILT", "not-built")).absolute()
needs_the_build = pytest.mark.skipif(
    "SUNREEVE_BUILT" not in os.environ,
    reason="`make package` builds what this looks at, and runs it",
)


def built_template() -> Path:
    return BUILT / "build" / "template.yaml"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The stack as built, its variables resolved to what they look like on a machine."""
    return load(built_template(), cache=tmp_path_factory.mktemp("template"))


def unzipped(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@needs_the_build
def test_every_function_of_the_template_was_built():
    assert set(functions_of(described(built_template()))) == set(FUNCTIONS)


@needs_the_build
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_built_handler_imports_what_was_packed_and_nothing_else(stack, name):
    tried = imported(
        BUILT / "build" / name,
        layer=BUILT / "here",
        handler=stack.functions[name].handler,
        environment=stack.functions[name].environment,
    )
    assert tried.returncode == 0, tried.stderr


@needs_the_build
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_stays_here_is_in_no_zip(name):
    found = packed(BUILT / "build" / name)
    assert found
    assert [path for path in found if leaves_by_mistake(path)] == []


@needs_the_build
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_layer_fit(name):
    layer = unzipped(BUILT / "build" / "Libraries")
    assert layer > 1024 * 1024
    assert layer + unzipped(BUILT / "build" / name) < MOST_UNZIPPED


@needs_the_build
def test_the_layer_is_for_the_machine_that_the_functions_run_on():
    """The other machine's shared objects would import here, and nowhere there."""
    libraries = list((BUILT / "build" / "Libraries" / "python").rglob("*.so"))
    assert libraries
    machines = {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries}
    assert machines == {183}, "ELF machine 183 is AArch64"
