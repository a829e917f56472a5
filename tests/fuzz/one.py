"""Fuzzes one target in this process until its options end it: `-m tests.fuzz.one NAME OPTION...`.

Nothing of ours may be imported before the fuzzer looks: only what it sees imported guides it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["cloud", "edge_agent", "pymodbus", "tests", "tomllib"]):
    from tests.fuzz import targets

name = sys.argv[1]
atheris.enabled_hooks.add("RegEx")
atheris.enabled_hooks.add("str")
atheris.Setup([sys.argv[0], *sys.argv[2:]], targets.TARGETS[name].check)
atheris.Fuzz()
