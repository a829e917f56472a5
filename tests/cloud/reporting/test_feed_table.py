"""Every entry that a stage writes into the log is told to partners or is not: somebody chose.

The names are read out of the stages' source: those written in place, chosen by an ``if``, handed
to a function that writes them, or put together of a word and a state.
"""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cloud
from cloud.adapters.chart import CHART
from cloud.invoicing.models import BackBillState
from cloud.kernel.errors import BadInput
from cloud.portfolio.organisation import OptInState
from cloud.reporting import feed
from cloud.reporting.feed import NOT_FOR_PARTNERS, TOLD, FeedHead, ToldEvent
from cloud.reporting.telling import KINDS
from cloud.service.report import SerialState
from cloud.service.sla import SlaMilestone

ROOT = Path(cloud.__file__).parent
STAGES = (
    "portfolio",
    "telemetry",
    "detection",
    "service",
    "invoicing",
    "funding",
    "reporting",
)
MADE_OF_STATES = {
    "back_bill_*": [f"back_bill_{one}" for one in BackBillState],
    "bank_change_*": ["bank_change_rejected", "bank_change_withdrawn"],
    "opt_in_*": [f"opt_in_{one}" for one in OptInState],
    "*_missed": [f"{one}_missed" for one in SlaMilestone],
    "*_excused": [f"{one}_excused" for one in SlaMilestone],
    "direct_pay_*": ["direct_pay_opted_in", "direct_pay_opted_out"],
    "device_*": ["device_state", "device_alarm"],
    "hold_*": ["hold_released", "hold_discarded"],
    "post_*": ["post_released", "post_dropped"],
    "serials_*": [f"serials_{one}" for one in SerialState],
    "upload_*": ["upload_kept", "upload_refused"],
    "*_registered": ["project_registered"],
}
"""Names that are put together, and all that they come to."""
OF_TWO_PEOPLE = {"*_proposed", "*_withdrawn", "*_*"}
"""Steps of proposals, in ``proposing.py``: what comes of one is told by whoever carries it out."""


class Source:
    """A module's source, with the way up from each of its parts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stage = path.relative_to(ROOT).parts[0]
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = list(ast.walk(self.tree))
        self.above = {below: one for one in parts for below in ast.iter_child_nodes(one)}
        self.calls = [one for one in parts if isinstance(one, ast.Call)]

    def function_of(self, part):
        while part is not None and not isinstance(part, ast.FunctionDef):
            part = self.above.get(part)
        return part


SOURCES = [Source(path) for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py"))]


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def argument(call, place, name):
    named = [one.value for one in call.keywords if one.arg == name]
    return (named + call.args[place : place + 1])[0] if named or len(call.args) > place else None


def assigned(parts, name):
    """Give what a name is set to, by itself or as one of several."""
    for part in parts:
        if not isinstance(part, ast.Assign):
            continue
        for target in part.targets:
            pairs = [(target, part.value)]
            if isinstance(target, ast.Tuple) and isinstance(part.value, ast.Tuple):
                pairs = list(zip(target.elts, part.value.elts, strict=True))
            yield from (value for one, value in pairs if getattr(one, "id", "") == name)


def names(source, found, seen=frozenset()) -> set[str]:
    """Give all that an expression may come to; a star stands for what is put in."""
    if isinstance(found, ast.Constant):
        return {found.value}
    if isinstance(found, ast.IfExp):
        return names(source, found.body, seen) | names(source, found.orelse, seen)
    if isinstance(found, ast.JoinedStr):
        parts = (getattr(one, "value", "*") for one in found.values)
        return {"".join(one if isinstance(one, str) else "*" for one in parts)}
    if not isinstance(found, ast.Name):
        return {f"{source.path.name}: {ast.unparse(found)}"}
    function = source.function_of(found)
    here = list(assigned(ast.walk(function), found.id)) if function else []
    if here:
        return set().union(*(names(source, one, seen) for one in here))
    taken = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
    if found.id in taken:
        place = taken.index(found.id) - (taken[0] == "self")
        given = [
            (other, argument(call, place, found.id))
            for other in SOURCES
            for call in other.calls
            if other.stage == source.stage and called(call) == function.name
        ]
        fresh = [(other, one) for other, one in given if one is not None and one not in seen]
        return set().union(*(names(other, one, seen | {one}) for other, one in fresh))
    top = [one for other in SOURCES for one in assigned(other.tree.body, found.id)]
    return {one.value for one in top if isinstance(one, ast.Constant)}


def written() -> dict[str, set[str]]:
    """Give every name that a stage writes into the log, with the modules that do."""
    found: dict[str, set[str]] = {}
    for source in SOURCES:
        for call in source.calls:
            if called(call) != "Event":
                continue
            for name in names(source, argument(call, 1, "what")):
                found.setdefault(name, set()).add(source.path.name)
    return found


WRITTEN = written()


def all_names() -> set[str]:
    found = set()
    for name in WRITTEN:
        found |= set(MADE_OF_STATES.get(name, () if name in OF_TWO_PEOPLE else (name,)))
    return found


def test_the_source_was_read():
    assert len(WRITTEN) > 200
    assert {"offered", "payable_opened", "deduction_paused", "direct_pay_left"} <= set(WRITTEN)
    assert WRITTEN["*_*"] == {"proposing.py"}
    assert set(MADE_OF_STATES) <= set(WRITTEN)


def test_whoever_writes_a_new_name_says_whether_partners_are_told():
    """A name that fails here stands in neither part of `cloud.reporting.feed`: add it to one."""
    unknown = all_names() - set(TOLD) - NOT_FOR_PARTNERS
    assert {name: WRITTEN.get(name) for name in unknown} == {}


def test_no_name_is_told_that_nobody_writes():
    made_of = {name for name in NOT_FOR_PARTNERS if name.startswith("bank_change_")}
    assert set(TOLD) - all_names() == set()
    assert NOT_FOR_PARTNERS - all_names() - made_of == set()


def test_a_name_is_told_or_not():
    assert set(TOLD) & NOT_FOR_PARTNERS == set()


def test_every_kind_that_is_told_of_is_charted_and_known():
    kinds = {told.kind for several in TOLD.values() for told in several}
    assert kinds == set(KINDS)
    assert kinds <= set(CHART)
    for name, kind in KINDS.items():
        assert (kind.__module__.split(".")[1], kind.__name__) == tuple(name.split("."))


@pytest.mark.rule("F27")
def test_money_is_for_accounting_admins_and_work_for_all():
    everyone_may = {
        told.type
        for several in TOLD.values()
        for told in several
        if not told.is_money and told.kind.partition(".")[0] not in {"service", "invoicing"}
    }
    assert everyone_may == {
        "organisation.contact_changed",
        "scorecard.recorded",
        "opt_in.asked",
        "opt_in.granted",
        "opt_in.declined",
    }


@pytest.mark.parametrize(
    ("type_", "wanted", "is_wanted"),
    [
        pytest.param("invoice.paid", (), True, id="no words ask for all"),
        pytest.param("invoice.paid", ("invoice.paid",), True, id="the type"),
        pytest.param("invoice.paid", ("invoice.*",), True, id="all of the thing"),
        pytest.param("invoice.paid", ("invoice.approved",), False, id="another type"),
        pytest.param("invoice.paid", ("work_order.*",), False, id="all of another thing"),
    ],
)
def test_what_is_asked_for(type_, wanted, is_wanted):
    feed.require_types(wanted)
    assert feed.is_wanted(type_, wanted) is is_wanted


@pytest.mark.parametrize(
    "word", ["", "*", "invoice", "invoice.", "*.paid", "invoice.p*", "Invoice.*"]
)
def test_a_word_that_is_no_type_is_refused(word):
    with pytest.raises(BadInput, match="is no type of event"):
        feed.require_types([word])


# ---------------------------------------------------------------------- events
NOON = datetime(2026, 6, 8, 12, 0, 0, 999_999, tzinfo=UTC)


def an_event(**changes) -> ToldEvent:
    given = {
        "id": feed.event_key("P-1", 7),
        "partner_id": "P-1",
        "number": 7,
        "type": "work_order.offered",
        "at": NOON,
        "told_at": NOON,
        "expires_at": feed.expires_at(NOON),
        "thing": "work_order",
        "thing_id": "WO-1",
        "mode": "live",
    }
    return ToldEvent(**{**given, **changes})


def test_a_payload_holds_ids_and_types_and_nothing_else():
    payload = an_event().payload()
    assert payload == {
        "id": payload["id"],
        "type": "work_order.offered",
        "timestamp": "2026-06-08T12:00:00Z",
        "mode": "live",
        "data": {"kind": "work_order", "id": "WO-1"},
    }


def test_ids_of_two_partners_differ_and_tell_their_number():
    ids = [an_event(partner_id=one).public_id for one in ("P-1", "P-2")]
    assert len(set(ids)) == 2
    assert [feed.number_of(one) for one in ids] == [7, 7]


@pytest.mark.parametrize("word", ["", "EVT", "EVT-A", "EVT-1-x", "EVT-1-²", "EVT-1-" + "9" * 13])
def test_what_is_no_id_of_an_event_has_no_number(word):
    assert feed.number_of(word) is None


@pytest.mark.rule("WH-01")
def test_the_head_knows_where_the_last_thirty_days_begin():
    head, first_of = FeedHead("P-1"), {}
    for day in range(0, 80, 2):
        for _ in range(3):
            head = feed.moved_on(head, NOON + timedelta(days=day))
            first_of.setdefault(day, head.last)
    at = NOON + timedelta(days=79)
    assert head.last == 120
    assert len(head.days) <= 32
    # Day 49 is the oldest of which something may still be kept; day 50 is the first with any.
    assert feed.before_the_oldest(head, at) == first_of[50] - 1
    assert feed.before_the_oldest(head, at + timedelta(days=60)) == head.last
    assert feed.before_the_oldest(FeedHead("P-2"), at) == 0
