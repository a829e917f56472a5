"""The template as CloudFormation: read as YAML and translated, as `sam deploy` would.

The translator takes over a second to import, so its answer is kept beside the data, by the hash of
the template.
"""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.template.stack import REGION


def translated(path: Path, cache: Path) -> dict[str, Any]:
    """Translate, or read what was translated before from the same bytes by the same translator.

    Raises:
        BadInput: the file cannot be read, or is no SAM template.
    """
    try:
        source = path.read_bytes()
    except OSError as missing:
        msg = f"booting from {path}: {missing.strerror}; name a template that can be read"
        raise BadInput(msg) from missing
    key = hashlib.sha256(source + version("aws-sam-translator").encode()).hexdigest()[:24]
    kept = cache / f"template-{key}.json"
    if kept.exists():
        document: dict[str, Any] = json.loads(kept.read_text())
        return document
    document = translate(source, name=path.name)
    cache.mkdir(parents=True, exist_ok=True)
    for older in cache.glob("template-*.json"):
        older.unlink(missing_ok=True)
    part = kept.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(document))
    part.replace(kept)
    return document


def translate(source: bytes, *, name: str) -> dict[str, Any]:
    """Give the CloudFormation document that SAM makes of a template.

    Raises:
        BadInput: it is no YAML, no template, or the translator refuses it.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415 - slow
    from samtranslator.translator.transform import transform  # noqa: PLC0415

    document = _parsed(source, name)
    placed = {"Bucket": "local", "Key": "local"}
    for part in (
        document.get("Globals", {}).get("Function", {}),
        *(resource.get("Properties", {}) for resource in document["Resources"].values()),
    ):
        for uri in ("CodeUri", "ContentUri"):
            if isinstance(part.get(uri), str):
                part[uri] = placed

    class NoManagedPolicies:
        """The translator asks for AWS's managed policies by name; the template uses none."""

        @staticmethod
        def load() -> dict[str, str]:
            return {}

    try:
        answer: dict[str, Any] = transform(document, {}, NoManagedPolicies())
    except InvalidDocumentException as refused:
        causes = "; ".join(" ".join(str(cause).split()) for cause in refused.causes)
        raise _no_template(name, causes) from refused
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as wrong:
        raise _no_template(name, f"its translator fails at it with {wrong!r}") from wrong
    return answer


def _parsed(source: bytes, name: str) -> dict[str, Any]:
    """Read the YAML, and make sure that what SAM takes for granted is of its kind."""
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415 - slow
    from yaml import YAMLError  # noqa: PLC0415

    try:
        document = yaml_parse(source.decode())
    except (UnicodeDecodeError, YAMLError, TypeError, ValueError, AttributeError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        why = getattr(wrong, "problem", None) or " ".join(str(wrong).split())
        raise _no_template(name, f"it is no YAML: {place}{why}; correct it there") from wrong
    if document is None:
        raise _no_template(name, "it is empty; name another file")
    if not isinstance(document, dict):
        raise _no_template(name, f"it is a {type(document).__name__}; it must be a mapping")
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise _no_template(name, "it has no Resources; describe at least one")
    for logical, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise _no_template(name, f"resource {logical} has no Type; give it one")
        if not isinstance(resource.get("Properties", {}), dict):
            raise _no_template(name, f"resource {logical}: its Properties must be a mapping")
    if not isinstance(document.get("Conditions", {}), dict):
        raise _no_template(name, "its Conditions must be a mapping; correct it")
    for section in ("Globals", "Parameters", "Outputs"):
        parts = document.get(section, {})
        if not isinstance(parts, dict) or not all(isinstance(p, dict) for p in parts.values()):
            raise _no_template(name, f"its {section} must be a mapping of mappings; correct it")
    return document


def _no_template(name: str, why: str) -> BadInput:
    return BadInput(f"{name} is not a SAM template: {why}")
