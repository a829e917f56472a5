"""What every store of records must do: in memory, on our engine and on moto."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from importlib import import_module

import pytest
from record_examples import example

from cloud.adapters.chart import CHART, LISTED, charted, listed
from cloud.adapters.codec import Codec, to_shown
from cloud.adapters.tables import OperationsRow
from cloud.invoicing.models import Invoice
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save, Timer
from cloud.kernel.errors import BrokenInvariant, Conflict
from cloud.portfolio.models import ApiClient, Partner, Project, Site
from cloud.service.models import CaseSlot, Coordinator, Mail, MailState, Task, WorkOrder

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
CLIENT = ApiClient("client-1", "P-1")
EVENT = Event("client-1", "client_registered", MONDAY, "rm", causes=("P-1",))
LETTER = Letter("L-1", "a@b.example", "Hello", "Text", "WO-1", MONDAY, {"a.pdf": "reports/a"})
MESSAGE = Message("M-1", "finding", {"site_id": "S-1", "evidence": ["one", 2]}, MONDAY)
MAIL = replace(example(Mail), state=MailState.FILED, at=MONDAY)
TIMER = Timer("T-1", "WO-1", "accept_due", MONDAY + timedelta(days=2))


def test_what_was_committed_is_loaded_with_version_one(kept):
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    stored = kept.records.load(ApiClient, "client-1")
    assert (stored.record, stored.version) == (CLIENT, 1)


def test_what_was_never_written_is_none(kept):
    assert kept.records.load(ApiClient, "client-1") is None


def test_the_same_id_of_another_kind_is_another_record(kept):
    kept.records.commit(Change(saves=(Save(CLIENT), Save(CaseSlot("client-1", "C-1")))))
    assert kept.records.load(ApiClient, "client-1").record == CLIENT
    assert kept.records.load(CaseSlot, "client-1").record == CaseSlot("client-1", "C-1")


def test_each_save_raises_the_version_by_one(kept):
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    for owner in ("P-2", "P-3"):
        stored = kept.records.load(ApiClient, "client-1")
        kept.records.commit(
            Change(saves=(stored.replaced_by(replace(stored.record, partner_id=owner)),))
        )
    stored = kept.records.load(ApiClient, "client-1")
    assert (stored.record.partner_id, stored.version) == ("P-3", 3)


@pytest.mark.parametrize(
    "expected_version",
    [
        pytest.param(NEW, id="new, but it is there"),
        pytest.param(1, id="the version before the stored one"),
        pytest.param(3, id="a version that was never written"),
    ],
)
def test_a_stale_decision_conflicts_and_changes_nothing(kept, expected_version):
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    kept.records.commit(Change(saves=(Save(CLIENT, 1),)))
    stale = Save(replace(CLIENT, partner_id="P-9"), expected_version)
    with pytest.raises(Conflict, match="client-1"):
        kept.records.commit(Change(saves=(stale,)))
    assert kept.records.load(ApiClient, "client-1").record == CLIENT


def test_a_version_of_what_does_not_exist_conflicts(kept):
    with pytest.raises(Conflict, match="client-1"):
        kept.records.commit(Change(saves=(Save(CLIENT, 1),)))


def test_a_change_is_written_whole_or_not_at_all(kept):
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    with pytest.raises(Conflict):
        kept.records.commit(
            Change(
                saves=(Save(ApiClient("client-2", "P-2")), Save(CLIENT, NEW)),
                events=(EVENT,),
                letters=(LETTER,),
                messages=(MESSAGE,),
                timers=(TIMER,),
            )
        )
    assert kept.records.load(ApiClient, "client-2") is None
    assert kept.records.history("client-1") == ()
    assert kept.waiting() == {}


def test_an_empty_change_writes_nothing(kept):
    kept.records.commit(Change())
    assert kept.waiting() == {}


def test_a_record_twice_in_a_change_is_a_broken_invariant(kept):
    with pytest.raises(BrokenInvariant, match="client-1 twice"):
        kept.records.commit(Change(saves=(Save(CLIENT), Save(replace(CLIENT, partner_id="P-2")))))
    assert kept.records.load(ApiClient, "client-1") is None


@pytest.mark.parametrize("count", [100, 101])
def test_a_change_holds_a_hundred_items_and_no_more(kept, count):
    change = Change(saves=tuple(Save(ApiClient(f"c-{place}", "P")) for place in range(count)))
    if count == 100:
        kept.records.commit(change)
        assert len(kept.records.find(ApiClient, by="partner_id", value="P")) == 100
        return
    with pytest.raises(BrokenInvariant, match="101 items"):
        kept.records.commit(change)
    assert kept.records.load(ApiClient, "c-0") is None


# ---------------------------------------------------------------------- found by
def test_found_in_order_of_id_and_no_more_than_asked(kept):
    for name, owner in (("c-2", "P-1"), ("c-10", "P-1"), ("c-1", "P-2"), ("C-3", "P-1")):
        kept.records.commit(Change(saves=(Save(ApiClient(name, owner)),)))
    found = kept.records.find(ApiClient, by="partner_id", value="P-1")
    assert [stored.record.id for stored in found] == ["C-3", "c-10", "c-2"]
    assert [stored.version for stored in found] == [1, 1, 1]


def test_found_by_the_present_value_only(kept):
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    kept.records.commit(Change(saves=(Save(replace(CLIENT, partner_id="P-2"), 1),)))
    assert kept.records.find(ApiClient, by="partner_id", value="P-1") == ()
    assert len(kept.records.find(ApiClient, by="partner_id", value="P-2")) == 1


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_has_no_value_is_found_by_none(kept, nothing):
    order = replace(example(WorkOrder), id="WO-1", partner_id=nothing)
    kept.records.commit(Change(saves=(Save(order),)))
    assert kept.records.load(WorkOrder, "WO-1").record == order
    for value in ("None", "", "WO-1"):
        assert kept.records.find(WorkOrder, by="partner_id", value=value) == ()


@pytest.mark.parametrize(
    ("kind", "by", "value"),
    [
        pytest.param(Partner, "active", "True", id="a yes or no"),
        pytest.param(Site, "utc_offset_hours", "-7", id="a negative number"),
        pytest.param(Project, "site_id", "S=1#2", id="a value with signs of the key"),
    ],
)
def test_found_by_the_text_of_a_value(kept, kind, by, value):
    made = example(kind)
    parsed = {"True": True, "-7": -7}.get(value, value)
    kept.records.commit(Change(saves=(Save(replace(made, id="one", **{by: parsed})),)))
    assert [s.record.id for s in kept.records.find(kind, by=by, value=value)] == ["one"]


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        pytest.param(Site, "customer_name", id="an attribute that is not charted"),
        pytest.param(Coordinator, "id", id="a kind without any"),
        pytest.param(Event, "subject", id="a kind that is not charted"),
    ],
)
def test_finding_by_what_is_not_charted_is_refused(kept, kind, by):
    with pytest.raises(BrokenInvariant, match=f"{kind.__name__} is not charted"):
        kept.records.find(kind, by=by, value="x")


# ---------------------------------------------------------------------- a part of what is found
def leaves(read, limit):
    """Read a list leaf by leaf to its end; give the ids of each."""
    found, after = [], ""
    while True:
        leaf = read(limit=limit, after=after)
        assert len(leaf.found) == len(leaf.places) <= limit
        found.append([stored.record.id for stored in leaf.found])
        if not leaf.has_more:
            return found
        after = leaf.places[-1]


def mails(kept, count, state=MailState.FILED):
    for place in range(count):
        made = replace(MAIL, id=f"MAIL-{place}", at=MONDAY + timedelta(hours=place), state=state)
        kept.records.commit(Change(saves=(Save(made),)))


@pytest.mark.parametrize(
    ("count", "found"),
    [
        pytest.param(0, [[]], id="nothing"),
        pytest.param(2, [["c-0", "c-1"]], id="one leaf, full"),
        pytest.param(5, [["c-0", "c-1"], ["c-2", "c-3"], ["c-4"]], id="three leaves"),
    ],
)
def test_some_are_given_in_order_of_id_leaf_by_leaf(kept, count, found):
    for place in range(count):
        kept.records.commit(Change(saves=(Save(ApiClient(f"c-{place}", "P-1")),)))
    kept.records.commit(Change(saves=(Save(ApiClient("c-1a", "P-2")),)))
    read = partial(kept.records.some, ApiClient, by="partner_id", value="P-1")
    assert leaves(read, 2) == found


def test_a_leaf_goes_on_where_the_last_one_ended_though_it_is_gone(kept):
    for place in range(4):
        kept.records.commit(Change(saves=(Save(ApiClient(f"c-{place}", "P-1")),)))
    read = partial(kept.records.some, ApiClient, by="partner_id", value="P-1", limit=2)
    first = read()
    kept.records.commit(Change(saves=(Save(ApiClient("c-1", "P-2"), 1),)))
    assert [one.record.id for one in read(after=first.places[-1]).found] == ["c-2", "c-3"]


def test_the_latest_come_first_leaf_by_leaf(kept):
    mails(kept, 5)
    read = partial(kept.records.latest, Mail, value=MailState.FILED)
    assert leaves(read, 2) == [["MAIL-4", "MAIL-3"], ["MAIL-2", "MAIL-1"], ["MAIL-0"]]


def test_of_one_instant_none_is_skipped_or_given_twice(kept):
    for name in ("M-a", "M-c", "M-b"):
        kept.records.commit(Change(saves=(Save(replace(MAIL, id=name)),)))
    read = partial(kept.records.latest, Mail, value=MailState.FILED)
    assert leaves(read, 1) == [["M-c"], ["M-b"], ["M-a"]]


def test_what_is_in_another_state_lies_in_another_pile(kept):
    mails(kept, 2)
    moved = replace(MAIL, id="MAIL-1", state=MailState.HELD)
    kept.records.commit(Change(saves=(Save(moved, 1),)))
    read = partial(kept.records.latest, Mail, limit=5)
    assert [one.record.id for one in read(value=MailState.FILED).found] == ["MAIL-0"]
    assert [one.record for one in read(value=MailState.HELD).found] == [moved]


def test_an_invoice_lies_where_it_was_decided_and_before_that_where_it_came(kept):
    made = example(Invoice)
    rows = (
        replace(made, id="INV-1", submitted_at=MONDAY, decided_at=MONDAY + timedelta(days=9)),
        replace(made, id="INV-2", submitted_at=MONDAY + timedelta(days=5), decided_at=None),
    )
    kept.records.commit(Change(saves=tuple(Save(one) for one in rows)))
    found = kept.records.latest(Invoice, value=made.state, limit=9).found
    assert [one.record.id for one in found] == ["INV-1", "INV-2"]


@pytest.mark.parametrize("place", ["x", "0", "\u00e9" * 2_000, "9999", "2026-06-08T13:00:00Z"])
def test_a_place_that_nobody_gave_leads_somewhere_in_the_same_list_or_nowhere(kept, place):
    mails(kept, 2)
    kept.records.commit(Change(saves=(Save(CLIENT),)))
    late = kept.records.latest(Mail, value=MailState.FILED, limit=9, after=place)
    some = kept.records.some(ApiClient, by="partner_id", value="P-1", limit=9, after=place)
    assert {type(one.record) for one in late.found} <= {Mail}
    assert {type(one.record) for one in some.found} <= {ApiClient}


def test_what_is_not_listed_by_time_has_no_latest(kept):
    with pytest.raises(BrokenInvariant, match="ApiClient is not listed by time"):
        kept.records.latest(ApiClient, value="P-1", limit=1)


def test_some_by_what_is_not_charted_is_refused(kept):
    with pytest.raises(BrokenInvariant, match="ApiClient is not charted by id"):
        kept.records.some(ApiClient, by="id", value="x", limit=1)


@pytest.mark.parametrize("name", LISTED)
def test_what_is_listed_has_a_state_and_an_instant(name):
    stage, kind = name.split(".")
    record = example(getattr(import_module(f"cloud.{stage}.models"), kind))
    value, instant = listed(record)
    assert value == str(record.state)
    assert instant.tzinfo is not None
    assert CHART[name][0] is OperationsRow


# ---------------------------------------------------------------------- the log
def test_the_log_stands_in_order_of_time(kept):
    events = [
        Event("WO-1", f"step_{place}", MONDAY + timedelta(minutes=place), "spc")
        for place in (0, 2, 1)
    ]
    for event in events:
        kept.records.commit(Change(events=(event,)))
    log = kept.records.history("WO-1")
    assert [event.what for event in log] == ["step_0", "step_1", "step_2"]


def test_an_event_of_another_zone_stands_at_its_instant(kept):
    denver = timezone(timedelta(hours=-6))
    late = Event("WO-1", "late", MONDAY, "spc")
    early = Event("WO-1", "early", MONDAY.astimezone(denver) - timedelta(seconds=1), "spc")
    kept.records.commit(Change(events=(late, early)))
    assert [event.what for event in kept.records.history("WO-1")] == ["early", "late"]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one change", "in two changes"])
def test_an_event_told_twice_stands_once(kept, at_once):
    changes = [(EVENT, EVENT)] if at_once else [(EVENT,), (EVENT,)]
    for events in changes:
        kept.records.commit(Change(events=events))
    assert kept.records.history("client-1") == (EVENT,)


def test_two_events_of_one_instant_both_stand(kept):
    other = replace(EVENT, what="client_blessed")
    kept.records.commit(Change(events=(EVENT, other)))
    assert set(kept.records.history("client-1")) == {EVENT, other}


def test_the_log_of_another_subject_is_not_seen(kept):
    kept.records.commit(Change(events=(EVENT,)))
    assert kept.records.history("client") == ()


# ---------------------------------------------------------------------- what leaves
@pytest.mark.parametrize(
    "twice",
    [
        pytest.param([Change(letters=(LETTER,)), Change(letters=(LETTER,))], id="a letter"),
        pytest.param([Change(messages=(MESSAGE,)), Change(messages=(MESSAGE,))], id="a message"),
        pytest.param([Change(letters=(LETTER, LETTER))], id="a letter in one change"),
        pytest.param([Change(messages=(MESSAGE,)) + Change(messages=(MESSAGE,))], id="added up"),
    ],
)
def test_what_leaves_is_kept_once(kept, twice):
    for change in twice:
        kept.records.commit(change)
    assert len(kept.waiting()) == 1


def test_a_letter_that_is_there_already_does_not_hold_up_the_rest(kept):
    kept.records.commit(Change(letters=(LETTER,)))
    kept.records.commit(
        Change(saves=(Save(CLIENT),), letters=(replace(LETTER, text="New"),), messages=(MESSAGE,))
    )
    assert kept.records.load(ApiClient, "client-1").version == 1
    assert set(kept.waiting()) == {"L-1", "M-1"}


def test_a_letter_and_a_message_of_one_id_are_two_things(kept):
    kept.records.commit(Change(letters=(replace(LETTER, id="X"),)))
    kept.records.commit(Change(messages=(replace(MESSAGE, id="X"),)))
    assert kept.kinds() == ["Letter", "Message"]


def test_a_stale_change_with_a_known_letter_conflicts(kept):
    kept.records.commit(Change(saves=(Save(CLIENT),), letters=(LETTER,)))
    with pytest.raises(Conflict):
        kept.records.commit(Change(saves=(Save(CLIENT),), letters=(LETTER,), timers=(TIMER,)))
    assert set(kept.waiting()) == {"L-1"}


# ---------------------------------------------------------------------- timers
def test_a_timer_set_again_moves(kept):
    later = replace(TIMER, due_at=TIMER.due_at + timedelta(days=1))
    kept.records.commit(Change(timers=(TIMER,)))
    kept.records.commit(Change(timers=(later,)))
    assert kept.due_of("T-1") == later.due_at
    assert len(kept.waiting()) == 1


def test_of_a_timer_set_twice_in_a_change_the_last_stands(kept):
    later = replace(TIMER, due_at=TIMER.due_at + timedelta(days=1))
    kept.records.commit(Change(timers=(TIMER,)) + Change(timers=(later,)))
    assert kept.due_of("T-1") == later.due_at


def test_a_cancelled_timer_is_gone(kept):
    kept.records.commit(Change(timers=(TIMER, replace(TIMER, id="T-2"))))
    kept.records.commit(Change(cancelled_timers=("T-1", "T-1", "never set")))
    assert set(kept.waiting()) == {"T-2"}


def test_a_timer_that_is_cancelled_and_set_in_one_change_is_set(kept):
    kept.records.commit(Change(timers=(TIMER,)))
    moved = replace(TIMER, due_at=TIMER.due_at + timedelta(hours=1))
    kept.records.commit(Change(cancelled_timers=("T-1",), timers=(moved,)))
    assert kept.due_of("T-1") == moved.due_at


# ---------------------------------------------------------------------- every record
ELSEWHERE = {
    "telemetry.LateWindows": "late",
    "telemetry.GatewayConfiguration": "configuring",
    "telemetry.GatewayPresence": "watching",
    "portfolio.Technician": "organisation",
    "portfolio.Proposal": "proposals",
    "portfolio.PartnerDocument": "papers",
    "portfolio.PartnerPerson": "papers",
    "portfolio.RoleHolders": "papers",
    "portfolio.BankChange": "papers",
    "portfolio.RelationshipManager": "organisation",
    "portfolio.ServiceContact": "organisation",
    "portfolio.OptInRequest": "organisation",
    "portfolio.SiteWarranties": "organisation",
    "portfolio.Equipment": "organisation",
    "portfolio.DeviceSerial": "devices",
    "portfolio.ClaimCertificate": "devices",
    "portfolio.ProvisionHour": "devices",
    "funding.WarrantyPrices": "warranty",
    "funding.OverdueFile": "overdue",
    "funding.Dunning": "dunning",
    "service.Upload": "uploads",
    "service.UploadRoom": "uploads",
    "funding.ExportOrder": "exports",
    "funding.DirectPay": "direct_pay",
    "funding.Vendor": "direct_pay",
    "funding.ExtensionRequest": "extension",
    "funding.ExtensionExposure": "extension",
    "funding.PublishedDay": "published",
    "funding.Ticket": "tickets",
    "reporting.ReportSchedule": "schedules",
    "reporting.ToldEvent": "feed",
    "reporting.FeedHead": "feed",
    "reporting.Telling": "feed",
    "reporting.WebhookBook": "webhooks",
    "reporting.WebhookEndpoint": "webhooks",
    "reporting.EndpointHealth": "webhooks",
    "reporting.Delivery": "webhooks",
}
"""Kinds that stand beside their own rules and not among the models of their stage."""


def kind_of(name):
    stage, _, class_name = name.partition(".")
    module = import_module(f"cloud.{stage}.{ELSEWHERE.get(name, 'models')}")
    return getattr(module, class_name)


def test_the_chart_names_each_kind_as_it_is_and_no_two_alike():
    for name in CHART:
        assert charted(kind_of(name)) == name
    assert len({name.partition(".")[2] for name in CHART}) == len(CHART)


@pytest.mark.parametrize("kind", [kind_of(name) for name in CHART], ids=lambda kind: kind.__name__)
def test_every_record_comes_back_as_it_was(kind):
    made = example(kind)
    codec = Codec(Backwards())
    text = codec.to_text(made, about="here")
    assert codec.from_text(kind, text, about="here") == made
    assert codec.to_text(codec.from_text(kind, text, about="here"), about="here") == text


class Backwards:
    """A vault whose seal anybody can break, but which keeps a context apart from another."""

    def seal(self, plain, *, context):
        return f"{context['record']}/{context['last4']}:{plain[::-1]}"

    def open(self, sealed, *, context):
        context_of, _, text = sealed.partition(":")
        if context_of != f"{context['record']}/{context['last4']}":
            raise BrokenInvariant("it belongs elsewhere")
        return text[::-1]


# ---------------------------------------------------------------------- what waits for a person
def test_what_waits_is_found_whatever_it_is_until_it_waits_no_more(kept):
    mail = replace(example(Mail), id="M-1", state=MailState.FOR_A_PERSON)
    task = replace(example(WorkOrder), id="WO-1", task=Task.CHASE_PARTNER)
    idle = replace(example(WorkOrder), id="WO-2", task=None)
    kept.records.commit(Change(saves=(Save(task), Save(mail), Save(idle))))
    both = (Mail, WorkOrder)
    assert [one.record for one in kept.records.waiting(both)] == [mail, task]
    assert [one.record for one in kept.records.waiting((Mail,))] == [mail]
    assert kept.records.waiting(()) == ()
    stored = kept.records.load(Mail, "M-1")
    filed = replace(mail, state=MailState.FILED)
    kept.records.commit(Change(saves=(stored.replaced_by(filed),)))
    assert [(one.record, one.version) for one in kept.records.waiting(both)] == [(task, 1)]


def test_what_waits_for_a_person_is_nothing_that_is_due(kept):
    task = replace(example(WorkOrder), id="WO-1", task=Task.CHASE_PARTNER)
    kept.records.commit(Change(saves=(Save(task),), letters=(LETTER,), timers=(TIMER,)))
    assert [one.record for one in kept.records.waiting((WorkOrder,))] == [task]


# ---------------------------------------------------------------------- secrets
def test_a_secret_lies_sealed_and_opens_only_with_the_key(kept):
    partner = replace(example(Partner), id="one")
    kept.records.commit(Change(saves=(Save(partner),)))
    assert kept.records.load(Partner, "one").record.account_number.value == "000123456787"


def test_without_the_key_a_secret_is_locked_and_is_kept_as_it_lay():
    partner = example(Partner)
    text = Codec(Backwards()).to_text(partner, about="Partner#one")
    assert "000123456787" not in text
    locked = Codec().from_text(Partner, text, about="Partner#one")
    assert locked.account_number.is_locked
    assert locked.account_number.last4 == "6787"
    with pytest.raises(BrokenInvariant, match="locked"):
        _ = locked.account_number.value
    assert Codec().to_text(locked, about="Partner#one") == text
    renamed = replace(locked, name="Other")
    again = Codec(Backwards()).from_text(
        Partner, Codec().to_text(renamed, about="Partner#one"), about="Partner#one"
    )
    assert again == replace(partner, name="Other")


def test_without_the_key_nothing_new_is_stored_and_nothing_is_moved():
    with pytest.raises(BrokenInvariant, match="the key to seal it is not here"):
        Codec().to_text(example(Partner), about="Partner#one")
    text = Codec(Backwards()).to_text(example(Partner), about="Partner#one")
    locked = Codec().from_text(Partner, text, about="Partner#one")
    with pytest.raises(BrokenInvariant, match="the key to seal it is not here"):
        Codec().to_text(locked, about="Partner#two")
    with pytest.raises(BrokenInvariant, match="locked"):
        Codec(Backwards()).to_text(locked, about="Partner#two")


def test_with_the_key_a_secret_that_is_copied_is_sealed_for_its_new_place():
    codec = Codec(Backwards())
    loaded = codec.from_text(
        Partner, codec.to_text(example(Partner), about="Partner#one"), about="Partner#one"
    )
    moved = codec.to_text(loaded, about="Partner#two")
    assert codec.from_text(Partner, moved, about="Partner#two") == loaded


def test_the_digits_that_are_shown_are_those_of_the_number():
    codec = Codec(Backwards())
    content = json.loads(codec.to_text(example(Partner), about="x"))
    content["account_number"]["last4"] = "0000"
    with pytest.raises(BrokenInvariant):
        codec.from_text(Partner, json.dumps(content), about="x")


def test_a_secret_of_the_first_shape_is_still_read():
    text = Codec(Backwards()).to_text(example(Partner), about="x")
    content = json.loads(text)
    content["account_number"] = {"value": "000123456787"}
    found = Codec().from_text(Partner, json.dumps(content), about="x", shape=1)
    assert found.account_number.value == "000123456787"
    with pytest.raises(BrokenInvariant):  # nobody slips one in clear into a later shape
        Codec(Backwards()).from_text(Partner, json.dumps(content), about="x")


def test_what_is_shown_of_a_secret_is_its_end():
    assert to_shown(example(Partner))["account_number"] == "6787"


def test_every_record_is_kept_and_found_by_all_of_its_chart(kept):
    for name, (_, attributes) in CHART.items():
        kind = kind_of(name)
        made = replace(example(kind), id="one")
        kept.records.commit(Change(saves=(Save(made),)))
        assert kept.records.load(kind, "one").record == made
        for attribute in attributes:
            found = kept.records.find(kind, by=attribute, value=str(getattr(made, attribute)))
            assert [stored.record for stored in found] == [made]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"id": "client-1"}', id="a field is missing"),
        pytest.param('{"id": 1, "partner_id": "P-1"}', id="a field is of another type"),
        pytest.param("[]", id="not an object"),
        pytest.param('{"id": ', id="torn off"),
    ],
)
def test_text_that_holds_no_such_record_is_a_broken_invariant(text):
    with pytest.raises(BrokenInvariant, match="stored ApiClient"):
        Codec().from_text(ApiClient, text)


def test_what_a_change_relies_on_must_not_have_changed(kept):
    project, partner = replace(example(Project), id="one"), replace(example(Partner), id="two")
    kept.records.commit(Change(saves=(Save(project), Save(partner))))
    relied = kept.records.load(Partner, "two")
    stored = kept.records.load(Project, "one")
    after = replace(project, cancelled=not project.cancelled)
    kept.records.commit(Change(saves=(relied.replaced_by(replace(partner, name="Other")),)))
    with pytest.raises(Conflict):
        kept.records.commit(
            Change(saves=(stored.replaced_by(after),), relies_on=(relied.relied_on(),))
        )
    assert kept.records.load(Project, "one") == stored
    now = kept.records.load(Partner, "two")
    kept.records.commit(Change(saves=(stored.replaced_by(after),), relies_on=(now.relied_on(),)))
    assert kept.records.load(Project, "one").record == after
    assert kept.records.load(Partner, "two") == now
