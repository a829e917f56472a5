"""Writes what of others is in what we ship, with versions, digests and licences (CycloneDX 1.6).

It reads the locks and what is installed here, and asks nobody.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parent.parent
LOCKS = {"functions": "requirements/layer.txt", "gateway": "requirements/edge.txt"}
"""What is shipped, and the lock that it is installed by."""
FOLDER = ROOT / "var/sbom"
_CLASSIFIER = "License :: OSI Approved :: "


def bill(lock: str) -> dict[str, Any]:
    """Give the bill of a lock.

    Raises:
        ValueError: it is not as the standard has it, or a licence is not known.
    """
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "cyclonedx_py",
        "requirements",
        str(ROOT / lock),
    ]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--sv", "1.6"]
    done = subprocess.run(  # noqa: S603 - our own environment's program and our own locks
        [*command, *options], capture_output=True, text=True, check=True, timeout=120
    )
    made: dict[str, Any] = json.loads(done.stdout)
    for one in made["components"]:
        one["licenses"] = [{"license": {"name": name}} for name in licences(one["name"])]
    root = made["metadata"]["component"]["bom-ref"]
    for one in made["dependencies"]:
        if one["ref"] == root:
            one["dependsOn"] = sorted(part["bom-ref"] for part in made["components"])
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made))
    if wrong is not None:
        msg = f"the bill of {lock} is not as CycloneDX 1.6 has it: {str(wrong)[:300]}"
        raise ValueError(msg)
    return made


def licences(package: str) -> list[str]:
    """Give the licences that a package names, as it names them.

    Raises:
        ValueError: it names none.
    """
    about = metadata.metadata(package)
    expression = about.get("License-Expression")
    if expression:
        return [expression]
    classified = [one for one in about.get_all("Classifier", []) if one.startswith(_CLASSIFIER)]
    if classified:
        return [one.removeprefix(_CLASSIFIER) for one in classified]
    named = (about.get("License") or "").strip()
    if not named or "\n" in named:
        msg = f"{package} names no licence: read its text before it is shipped"
        raise ValueError(msg)
    return [named]


def lines(made: dict[str, Any]) -> Iterator[str]:
    """Give a line for each part of a bill, for a person."""
    for one in made["components"]:
        named = ", ".join(part["license"]["name"] for part in one["licenses"])
        yield f"{one['name']} {one['version']}: {named}"


def main() -> int:
    """Write a bill for all that is shipped."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, lock in LOCKS.items():
        made = bill(lock)
        path = FOLDER / f"{name}.cdx.json"
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(made['components'])} parts\n")
        sys.stdout.writelines(f"  {line}\n" for line in lines(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
