"""Lambda in this process: each function's module sees its own environment, once, at import."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from threading import Lock
from typing import Any, TextIO

from cloud.kernel.errors import BadInput
from cloud.local.template import REGION, Function

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of the invocation (Lambda developer guide, Python context)."""

    function_name: str
    aws_request_id: str
    timeout_s: int
    memory_limit_in_mb: int = 256
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The function's name in AWS's own notation."""
        return f"arn:aws:lambda:{REGION}:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Give the whole time-out: nothing is cut off here."""
        return self.timeout_s * 1000


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised; what it raised, as Lambda would report it."""

    error_type: str
    message: str
    trace: str


class Functions:
    """All functions of a stack, loaded by the template's Handler strings."""

    def __init__(self, functions: Mapping[str, Function], log: TextIO) -> None:
        """Load every handler.

        Args:
            functions: as the template describes them.
            log: where their structured logs go, a line each, as to CloudWatch.
        """
        self._functions = functions
        with redirect_stdout(log):
            self._handlers = {name: _load(function) for name, function in functions.items()}
        self._lock = Lock()
        self._invocations = 0

    def invoke(self, name: str, event: Any) -> Any:
        """Call a handler and give its answer, or `Failed` when it raised."""
        with self._lock:
            self._invocations += 1
            request = f"local-{self._invocations:08d}"
        context = Context(name, request, self._functions[name].timeout_s)
        try:
            return self._handlers[name](event, context)
        except Exception as raised:  # noqa: BLE001 - Lambda's own border: report, never die
            return Failed(type(raised).__name__, str(raised), traceback.format_exc())


def _load(function: Function) -> Handler:
    module_name, _, attribute = function.handler.rpartition(".")
    # A module of its own for each function: one that was imported before saw another environment.
    sys.modules.pop(module_name, None)
    with _only_environment(function.environment):
        try:
            module = importlib.import_module(module_name)
        except (ImportError, ValueError, TypeError) as missing:
            msg = (
                f"function {function.name}: handler {function.handler} cannot be found ({missing})"
            )
            raise BadInput(msg) from missing
        except KeyError as unset:
            msg = f"function {function.name}: its environment lacks {unset}; set it in the template"
            raise BadInput(msg) from unset
    handler = getattr(module, attribute, None)
    if not callable(handler):
        msg = f"function {function.name}: {module_name} has no function {attribute}"
        raise BadInput(msg)
    found: Handler = handler
    return found


@contextmanager
def _only_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Show a module that is being imported its function's variables, and not this machine's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(
        kept,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - the hook answers; nothing is signed for AWS
        **variables,
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def forget(functions: Mapping[str, Function]) -> None:
    """Unload the handlers' modules, so that another stack in this process imports them afresh."""
    for function in functions.values():
        sys.modules.pop(function.handler.rpartition(".")[0], None)
