"""What must hold of the code so that it is hard to break into, and no linter asks.

A rule reads one module and gives what is wrong in it. Each has flaws that it has to find, in
tests/infra/planted_code.py; what is an exception stands in infra/lint_security.py, with its reason.
"""

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

Found = Iterator[tuple[int, str]]
"""Lines and what is wrong there."""


@dataclass(frozen=True)
class Module:
    """A module as its rules read it.

    Attributes:
        path: where it lies, from the root of the repository.
        text: what it says.
    """

    path: str
    text: str

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All parts of it."""
        return tuple(ast.walk(ast.parse(self.text)))

    @cached_property
    def imported(self) -> Mapping[str, str]:
        """What its names stand for that it imports, wherever in it."""
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for one in node.names:
                    first = one.name.partition(".")[0]
                    names[one.asname or first] = one.name if one.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    names[one.asname or one.name] = f"{node.module}.{one.name}"
        return names

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """All calls in it."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    def full(self, node: ast.AST) -> str:
        """Give what a name or attribute stands for with the module it is from, or nothing."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id if hasattr(builtins, node.id) else "")
        if isinstance(node, ast.Attribute):
            before = self.full(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    @cached_property
    def used(self) -> tuple[ast.Attribute | ast.Name, ...]:
        """All names and attributes that are more than the type of something."""
        types = {
            inner
            for node in self.nodes
            for field in ("annotation", "returns")
            if isinstance(outer := getattr(node, field, None), ast.AST)
            for inner in ast.walk(outer)
        }
        return tuple(
            node
            for node in self.nodes
            if isinstance(node, ast.Attribute | ast.Name) and node not in types
        )

    def is_in(self, *folders: str) -> bool:
        """Tell whether it lies in one of some folders, or is one of some files."""
        return self.path.startswith(folders)


Rule = Callable[[Module], Found]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONEY = ("cloud/kernel/money.py", "cloud/invoicing/", "cloud/funding/")
_SECRET_WORDS = _words(
    "token secret signature digest mac hmac hexdigest password passphrase nonce csrf otp"
)
_HASHED = frozenset({"hash", "sha256"})
_HASHED_SECRET = _SECRET_WORDS | {"code", "key"}
_CHANCE = (
    "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom", "secrets.", "random.", "time.time",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today",
)  # fmt: skip
_LOG_CALLS = _words(
    "debug info warning error exception critical log append_keys thread_safe_append_keys"
)
_LOGS = frozenset({"log", "logger", "logging"})
_PERSONAL = _words(
    """phone address street email e_mail service_email customer_name first_name last_name
    contact_name full_name account account_number routing routing_number ssn ein tax_id token
    secret password passphrase signature authorization cookie body content notes note attachment
    headers subject sender recipient text"""
)
_OUTSIDE = (
    "urllib.request.", "urllib3.", "requests.", "httpx.", "aiohttp.", "http.client.HTTPConnection",
    "http.client.HTTPSConnection", "socket.create_connection", "socket.socket", "ftplib.",
    "smtplib.", "telnetlib.", "asyncio.open_connection",
)  # fmt: skip
_PATTERNS = frozenset(
    f"re.{one}" for one in _words("compile match search fullmatch sub subn split findall finditer")
)
_XML = ("xml.etree", "xml.dom", "xml.sax.parse", "xml.sax.make_parser", "xmlrpc", "lxml")
_RUNS_TEXT = (
    "eval", "exec", "compile", "__import__", "pickle.", "cPickle.", "dill.", "shelve.",
    "marshal.load", "yaml.load", "yaml.unsafe_load", "jsonpickle.", "joblib.load",
)  # fmt: skip
_DUMPED = frozenset({"dataclasses.asdict", "vars", "repr"})
_SERVED = tuple(
    f"cloud/{one}/"
    for one in _words(
        "kernel portfolio telemetry detection service invoicing funding reporting adapters portal"
        " functions"
    )
)


def floats_of_money(module: Module) -> Found:
    """Money is whole cents: no float and no division that makes one where money is handled."""
    if not module.is_in(*_MONEY):
        return
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"the float {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "a float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "a division that gives a float"


def secrets_compared_plainly(module: Module) -> Found:
    """Secrets, and what is made of them, are compared in constant time: hmac.compare_digest.

    To ask whether there is one at all (nothing, or empty text) is no comparison.
    """
    for node in module.nodes:
        if not isinstance(node, ast.Compare) or not any(
            isinstance(one, ast.Eq | ast.NotEq) for one in node.ops
        ):
            continue
        sides = (node.left, *node.comparators)
        if any(isinstance(one, ast.Constant) and not one.value for one in sides):
            continue
        for side in sides:
            if _is_secret(name := _last_name(side)):
                yield node.lineno, f"{name} is compared with =="
                break


def clock_or_chance_outside_ports(module: Module) -> Found:
    """Time, ids and randomness come in by ports, or a run cannot be repeated or trusted."""
    for node in module.used:
        full = module.full(node)
        if full.startswith(_CHANCE) and full not in _NO_CHANCE:
            yield node.lineno, full


def text_put_together_for_a_log(module: Module) -> Found:
    """A line of the log has fixed words; what varies is a field, which may be left out."""
    for call in _log_calls(module):
        for value in call.args[:1]:
            if not isinstance(value, ast.Constant) and not isinstance(value, ast.Name):
                yield call.lineno, f"the words {ast.unparse(value)}"


def people_in_a_log(module: Module) -> Found:
    """Neither a person nor a secret nor what somebody wrote is a field of the log."""
    for call in _log_calls(module):
        for word in call.keywords:
            if word.arg in _PERSONAL:
                yield call.lineno, f"the field {word.arg}"
        for value in (*call.args, *(word.value for word in call.keywords)):
            for node in ast.walk(value):
                if isinstance(node, ast.Name | ast.Attribute):
                    name = node.id if isinstance(node, ast.Name) else node.attr
                    if name in _PERSONAL and not _is_part_of_longer(node, value):
                        yield call.lineno, f"the value {ast.unparse(node)}"


def calls_to_outside(module: Module) -> Found:
    """One guarded adapter calls addresses that somebody gave; no other module opens a line.

    Source: OWASP, Server-Side Request Forgery Prevention.
    """
    for node in module.used:
        full = module.full(node)
        if full.startswith(_OUTSIDE) and full not in _NO_CALL:
            yield node.lineno, full


def csv_written_elsewhere(module: Module) -> Found:
    """CSV is written by cloud/kernel/csv_text.py, which knows what a formula is."""
    for node in module.used:
        if module.full(node) in {"csv.writer", "csv.DictWriter"} or (
            isinstance(node, ast.Attribute) and node.attr == "to_csv"
        ):
            yield node.lineno, ast.unparse(node)


def patterns_not_of_the_code(module: Module) -> Found:
    """A pattern is written in the code: one from outside can take for ever."""
    for call in module.calls:
        if (
            module.full(call.func) in _PATTERNS
            and call.args
            and not _is_fixed(module, call.args[0])
        ):
            yield call.lineno, f"the pattern {ast.unparse(call.args[0])}"


def xml_parsed(module: Module) -> Found:
    """XML is not parsed by libraries that follow entities."""
    for node in module.nodes:
        for name in _imports(node):
            if name.startswith(_XML):
                yield node.lineno, name  # type: ignore[attr-defined]


def text_run_as_code(module: Module) -> Found:
    """Nothing that can come from outside becomes code or objects of any type."""
    for call in module.calls:
        full = module.full(call.func)
        if any(full.startswith(one) if "." in one else full == one for one in _RUNS_TEXT):
            yield call.lineno, full


def peers_taken_on_trust(module: Module) -> Found:
    """Certificates, host keys and tokens are verified; nobody switches that off."""
    for node in module.nodes:
        if isinstance(node, ast.keyword) and node.arg in {"verify", "check_hostname"}:
            if isinstance(node.value, ast.Constant) and node.value.value is False:
                yield node.value.lineno, f"{node.arg}=False"
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            value, name = node.value, node.targets[0].attr
            if name == "check_hostname" and isinstance(value, ast.Constant) and not value.value:
                yield node.lineno, "check_hostname is off"
        elif isinstance(node, ast.Attribute | ast.Name):
            last = node.attr if isinstance(node, ast.Attribute) else module.full(node)
            last = last.rpartition(".")[2]
            if last in {
                "CERT_NONE",
                "_create_unverified_context",
                "AutoAddPolicy",
                "WarningPolicy",
            }:
                yield node.lineno, last
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and str(key.value).startswith("verify_")
                    and isinstance(value, ast.Constant)
                    and value.value is False
                ):
                    yield node.lineno, f"{key.value} is off"


def files_of_any_path(module: Module) -> Found:
    """What answers requests opens no file by a path that it was given."""
    if not module.is_in(*_SERVED):
        return
    for call in module.calls:
        full = module.full(call.func)
        if full in {"open", "io.open", "os.open"}:
            yield call.lineno, full
        is_path = full == "pathlib.Path" and call.args and ast.unparse(call.args[0]) != "__file__"
        if is_path or (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in {"read_bytes", "read_text", "write_bytes", "write_text", "open"}
            and isinstance(call.func.value, ast.BinOp)
            and not isinstance(call.func.value.right, ast.Constant)
        ):
            yield call.lineno, ast.unparse(call)


def temporary_names_guessed(module: Module) -> Found:
    """A temporary file is made and opened in one step, where nobody can come between."""
    for call in module.calls:
        if module.full(call.func) in {"tempfile.mktemp", "os.tempnam", "os.tmpnam"}:
            yield call.lineno, module.full(call.func)


def shells(module: Module) -> Found:
    """Programs are started with a list of words, never with a line for a shell."""
    for call in module.calls:
        full = module.full(call.func)
        if full in {"os.system", "os.popen"} or full.startswith("subprocess.getstatus"):
            yield call.lineno, full
        for word in call.keywords:
            if word.arg == "shell" and not (
                isinstance(word.value, ast.Constant) and word.value.value is False
            ):
                yield call.lineno, "shell=True"


def markup_of_values(module: Module) -> Found:
    """Only words of the code are markup; a value is escaped by the template or by format."""
    for call in module.calls:
        is_markup = module.full(call.func) in {"markupsafe.Markup", "jinja2.Markup"}
        if is_markup and call.args and not isinstance(call.args[0], ast.Constant):
            yield call.lineno, f"Markup({ast.unparse(call.args[0])})"
        for word in call.keywords:
            if word.arg == "autoescape" and not (
                isinstance(word.value, ast.Constant) and word.value.value is True
            ):
                yield call.lineno, f"autoescape={ast.unparse(word.value)}"


def records_dumped(module: Module) -> Found:
    """A record leaves by its codec or a shape with named fields, never as all that it holds."""
    for call in module.calls:
        if module.full(call.func) not in {"json.dumps", "json.dump"}:
            continue
        for node in (inner for value in call.args[:1] for inner in ast.walk(value)):
            if isinstance(node, ast.Call) and module.full(node.func) in _DUMPED:
                yield call.lineno, f"{module.full(node.func)} of a record"
            elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
                yield call.lineno, "all of a record"
        for word in call.keywords:
            if word.arg == "default":
                yield call.lineno, f"default={ast.unparse(word.value)}"


def archives_unpacked(module: Module) -> Found:
    """An archive is not unpacked by the names that stand in it."""
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "extractall":
            yield call.lineno, ast.unparse(call.func)


def broken_hashes(module: Module) -> Found:
    """MD5 and SHA-1 say that they prove nothing, or are not used."""
    for call in module.calls:
        full = module.full(call.func)
        name = full.rpartition(".")[2]
        if full == "hashlib.new" and call.args and isinstance(call.args[0], ast.Constant):
            name = str(call.args[0].value).lower().replace("-", "")
        if full.startswith("hashlib.") and name in {"md5", "sha1"}:
            said = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if said.get("usedforsecurity") != "False":
                yield call.lineno, name


def tokens_of_any_algorithm(module: Module) -> Found:
    """Who reads a token names the algorithms, and does not ask the token (RFC 8725, 3.1)."""
    for call in module.calls:
        if module.full(call.func) == "jwt.decode" and "algorithms" not in {
            word.arg for word in call.keywords
        }:
            yield call.lineno, "jwt.decode without algorithms"


RULES: tuple[Rule, ...] = (
    floats_of_money, secrets_compared_plainly, clock_or_chance_outside_ports,
    text_put_together_for_a_log, people_in_a_log, calls_to_outside, csv_written_elsewhere,
    patterns_not_of_the_code, xml_parsed, text_run_as_code, peers_taken_on_trust,
    files_of_any_path, temporary_names_guessed, shells, markup_of_values, records_dumped,
    archives_unpacked, broken_hashes, tokens_of_any_algorithm,
)  # fmt: skip

_NO_CHANCE = frozenset({"secrets.compare_digest", "random.Random"})
_NO_CALL = frozenset({"urllib.request.Request"})


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript | ast.Await):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return str(node.slice.value)
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_secret(name: str) -> bool:
    if name.isupper():  # a constant of the code is no secret
        return False
    parts = name.lower().replace("-", "_").split("_")
    last, before = parts[-1], frozenset(parts[:-1])
    return last in _SECRET_WORDS or (last in _HASHED and bool(before & _HASHED_SECRET))


def _log_calls(module: Module) -> Iterator[ast.Call]:
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in _LOG_CALLS:
            owner = _last_name(call.func.value).lower().strip("_")
            if owner in _LOGS or module.full(call.func).startswith("logging."):
                yield call


def _is_part_of_longer(node: ast.Name | ast.Attribute, within: ast.expr) -> bool:
    """Tell whether only something of a value is told, as its id or its length."""
    for outer in ast.walk(within):
        if isinstance(outer, ast.Attribute) and outer.value is node:
            return True
        if isinstance(outer, ast.Subscript) and outer.value is node:
            key = outer.slice
            return isinstance(key, ast.Constant) and key.value not in _PERSONAL
        if isinstance(outer, ast.Call) and node in outer.args and _last_name(outer.func) == "len":
            return True
    return False


def _is_fixed(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return name.isupper()
    if isinstance(node, ast.JoinedStr):
        return all(
            _is_fixed(module, one.value)
            for one in node.values
            if isinstance(one, ast.FormattedValue)
        )
    if isinstance(node, ast.BinOp):
        return _is_fixed(module, node.left) and _is_fixed(module, node.right)
    return isinstance(node, ast.Call) and module.full(node.func) == "re.escape"


def _imports(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{one.name}" for one in node.names]
    return ()
