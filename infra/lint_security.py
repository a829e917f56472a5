"""Holds our code against the rules of infra/code_rules.py, and prints what is wrong with it."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.code_rules import RULES, Module

ROOT = Path(__file__).parent.parent
FOLDERS = ("cloud", "edge_agent", "contract", "infra")
_CHANCE, _CALLS, _COMPARED, _PATTERNS = (
    "clock_or_chance_outside_ports",
    "calls_to_outside",
    "secrets_compared_plainly",
    "patterns_not_of_the_code",
)
EXCEPTIONS: dict[tuple[str, str], str] = {
    (_CHANCE, "cloud/adapters/clock.py"): "the port of the time",
    (_CHANCE, "cloud/adapters/vault.py"): "the nonce of what is sealed",
    (_CHANCE, "cloud/adapters/device_registry.py"): "the port that draws a device's token",
    (_CHANCE, "cloud/adapters/bank_sftp.py"): "a name beside the file that is written",
    (_CHANCE, "cloud/functions/partner_api/webhooks.py"): "the door draws a signing secret",
    (_CHANCE, "cloud/portal/door.py"): "the door's port of chance",
    (_CHANCE, "cloud/portal/partner_views/organisation.py"): "the door draws what a form repeats",
    (_CHANCE, "cloud/portal/partner_views/webhooks.py"): "the door draws a signing secret",
    (_CHANCE, "cloud/local/"): "stands in for services that draw ids and keys",
    (_CHANCE, "edge_agent/clock.py"): "the port of the time",
    (_CHANCE, "edge_agent/cli.py"): "an entry point, which hands chance in",
    (_CALLS, "cloud/adapters/webhooks.py"): "the guarded adapter",
    (_CALLS, "cloud/adapters/sign_in.py"): "asks the address of our own setting",
    (_CALLS, "cloud/adapters/bank_sftp.py"): "the bank's address is a setting, its key is pinned",
    (_CALLS, "cloud/cli/"): "a person's own machine asks the stack that the person named",
    (_CALLS, "cloud/local/"): "a stack on one machine speaks to itself",
    (_CALLS, "edge_agent/"): "a gateway speaks to its devices, its broker and its supervisor",
    (_CALLS, "infra/deploy_to_ministack.py"): "looks for a free port of this machine",
    (_COMPARED, "cloud/detection/process/baselines.py"): "a fingerprint of figures",
    (_COMPARED, "cloud/funding/ledger.py"): "the chain is checked, nobody guesses against it",
    (_COMPARED, "cloud/funding/process/sending.py"): "a fingerprint of our own file",
    (_COMPARED, "cloud/funding/process/verifying.py"): "a fingerprint of our own file",
    (_COMPARED, "cloud/portfolio/as_shown.py"): "a fingerprint of what a page showed",
    ("csv_written_elsewhere", "cloud/kernel/csv_text.py"): "the one place that writes it",
    ("files_of_any_path", "cloud/portal/sheets.py"): "names of our own style sheets",
    ("floats_of_money", "cloud/invoicing/completeness.py"): "what a partner wrote, to refuse it",
    ("markup_of_values", "cloud/portal/evidence_charts.py"): "the picture escapes what it writes",
    ("peers_taken_on_trust", "cloud/adapters/tokens.py"): "times and audience are checked there",
    (_PATTERNS, "cloud/adapters/mime_text.py"): "names of tags that stand in that module",
    (_PATTERNS, "cloud/functions/partner_api/versions.py"): "patterns that stand in that module",
    (_PATTERNS, "cloud/funding/ach/returning.py"): "one of two letters",
    (_PATTERNS, "cloud/local/iot/"): "patterns of our own topic rules",
    (_PATTERNS, "cloud/local/mqtt/policy.py"): "patterns of our own policy",
    (_PATTERNS, "cloud/local/template/"): "patterns of our own template",
    (_PATTERNS, "cloud/portal/routes.py"): "paths of our own routes",
    (_PATTERNS, "cloud/reporting/history.py"): "names of an enumeration",
    (_PATTERNS, "infra/"): "names of our own template",
    ("records_dumped", "cloud/local/function_log.py"): "lines of the log, already JSON",
    ("records_dumped", "edge_agent/operation/support.py"): "masked as a whole before it leaves",
}
"""What is no fault, by its rule and where it stands, with the reason."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        path: the module, from the root of the repository.
        line: where in it.
        rule: which rule says so.
        what: what stands there.
    """

    path: str
    line: int
    rule: str
    what: str


def modules() -> Iterator[Module]:
    """Give all our modules that are shipped or that ship them."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def faults(module: Module) -> Iterator[Fault]:
    """Give what any rule finds in a module, exceptions as well."""
    for rule in RULES:
        for line, what in rule(module):
            yield Fault(module.path, line, rule.__name__, what)


def excepted(fault: Fault) -> tuple[str, str] | None:
    """Give the exception that a fault falls under, None where it is a fault."""
    for rule, where in EXCEPTIONS:
        if fault.rule == rule and fault.path.startswith(where):
            return rule, where
    return None


def wrong(read: Iterable[Module]) -> list[Fault]:
    """Give what is wrong in modules; an exception that nothing falls under is a fault as well."""
    found = [fault for module in read for fault in faults(module)]
    used = {excepted(fault) for fault in found}
    idle = [
        Fault(where, 1, rule, "an exception that nothing needs: take it out of EXCEPTIONS")
        for rule, where in EXCEPTIONS
        if (rule, where) not in used
    ]
    return [fault for fault in found if excepted(fault) is None] + idle


def main() -> int:
    """Print a line for each fault; 1 if there is one."""
    found = wrong(modules())
    for fault in found:
        sys.stdout.write(f"{fault.path}:{fault.line}: {fault.what} ({fault.rule})\n")
    sys.stdout.write(f"{len(RULES)} rules, {len(EXCEPTIONS)} exceptions, {len(found)} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
