"""The ten mistakes of small boards are not in the device's code; each planted one is caught."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.harness import FIRMWARE

DEVICE = sorted(FIRMWARE.glob("sunreeve_device/*.py"))
ROOT_FILES = [FIRMWARE / "main.py", FIRMWARE / "slots.py"]
NETWORK_MODULES = ("tls.py", "mqtt.py")
BOARD_ONLY = {"machine", "network", "esp32", "esp"}
NEVER_IMPORTED = {
    "requests": "does not look at certificates",
    "urequests": "does not look at certificates",
    "mip": "installs what nobody signed",
    "umqtt": "waits for ever",
    "umodbus": "is under another licence",
    "dataclasses": "is not on a board",
    "typing": "is not on a board",
    "enum": "is not on a board",
}
UNIQUE_KEYS = {"wire.py"}
"""Modules that sort by a key which no two have: columns by their rank."""
FOR_ITSELF = {"config.py"}
"""Modules that write JSON for nobody but themselves."""
ENCODERS = {"pack", "pack_into", "to_bytes"}


def mistakes(source: str, name: str) -> Iterator[str]:
    tree = ast.parse(source)
    held = {
        id(item.context_expr)
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
    }
    for node in ast.walk(tree):
        for what in _mistakes_of(node, name, held):
            yield f"{name}:{getattr(node, 'lineno', 0)}: {what}"


def _mistakes_of(node: ast.AST, name: str, held: set[int]) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a float: 32 bits on a board"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            if name != "port.py":
                yield "a true division gives a float"
        case ast.Name(id="float") | ast.Name(id="round"):
            yield "float and round: whole numbers only"
        case ast.Import(names=names):
            for one in names:
                yield from _imported(one.name, name)
        case ast.ImportFrom(module=module, names=names):
            yield from _imported(module or "", name)
            if module == "sunreeve_device":
                return
        case ast.Attribute(attr="CERT_NONE") | ast.Name(id="CERT_NONE"):
            yield "a certificate that nobody looks at"
        case ast.ExceptHandler(type=None):
            yield "an except without a kind"
        case ast.ExceptHandler(type=ast.Name(id="BaseException")):
            yield "an except of everything"
        case ast.ExceptHandler(type=ast.Name(id="Exception")) if name not in (
            "main.py",
            "supervisor.py",
            "app.py",
        ):
            yield "an except of nearly everything"
        case ast.Try(body=body, handlers=handlers) if name in NETWORK_MODULES:
            kinds = [getattr(one.type, "id", "") for one in handlers]
            if "OSError" in kinds and "ValueError" not in kinds and not _is_file_only(body):
                yield "TLS raises ValueError too: except (OSError, ValueError)"
        case ast.Call():
            yield from _called(node, name, held)
        case ast.Compare(left=left, comparators=others):
            if any(_is_ticks(one) for one in (left, *others)) and name != "port.py":
                yield "ticks wrap: compare by ticks_diff"
        case ast.BinOp(op=ast.Sub() | ast.Add(), left=left, right=right):
            if (_is_ticks(left) or _is_ticks(right)) and name != "port.py":
                yield "ticks wrap: ticks_add and ticks_diff"
        case ast.Attribute(attr=attr) | ast.Name(id=attr):
            if re.match(r"_?(last|previous)_(value|row|reading|register)s?$", attr) and isinstance(
                node.ctx, ast.Load
            ):
                yield "a reading of before is never sent again"
        case ast.Constant(value=str(text)) if "PRIVATE KEY" in text:
            yield "a secret"


def _imported(module: str, name: str) -> Iterator[str]:
    top = module.partition(".")[0]
    if top in NEVER_IMPORTED:
        yield f"{top} {NEVER_IMPORTED[top]}"
    if top in BOARD_ONLY and name not in ("port.py", "main.py"):
        yield f"{top} is asked for in port.py only"


def _called(node: ast.Call, name: str, held: set[int]) -> Iterator[str]:
    called = node.func
    attr = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    owner = called.value.id if isinstance(called, ast.Attribute) and _is_name(called.value) else ""
    if attr == "open" and owner in ("", "io") and id(node) not in held and name != "port.py":
        yield "a file outside of with"
    if name not in FOR_ITSELF and owner in ("json", "ujson") and attr in ("dump", "dumps"):
        yield "json orders keys as it likes"
    if owner == "time" and attr in ("time", "time_ns", "localtime", "mktime") and name != "port.py":
        yield "the epoch of a board is another"
    if attr == "feed" and name not in ("supervisor.py", "port.py"):
        yield "a watchdog that is fed without progress"
    if attr == "Timer":
        yield "a timer: it goes on when nothing else does"
    if (
        attr == "sorted"
        and name not in UNIQUE_KEYS
        and any(one.arg == "key" for one in node.keywords)
    ):
        yield "sorted is not stable on a board"
    if attr in ENCODERS and name != "port.py":
        given = node.args[1:] if attr == "pack" else node.args[3:] if attr == "pack_into" else []
        if attr == "to_bytes":
            given = [called.value]
        if not all(_is_bounded(one) for one in given):
            yield f"{attr} wraps silently: mask it, or give a constant or a length"


def _is_file_only(body: list[ast.stmt]) -> bool:
    """Tell whether all that is tried is a file: what it raises is OSError."""
    return all(
        isinstance(one, ast.With)
        and isinstance(call := one.items[0].context_expr, ast.Call)
        and getattr(call.func, "id", "") == "open"
        for one in body
    )


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def _is_ticks(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        called = node.func
        return (
            called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        ) in (
            "ticks_ms",
            "ticks_us",
        )
    word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return word in ("ticks", "_ticks") or word.endswith("_ticks")


def _is_bounded(node: ast.AST) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return word.isupper()
        case ast.BinOp(op=ast.BitAnd() | ast.Mod()):
            return True
        case ast.Call(func=ast.Name(id="crc16" | "_crc")):
            return True  # masked where they are made
    return False


@pytest.mark.parametrize("path", [*DEVICE, *ROOT_FILES], ids=lambda path: path.name)
def test_the_device_makes_none_of_the_ten_mistakes(path: Path):
    assert list(mistakes(path.read_text(), path.name)) == []


PLANTED = {
    "1 a float": "watts = 1.5",
    "1 a true division": "watts = total / 2",
    "1 a true division in place": "total /= 2",
    "1 a call of float": "watts = float(text)",
    "1 rounding": "watts = round(total)",
    "2 json on the wire": "client.publish(topic, json.dumps({'v': 1}))",
    "3 a number that wraps": "data = struct.pack('>H', value)",
    "3 a number that wraps into a buffer": "struct.pack_into('>H', data, 0, value)",
    "3 a number that wraps in bytes": "data = value.to_bytes(2, 'big')",
    "4 TLS without ValueError": "try:\n    connect()\nexcept OSError:\n    pass",
    "4 a bare except": "try:\n    connect()\nexcept:\n    pass",
    "4 an except of everything": "try:\n    connect()\nexcept BaseException:\n    pass",
    "4 an except of nearly everything": "try:\n    connect()\nexcept Exception:\n    pass",
    "5 umqtt": "from umqtt.robust import MQTTClient",
    "6 no certificate": "context.verify_mode = ssl.CERT_NONE",
    "6 requests": "import requests",
    "6 mip on the device": "import mip",
    "6 a secret": "KEY = '-----BEGIN EC PRIVATE KEY-----'",
    "7 a file left open": "file = open('queue', 'ab')",
    "7 a file for one statement": "open('queue', 'ab').write(data)",
    "8 the epoch": "now = time.time()",
    "8 ticks compared": "if ticks_ms() > due:\n    pass",
    "8 ticks compared by name": "late = now > due_ticks",
    "8 ticks subtracted": "age = port.ticks_ms() - start",
    "9 a watchdog fed anywhere": "dog.feed()",
    "9 a timer": "Timer(0, callback=f)",
    "10 the last value": "return self._last_value",
    "10 the previous row": "rows.append(previous_row)",
    "licence": "import umodbus.serial",
    "a pin outside of the port": "from machine import Pin",
    "sorted by a key": "rows = sorted(rows, key=at)",
    "not on a board": "from dataclasses import dataclass",
}


@pytest.mark.parametrize("snippet", PLANTED.values(), ids=list(PLANTED))
def test_each_planted_mistake_is_caught(snippet):
    assert len(list(mistakes(snippet, "mqtt.py"))) == 1


RIGHT = {
    "masked": "data = struct.pack('>HB', value & 0xFFFF, 3)",
    "both errors": "try:\n    connect()\nexcept (OSError, ValueError):\n    pass",
    "a whole division": "watts = total // 2",
    "a file that is not there": (
        "try:\n    with open(p) as file:\n        file.read()\nexcept OSError:\n    pass"
    ),
    "a file held": "with open('queue', 'ab') as file:\n    file.write(data)",
    "ticks by the port": "late = port.ticks_diff(port.ticks_ms(), due_ticks) > 0",
    "a set of names in order": "names = sorted(names)",
}


@pytest.mark.parametrize("snippet", RIGHT.values(), ids=list(RIGHT))
def test_what_is_right_is_left_alone(snippet):
    assert list(mistakes(snippet, "mqtt.py")) == []
