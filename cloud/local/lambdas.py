"""Lambda in this process: sandboxes that are warm or cold, each with one call at a time.

After the AWS Lambda developer guide ("Lambda execution environment", "Understanding Lambda function
scaling", "Lambda quotas"). A sandbox is a thread with a module of its own, imported under its
function's environment and nothing else; two calls at once get two sandboxes, so that a handler's
module is never entered twice. What is shared, unlike on Lambda, are the modules below the handler.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TextIO, cast

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local import thread_views
from cloud.local.function_log import FunctionLog
from cloud.local.interrupts import Gate, TimedOut
from cloud.local.template import REGION, Function

Handler = Callable[[Any, Any], Any]

LARGEST_PAYLOAD = 6 * 1024 * 1024
"""Of a call that waits for its answer, and of the answer ("Lambda quotas")."""
MOST_SANDBOXES = 10
"""Of one function on one machine; a function's own reserved concurrency may be less."""
GRACE_S = 1.0
"""How long a sandbox that overran its time is waited for after it was told to end."""
OF_LAMBDA = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What Lambda itself tells a function, before and while it runs; nothing is signed for AWS."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of the invocation (Lambda developer guide, Python context)."""

    function_name: str
    aws_request_id: str
    timeout_s: int
    ends_at: float
    memory_limit_in_mb: int = 256
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The function's name in AWS's own notation."""
        return f"arn:aws:lambda:{REGION}:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Give the real time that is left: a handler runs in it, however the clock is moved."""
        return max(0, int((self.ends_at - time.monotonic()) * 1000))


@dataclass(frozen=True, slots=True)
class Failed:
    """A call without an answer; what went wrong, as Lambda would report it.

    Attributes:
        error_type: the exception's name, or Lambda's own (`Sandbox.Timedout`, `Runtime.ExitError`,
            `TooManyRequestsException`).
        is_throttled: nothing was run; on AWS such a call is tried again without counting.
    """

    error_type: str
    message: str
    trace: str = ""
    is_throttled: bool = False


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a function has done since this process began.

    Attributes:
        last_at: instant of the clock at which it was last called.
        last_error: one line; empty when none failed.
    """

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    last_at: datetime | None = None
    last_ms: float = 0.0
    total_ms: float = 0.0
    last_error: str = ""


class _Sandbox:
    """A thread that has imported a handler's module for itself alone.

    It sees its function's variables while it imports, and Lambda's own afterwards; what it prints
    is its function's log. A thread that does not end when it is told to is left behind.
    """

    def __init__(self, function: Function, log: FunctionLog, beside: Mapping[str, str]) -> None:
        self._gate = Gate()
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._live, name=function.name, daemon=True)
        self._thread.start()
        try:
            self._handler: Handler = self._do(lambda: self._begin(function, log, beside)).result()
        except BaseException:
            self.end()
            raise

    def _live(self) -> None:
        while (task := self._work.get()) is not None:
            future, work = task
            try:
                future.set_result(work())
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(raised)

    def _do(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.put((future, work))
        return future

    def _begin(self, function: Function, log: FunctionLog, beside: Mapping[str, str]) -> Handler:
        self._gate.belongs_here()
        own = {**_of_the_machine(), **OF_LAMBDA, **beside}
        thread_views.show({**own, **function.environment})
        with redirect_stdout(cast("TextIO", log)):  # a logger takes its stream when it is made
            handler = _load(function, log)
        thread_views.show(own)
        return handler

    def call(self, event: str, context: Context, log: FunctionLog) -> str:
        """Give the answer as JSON.

        Raises:
            TimedOut: it overran; the sandbox must not be used again.
            BaseException: whatever the handler raised.
        """
        future = self._do(lambda: self._run(event, context, log))
        try:
            return str(future.result(timeout=context.timeout_s))
        except StillRunning:
            if future.done():  # the handler itself raised a time-out
                raise
            self._gate.tell()
            self.end()
            self._thread.join(GRACE_S)
            raise TimedOut from None

    def _run(self, event: str, context: Context, log: FunctionLog) -> str:
        with log.of(context.function_name, context.aws_request_id):
            answer = self._handler(json.loads(event), context)
            try:
                return json.dumps(answer)
            except (TypeError, ValueError) as unfit:
                msg = f"Unable to marshal response: {unfit}"
                raise MarshalError(msg) from unfit

    def put_around(self, layer: Callable[[Handler], Handler]) -> None:
        """Call the handler through something else from now on."""
        self._handler = layer(self._handler)

    def end(self) -> None:
        """Let the thread go when it has done what it does."""
        self._work.put(None)


class MarshalError(Exception):
    """A handler's answer is no JSON."""


@dataclass(slots=True)
class _Pool:
    """The sandboxes of one function."""

    function: Function
    idle: list[_Sandbox] = field(default_factory=list)
    busy: int = 0
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def most(self) -> int:
        """How many there may be."""
        reserved = self.function.reserved_concurrency
        return MOST_SANDBOXES if reserved is None else min(reserved, MOST_SANDBOXES)


class Functions:
    """All functions of a stack, loaded by the template's Handler strings."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        log: FunctionLog,
        clock: Clock,
        *,
        beside: Mapping[str, str],
    ) -> None:
        """Load every handler once: one that cannot be loaded stops the boot.

        Args:
            functions: as the template describes them.
            log: where their structured logs go, a line each, as to CloudWatch.
            clock: tells when a function was last called.
            beside: variables that every function sees beside its own, as Lambda sets some.

        Raises:
            BadInput: a handler cannot be found, or its environment lacks a variable.
        """
        self._log = log
        self._clock = clock
        self._beside = beside
        self._lock = Lock()
        self._loading = Lock()
        self._invocations = 0
        self._pools: dict[str, _Pool] = {}
        self._views = thread_views.install()
        try:
            for name, function in functions.items():
                self._pools[name] = _Pool(function, [self._sandbox(function)])
        except BaseException:
            self.close()
            raise

    def invoke(self, name: str, event: Any) -> Any:
        """Call a handler and give its answer, or `Failed`.

        The event and the answer pass as JSON, so that neither side sees the other's objects. A
        handler that overruns its time-out is told to end and its sandbox is thrown away.
        """
        payload = json.dumps(event)
        if len(payload) > LARGEST_PAYLOAD:
            return self._failed(name, Failed("RequestTooLargeException", _too_large(len(payload))))
        sandbox = self._take(name)
        if isinstance(sandbox, Failed):
            return self._failed(name, sandbox)
        context = self._context(name)
        began = time.perf_counter()
        is_whole = False
        try:
            text = sandbox.call(payload, context, self._log)
            is_whole = True
            answer: Any = (
                json.loads(text)
                if len(text) <= LARGEST_PAYLOAD
                else Failed("Function.ResponseSizeTooLarge", _too_large(len(text)))
            )
        except TimedOut:
            message = f"Task timed out after {context.timeout_s:.2f} seconds"
            answer = Failed("Sandbox.Timedout", f"RequestId: {context.aws_request_id} {message}")
        except Exception as raised:  # noqa: BLE001 - Lambda's own border: report, never die
            is_whole = True
            kind = "Runtime.MarshalError" if isinstance(raised, MarshalError) else _name(raised)
            answer = Failed(kind, str(raised), traceback.format_exc())
        except (SystemExit, GeneratorExit) as ended:
            answer = Failed("Runtime.ExitError", f"the handler ended its sandbox: {ended!r}")
        finally:
            self._give_back(name, sandbox, is_whole=is_whole)
        spent_ms = (time.perf_counter() - began) * 1000
        self._count(name, spent_ms, answer)
        if isinstance(answer, Failed):
            self._report(name, context, answer, spent_ms)
        return answer

    def put_around(self, layer: Callable[[str, Handler], Handler]) -> None:
        """Put something around every handler, as it stands now, by its function's name.

        Sandboxes that are made later, because a call overlaps another, are left as they are.
        """
        with self._lock:
            for name, pool in self._pools.items():
                for sandbox in pool.idle:
                    sandbox.put_around(partial(layer, name))

    def statistics(self) -> Mapping[str, Statistics]:
        """Give what each function has done."""
        with self._lock:
            return {name: pool.statistics for name, pool in self._pools.items()}

    def close(self) -> None:
        """Let all sandboxes go, and unload the handlers' modules for the next stack."""
        for pool in self._pools.values():
            for sandbox in pool.idle:
                sandbox.end()
            _forget(pool.function)
        self._pools.clear()
        self._views.close()

    def _take(self, name: str) -> _Sandbox | Failed:
        """Give an idle sandbox, or a new one while there may be more."""
        with self._lock:
            pool = self._pools[name]
            if pool.busy >= pool.most:
                return Failed("TooManyRequestsException", "Rate Exceeded.", is_throttled=True)
            pool.busy += 1
            if pool.idle:
                return pool.idle.pop()
        try:
            return self._sandbox(pool.function)
        except BaseException:
            with self._lock:
                pool.busy -= 1
            raise

    def _sandbox(self, function: Function) -> _Sandbox:
        with self._loading:  # the process has one table of modules
            return _Sandbox(function, self._log, self._beside)

    def _give_back(self, name: str, sandbox: _Sandbox, *, is_whole: bool) -> None:
        if not is_whole:
            sandbox.end()
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                return
            pool.busy -= 1
            if is_whole:
                pool.idle.append(sandbox)

    def _context(self, name: str) -> Context:
        with self._lock:
            self._invocations += 1
            request = f"local-{self._invocations:08d}"
        timeout_s = self._pools[name].function.timeout_s
        return Context(name, request, timeout_s, time.monotonic() + timeout_s)

    def _failed(self, name: str, failed: Failed) -> Failed:
        self._count(name, 0.0, failed)
        return failed

    def _count(self, name: str, spent_ms: float, answer: Any) -> None:
        is_failed = isinstance(answer, Failed)
        is_throttled = is_failed and answer.is_throttled
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                return
            now = pool.statistics
            pool.statistics = replace(
                now,
                invocations=now.invocations + (not is_throttled),
                errors=now.errors + (is_failed and not is_throttled),
                throttles=now.throttles + is_throttled,
                last_at=self._clock.now(),
                last_ms=spent_ms,
                total_ms=now.total_ms + spent_ms,
                last_error=f"{answer.error_type}: {answer.message}".splitlines()[0]
                if is_failed
                else now.last_error,
            )

    def _report(self, name: str, context: Context, failed: Failed, spent_ms: float) -> None:
        """Write what Lambda writes of a failed call in its JSON log format."""
        with self._log.of(name, context.aws_request_id):
            self._log.write_line(
                {
                    "level": "ERROR",
                    "message": failed.message,
                    "errorType": failed.error_type,
                    "stackTrace": failed.trace.splitlines(),
                    "durationMs": round(spent_ms, 3),
                }
            )


def _too_large(length: int) -> str:
    return f"{length} bytes of payload exceed the {LARGEST_PAYLOAD} that one call may carry"


def _name(raised: BaseException) -> str:
    return type(raised).__name__


def _forget(function: Function) -> None:
    """Let the next import of a handler find nothing of its package, in which settings are read."""
    module = function.handler.rpartition(".")[0]
    package = module.rpartition(".")[0] or module
    for name in [one for one in sys.modules if f"{one}.".startswith(f"{package}.")]:
        sys.modules.pop(name, None)


def _load(function: Function, log: FunctionLog) -> Handler:
    module_name, _, attribute = function.handler.rpartition(".")
    # Modules of its own for each sandbox: those that were imported before saw another environment.
    _forget(function)
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError, TypeError) as missing:
        msg = f"function {function.name}: handler {function.handler} cannot be found ({missing})"
        raise BadInput(msg) from missing
    except KeyError as unset:
        msg = f"function {function.name}: its environment lacks {unset}; set it in the template"
        raise BadInput(msg) from unset
    # Threads share one standard output, so what the handler's own module prints is led here.
    module.__dict__.setdefault("print", partial(print, file=log))
    handler = getattr(module, attribute, None)
    if not callable(handler):
        msg = f"function {function.name}: {module_name} has no function {attribute}"
        raise BadInput(msg)
    found: Handler = handler
    return found


def _of_the_machine() -> dict[str, str]:
    """Give what a handler may see of this machine; on Lambda it would see that of another."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
