"""Holds the translated template against every rule, and prints what is wrong with it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.local.template import translate
from infra.rules import field, functions, kept, queues, rights, schedules, watching
from infra.rules.code import facts
from infra.rules.stack import Code, Rule, Stack

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
RULES: tuple[Rule, ...] = (
    *queues.RULES,
    *functions.RULES,
    *schedules.RULES,
    *field.RULES,
    *rights.RULES,
    *kept.RULES,
    *watching.RULES,
)


def faults(document: Mapping[str, Any], code: Code) -> dict[str, list[str]]:
    """Give what each rule finds in a translated template, by the rule's name; nothing if nothing.

    Args:
        document: what SAM made of the template.
        code: what the code says that it must agree with.
    """
    stack = Stack(document, code)
    found = {rule.__name__: rule(stack) for rule in RULES}
    return {name: told for name, told in found.items() if told}


def main() -> int:
    """Print a line for each fault; 1 if there is one."""
    document = translate(TEMPLATE.read_bytes(), name=TEMPLATE.name)
    found = faults(document, facts())
    for rule, told in found.items():
        for one in told:
            sys.stdout.write(f"{one} ({rule})\n")
    sys.stdout.write(f"{len(RULES)} rules, {sum(map(len, found.values()))} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
