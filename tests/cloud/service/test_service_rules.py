from datetime import UTC, date, datetime
from math import pi
from zoneinfo import ZoneInfo

import pytest

from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.service import access, cases, disputes, emergency, mail, offer, report, routing

DAY = date(2026, 6, 1)
EASTERN = ZoneInfo("America/New_York")


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@pytest.mark.rule("E-31")
@pytest.mark.parametrize(
    ("hazard", "outage", "expected"),
    [
        pytest.param("roof_leak", False, True, id="a leak"),
        pytest.param("electrical_hazard", False, True, id="electricity"),
        pytest.param("thermal_event", True, True, id="heat"),
        pytest.param("bess_malfunction", True, True, id="a battery in an outage"),
        pytest.param("bess_malfunction", False, False, id="a battery while the grid is there"),
        pytest.param("low_production", True, False, id="little sun in an outage"),
        pytest.param("", False, False, id="nothing named"),
    ],
)
def test_what_is_an_emergency(hazard, outage, expected):
    assert emergency.is_emergency(hazard, grid_outage=outage, on=DAY) is expected


@pytest.mark.rule("E-32")
@pytest.mark.rule("E-32b")
@pytest.mark.rule("E-33")
@pytest.mark.parametrize(
    ("acknowledged", "declined", "now", "expected"),
    [
        pytest.param(None, False, "2026-11-01T01:30-05:00", False, id="exactly due"),
        pytest.param(None, False, "2026-11-01T01:30:01-05:00", True, id="a second over"),
        pytest.param("2026-11-01T01:20-05:00", False, "2026-11-02T09:00-05:00", False, id="heard"),
        pytest.param("2026-11-01T02:20-05:00", False, "2026-11-02T09:00-05:00", False, id="late"),
        pytest.param(None, True, "2026-11-01T01:35-04:00", True, id="declined at once"),
    ],
)
def test_the_window_is_elapsed_time_over_the_night_the_clocks_go_back(
    acknowledged, declined, now, expected
):
    verdict = emergency.acknowledgement(
        contacted_at=datetime.fromisoformat("2026-11-01T01:30-04:00"),
        minutes=60,
        zone=EASTERN,
        channels=["phone"],
        acknowledged_at=at(acknowledged),
        is_declined=declined,
        now=datetime.fromisoformat(now),
    )
    assert verdict.due_at.isoformat() == "2026-11-01T01:30:00-05:00"
    assert verdict.may_reassign is expected
    assert verdict.has_all_channels is False


def candidate(name, **facts):
    usual = {
        "is_active": True,
        "is_licensed": True,
        "has_opted_in": True,
        "states": frozenset({"NC"}),
        "scopes": frozenset({"electrical"}),
        "certifications": frozenset({"enphase"}),
        "distance_km": 50,
        "max_km": 100,
        "performance": 80,
        "open_work_orders": 2,
        "max_open": 10,
    }
    return routing.Candidate(id=name, **{**usual, **facts})


def routed(*candidates, **facts):
    usual = {
        "state": "NC",
        "scope": frozenset({"electrical"}),
        "manufacturer": "enphase",
        "is_workmanship_suspected": False,
        "is_emergency": False,
        "original_installer_id": "orig",
        "excluded": frozenset(),
    }
    return routing.route(
        routing.Job(**{**usual, **facts}),
        candidates,
        performance_weight=60,
        proximity_weight=40,
        full_proximity=100,
    )


@pytest.mark.rule("R-42")
@pytest.mark.rule("R-45")
@pytest.mark.parametrize(
    ("facts", "passes"),
    [
        pytest.param({}, True, id="fit"),
        pytest.param({"is_active": False}, False, id="inactive"),
        pytest.param({"is_licensed": False}, False, id="unlicensed"),
        pytest.param({"has_opted_in": False}, False, id="own installs only"),
        pytest.param({"states": frozenset({"SC"})}, False, id="another state"),
        pytest.param({"scopes": frozenset({"roof"})}, False, id="other work"),
        pytest.param({"certifications": frozenset()}, False, id="not certified"),
        pytest.param({"distance_km": 100}, True, id="exactly at the end of its range"),
        pytest.param({"distance_km": 100.1}, False, id="just out of range"),
        pytest.param({"distance_km": 0, "max_km": 0}, True, id="next door, with no range at all"),
        pytest.param({"open_work_orders": 9}, True, id="room for one more"),
        pytest.param({"open_work_orders": 10}, False, id="full"),
    ],
)
def test_who_may_be_offered_the_work(facts, passes):
    chosen = routed(candidate("a", **facts))
    assert chosen.assign_to == ("a" if passes else None)
    assert chosen.reason == ("best_score" if passes else "manual_dispatch")
    assert bool(chosen.ranking[0].barred_by) is not passes


@pytest.mark.rule("R-42")
@pytest.mark.rule("R-42b")
@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        pytest.param({"performance": 81}, {}, "a", id="better performance"),
        pytest.param({"distance_km": 49}, {}, "a", id="nearer by a whole point"),
        pytest.param(
            {"distance_km": 50.4, "open_work_orders": 1}, {}, "a", id="the same point of proximity"
        ),
        pytest.param({"open_work_orders": 3}, {}, "b", id="fewer open work orders"),
        pytest.param({}, {}, "a", id="the id, where all is equal"),
    ],
)
def test_the_best_score_wins(one, other, winner):
    assert routed(candidate("b", **other), candidate("a", **one)).assign_to == winner


@pytest.mark.rule("R-43")
@pytest.mark.parametrize(
    ("installer", "facts", "expected"),
    [
        pytest.param(
            {"distance_km": 900, "open_work_orders": 99, "states": frozenset()},
            {"is_workmanship_suspected": True},
            ("orig", "original_installer_first"),
            id="suspected, whatever its load and range",
        ),
        pytest.param(
            {"distance_km": 90},
            {"is_emergency": True},
            ("orig", "original_installer_first"),
            id="emergency",
        ),
        pytest.param(
            {"is_licensed": False},
            {"is_workmanship_suspected": True},
            ("other", "best_score"),
            id="unlicensed",
        ),
        pytest.param(
            {"is_active": False},
            {"is_emergency": True},
            ("other", "nearest_for_emergency"),
            id="inactive in an emergency",
        ),
        pytest.param(
            {},
            {"is_workmanship_suspected": True, "excluded": frozenset({"orig"})},
            ("other", "best_score"),
            id="declined before",
        ),
        pytest.param({}, {"original_installer_id": ""}, ("orig", "best_score"), id="unknown"),
        pytest.param(
            {"has_opted_in": False, "distance_km": 1},
            {},
            ("orig", "best_score"),
            id="its own install needs no opting in",
        ),
    ],
)
def test_the_original_installer_comes_first_where_it_can(installer, facts, expected):
    chosen = routed(
        candidate("orig", **{"performance": 90, **installer}), candidate("other"), **facts
    )
    assert (chosen.assign_to, chosen.reason) == expected
    assert {ranked.partner_id for ranked in chosen.ranking} == {"orig", "other"}


@pytest.mark.rule("R-42")
def test_in_an_emergency_the_nearest_goes_and_the_better_one_among_equals():
    near = candidate("near", distance_km=5, performance=10)
    good = candidate("good", distance_km=5, performance=20)
    far = candidate("far", distance_km=6, performance=100)
    assert routed(near, good, far, is_emergency=True).assign_to == "good"


@pytest.mark.rule("R-42")
def test_the_ranking_says_what_each_place_is_made_of():
    (only,) = routed(candidate("a", distance_km=50.4)).ranking
    assert only == routing.Ranked("a", 60 * 80 + 40 * 50, 50, (), 60 * 80, 40 * 50, 2)
    (next_door,) = routed(candidate("a", distance_km=0, max_km=0)).ranking
    assert next_door.proximity_points == 40 * 100
    (in_town,) = routed(candidate("a", distance_km=0.5, max_km=1)).ranking
    assert in_town.proximity_points == 40 * 50


@pytest.mark.rule("R-42")
@pytest.mark.rule("R-45")
@pytest.mark.rule("Q-79")
def test_a_partner_is_told_every_filter_that_it_fails():
    unfit = candidate(
        "a",
        is_active=False,
        is_licensed=False,
        is_insured=False,
        has_opted_in=False,
        states=frozenset(),
        scopes=frozenset(),
        certifications=frozenset(),
        distance_km=101,
        open_work_orders=11,
    )
    (ranked,) = routed(unfit, excluded=frozenset({"a"})).ranking
    assert ranked.barred_by == (
        "not active",
        "not licensed",
        "not insured",
        "declined or lost this work order",
        "takes only its own installs",
        "does not work in NC",
        "does not do this work",
        "not certified for enphase",
        "too far away",
        "has no capacity",
    )


@pytest.mark.rule("R-42")
def test_work_on_a_system_of_no_named_maker_needs_no_certificate():
    assert routed(candidate("a", certifications=frozenset()), manufacturer="").assign_to == "a"


@pytest.mark.rule("R-42")
@pytest.mark.rule("R-43")
@pytest.mark.parametrize(
    ("facts", "order"),
    [
        pytest.param({}, ["good", "near", "busy", "orig", "full"], id="by score, the barred last"),
        pytest.param(
            {"is_emergency": True, "original_installer_id": "x"},
            ["near", "busy", "good", "orig", "full"],
            id="by distance in an emergency",
        ),
        pytest.param(
            {"is_workmanship_suspected": True},
            ["orig", "good", "near", "busy", "full"],
            id="the installer before all others, which keep their order",
        ),
    ],
)
def test_the_ranking_is_in_the_order_of_the_choice(facts, order):
    chosen = routed(
        candidate("full", open_work_orders=10, distance_km=1, performance=100),
        candidate("orig", performance=1, distance_km=99),
        candidate("busy", distance_km=10, open_work_orders=3),
        candidate("near", distance_km=10),
        candidate("good", performance=95, distance_km=11),
        **facts,
    )
    assert [ranked.partner_id for ranked in chosen.ranking] == order


@pytest.mark.rule("R-42")
def test_in_an_emergency_equals_are_told_apart_by_load_and_then_by_id():
    loaded, b = candidate("a", open_work_orders=3), candidate("b")
    assert routed(loaded, b, is_emergency=True).assign_to == "b"
    assert routed(candidate("c"), b, is_emergency=True).assign_to == "b"


@pytest.mark.parametrize(
    ("here", "there", "share_of_the_circle"),
    [
        pytest.param((0, 10), (90, 10), 1 / 4, id="equator to pole"),
        pytest.param((0, -20), (0, 70), 1 / 4, id="a quarter of the equator"),
        pytest.param((45, 0), (45, 90), 1 / 6, id="a quarter of the way round at 45 degrees"),
        pytest.param((-30, 0), (60, 180), 5 / 12, id="over the pole, from south to north"),
        pytest.param((35, -78), (35, -78), 0, id="nowhere"),
    ],
)
def test_distance_is_along_the_earth(here, there, share_of_the_circle):
    expected = 2 * pi * 6371.0088 * share_of_the_circle
    assert routing.distance_km(here, there) == pytest.approx(expected)


NOON = datetime(2026, 6, 4, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 4, 12, 0, 1, tzinfo=UTC)


@pytest.mark.rule("R-44")
@pytest.mark.rule("I-63")
@pytest.mark.parametrize(
    ("estimate", "due", "when", "state", "late"),
    [
        pytest.param(50_000, NOON, NOON, "accepted", False, id="$500.00, exactly due"),
        pytest.param(50_001, NOON, NOON, "awaiting_spend_approval", False, id="$500.01"),
        pytest.param(0, NOON, LATER, "accepted", True, id="a second late"),
        pytest.param(None, NOON, NOON, "accepted", False, id="no estimate"),
        pytest.param(50_001, NOON, LATER, "awaiting_spend_approval", True, id="late and dear"),
        pytest.param(100, None, LATER, "accepted", False, id="the offer was never delivered"),
    ],
)
def test_an_offer_may_be_accepted_until_it_is_taken_back(estimate, due, when, state, late):
    answer = offer.accept(
        offer.AssignmentState.OFFERED,
        accept_due_at=due,
        at=when,
        estimate=None if estimate is None else Money(estimate),
        spend_limit=Money(50_000),
    )
    assert answer == offer.Answered(offer.AssignmentState(state), is_late=late)


@pytest.mark.rule("R-44")
@pytest.mark.parametrize(
    "state",
    [state for state in offer.AssignmentState if state is not offer.AssignmentState.OFFERED],
)
def test_only_an_open_offer_can_be_answered(state):
    accepted = offer.accept(state, accept_due_at=NOON, at=NOON, estimate=None, spend_limit=Money(1))
    declined = offer.decline(state, accept_due_at=NOON, at=NOON)
    assert isinstance(accepted, Refused)
    assert isinstance(declined, Refused)
    assert (accepted.rule, accepted.code) == (declined.rule, declined.code) == ("R-44", "conflict")
    assert f"stands as {state.replace('_', ' ')} and" in accepted.because


@pytest.mark.rule("R-44")
def test_a_late_refusal_is_a_refusal():
    answer = offer.decline(offer.AssignmentState.OFFERED, accept_due_at=NOON, at=LATER)
    assert answer == offer.Answered(offer.AssignmentState.DECLINED, is_late=True)


GOOD = report.VisitReport(
    form="pdf",
    as_found=report.Condition("offline", ("a.jpg",)),
    as_departed=report.Condition("producing", ("b.jpg",)),
    summary="replaced it",
    root_cause="component failure",
)


def with_rma(initiated_by="owner", parts=(("OLD", "NEW"),), case=""):
    exchanged = tuple(report.ExchangedPart(*pair) for pair in parts)
    return {"rma": report.Rma(initiated_by, exchanged, case)}


@pytest.mark.rule("P-71")
@pytest.mark.rule("P-72")
@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        pytest.param({}, [], id="complete"),
        pytest.param({"form": "fax"}, ["unsupported_form"], id="a fax"),
        pytest.param({"form": "sitecapture"}, [], id="another supported form"),
        pytest.param(
            {"as_found": report.Condition(" ", (" ",))},
            ["as_found_notes_missing", "as_found_photos_missing"],
            id="blank before",
        ),
        pytest.param(
            {"as_departed": report.Condition()},
            ["as_departed_notes_missing", "as_departed_photos_missing"],
            id="nothing after",
        ),
        pytest.param(
            {"summary": "\n", "root_cause": ""}, ["root_cause_missing", "summary_missing"], id="why"
        ),
        pytest.param(with_rma(), [], id="an exchange of the owner's"),
        pytest.param(with_rma(parts=()), ["rma_parts_missing"], id="an exchange of nothing"),
        pytest.param(
            with_rma(parts=(("", "NEW"), ("OLD", " "))),
            ["rma_new_serial_missing", "rma_old_serial_missing"],
            id="one serial missing on each",
        ),
        pytest.param(
            with_rma(parts=(("sn-1 ", "SN-1"),)), ["rma_serials_identical"], id="the same serial"
        ),
        pytest.param(
            with_rma("partner", case=" "),
            ["rma_oem_case_number_missing"],
            id="a partner's exchange",
        ),
        pytest.param(with_rma("partner", case="C-1"), [], id="with the maker's case number"),
    ],
)
def test_what_a_report_lacks(facts, missing):
    fields = {name: getattr(GOOD, name) for name in report.VisitReport.__slots__}
    told = report.VisitReport(**{**fields, **facts})
    assert report.missing_from(told, on=DAY) == tuple(missing)


@pytest.mark.rule("P-70b")
@pytest.mark.parametrize(
    ("kind", "after", "state", "says"),
    [
        pytest.param("fuse", [], "not_asked", "no gateway reads", id="what no gateway reads"),
        pytest.param("inverter", [], "waiting", "has not read N1, N2 yet", id="not heard yet"),
        pytest.param("inverter", ["n1", "n2 "], "confirmed", "reads N1, N2", id="both new ones"),
        pytest.param("inverter", ["n1", "o2", "o1"], "mismatch", "old O1, O2 still", id="the old"),
        pytest.param(
            "battery", ["y", "x"], "mismatch", "reads x, y and not N1, N2", id="strangers"
        ),
    ],
)
def test_what_the_gateway_reads_of_an_exchange_is_told(kind, after, state, says):
    parts = [report.ExchangedPart(f"O{one}", f"N{one}", kind) for one in (1, 2)]
    verdict = report.serial_verdict(parts, before=[], after=after)
    assert verdict.state == state
    assert says in verdict.says


@pytest.mark.rule("M-75")
@pytest.mark.parametrize(
    ("facts", "work_order", "matched_by"),
    [
        pytest.param({"in_reply_to": "<7>"}, "WO-7", "references", id="a reply"),
        pytest.param(
            {"in_reply_to": "<7>", "references": ("<8>",), "subject": "[WO-8]"},
            "WO-7",
            "references",
            id="the reply before references and tag",
        ),
        pytest.param({"references": ("<7>", "<8>")}, "WO-8", "references", id="the newest"),
        pytest.param({"references": ("<7>", "<?>")}, "WO-7", "references", id="the newest known"),
        pytest.param(
            {"in_reply_to": "<9>", "subject": "[WO-7]"},
            "WO-7",
            "subject_tag",
            id="a thread of another partner's is passed over",
        ),
        pytest.param({"subject": "Re: [wo-8] x"}, "WO-8", "subject_tag", id="a tag in small"),
        pytest.param({"subject": "Re: WO-8"}, None, None, id="a number is no tag"),
        pytest.param({"subject": "[WO-9]"}, None, None, id="a tag of another's"),
        pytest.param({"in_reply_to": "<9>"}, None, None, id="only another's thread"),
        pytest.param({}, None, None, id="nothing to match by"),
        pytest.param(
            {"in_reply_to": "<7>", "sender": "SERVICE@Partner.Example"},
            "WO-7",
            "references",
            id="the sender in capitals",
        ),
        pytest.param(
            {"in_reply_to": "<7>", "sender": "Service <service@partner.example>"},
            "WO-7",
            "references",
            id="the sender with a name",
        ),
        pytest.param(
            {"in_reply_to": "<7>", "sender": "service@partner.example <x@evil.example>"},
            None,
            None,
            id="a name that looks like the partner",
        ),
        pytest.param(
            {"in_reply_to": "<7>", "sender": "x@partner.example"}, None, None, id="a stranger"
        ),
        pytest.param({"in_reply_to": "<7>", "sender": ""}, None, None, id="nobody"),
        pytest.param(
            {"in_reply_to": "<7>", "sender": "x@evil.example, service@partner.example"},
            None,
            None,
            id="two senders",
        ),
        pytest.param({"in_reply_to": "<7>", "is_authenticated": False}, None, None, id="forged"),
    ],
)
def test_where_a_mail_is_filed(facts, work_order, matched_by):
    usual = {
        "sender": "service@partner.example",
        "is_authenticated": True,
        "subject": "",
        "in_reply_to": "",
        "references": (),
    }
    found = mail.match(
        mail.IncomingMail(**{**usual, **facts}),
        partner_contacts=["Service@partner.example"],
        known_message_ids={"<7>": "WO-7", "<8>": "WO-8", "<9>": "WO-9"},
        open_work_orders=["WO-7", "WO-8"],
    )
    assert found == mail.MailMatch(work_order, matched_by)


@pytest.mark.rule("M-75")
@pytest.mark.parametrize(
    ("subject", "texts", "sender", "expected"),
    [
        pytest.param("Invoice WO-7", [], "a@p.example", "WO-7", id="in the subject"),
        pytest.param("Invoice", ["see wo-7", "WO-7"], "a@p.example", "WO-7", id="in the papers"),
        pytest.param("WO-7", ["WO-8"], "a@p.example", None, id="two of them"),
        pytest.param("WO-7", ["WO-9"], "a@p.example", "WO-7", id="the other is not theirs"),
        pytest.param("Invoice", [], "a@p.example", None, id="none"),
        pytest.param("WO-7", [], "x@p.example", None, id="a stranger"),
    ],
)
def test_an_invoice_without_a_thread_is_matched_by_the_number(subject, texts, sender, expected):
    found = mail.match_invoice(
        mail.IncomingMail(
            sender, is_authenticated=True, subject=subject, in_reply_to="", references=()
        ),
        partner_contacts=["a@p.example"],
        open_work_orders=["WO-7", "WO-8"],
        texts=texts,
    )
    assert found == mail.MailMatch(expected, "number" if expected else None)


def test_a_thread_has_one_id_in_small_letters_and_twenty_are_read():
    assert mail.thread_id("WO-7AB") == "<wo-7ab@mail.sunreeve.example>"
    named = [f"WO-{number}" for number in range(25)]
    assert mail.named_threads(" ".join(named[:10]), " ".join(named)) == tuple(named[:20])


@pytest.mark.rule("X-86")
@pytest.mark.parametrize(
    ("level", "resolved", "finding", "expected", "credit"),
    [
        pytest.param("spc", False, None, "relationship_manager", 0, id="first to second"),
        pytest.param(
            "relationship_manager", False, None, "partner_agreement", 0, id="second to last"
        ),
        pytest.param("partner_agreement", False, None, "partner_agreement", 0, id="last stays"),
        pytest.param("spc", True, "not_workmanship", None, 5000, id="the partner was right"),
        pytest.param("spc", True, "workmanship", None, 0, id="the partner was wrong"),
        pytest.param("spc", True, None, None, 0, id="settled without a finding"),
        pytest.param(
            "spc", False, "not_workmanship", "relationship_manager", 0, id="found, not settled"
        ),
    ],
)
def test_where_a_dispute_goes(level, resolved, finding, expected, credit):
    step = disputes.next_step(
        level, is_resolved=resolved, finding=finding, posted=Money(5000), on=DAY
    )
    assert step == disputes.DisputeStep(expected, Money(credit))


@pytest.mark.rule("C-15")
def test_the_support_center_owns_what_is_onboarded_with_it():
    assert cases.support_owner(omnidian_onboarded=True, on=DAY) == "omnidian"
    assert cases.support_owner(omnidian_onboarded=False, on=DAY) == "ams"


def test_a_day_is_the_one_where_the_home_stands():
    night = datetime(2026, 6, 2, 3, tzinfo=UTC)
    assert cases.local_day(night, "America/New_York") == date(2026, 6, 1)


@pytest.mark.rule("T-91")
@pytest.mark.parametrize(
    ("method", "caller", "asked", "expected"),
    [
        pytest.param("GET", {}, {}, 200, id="one's own"),
        pytest.param("GET", {}, {"partner_id": "b"}, 404, id="another's"),
        pytest.param("GET", {}, {"mode": "test"}, 404, id="another mode's"),
        pytest.param("GET", {"scopes": ()}, {"partner_id": "b"}, 404, id="another's, no scope"),
        pytest.param("POST", {}, {}, 403, id="writing with leave to read"),
        pytest.param("GET", {"scopes": ("work_order:write",)}, {}, 403, id="leave to write only"),
        pytest.param("head", {}, {}, 200, id="asking whether it is there, in small letters"),
        pytest.param("GET", {}, {"type": "invoice"}, 403, id="leave to read something else"),
        pytest.param("GET", {}, {"assignment_state": "declined"}, 200, id="reading a past one"),
        *(
            pytest.param(
                method,
                {"scopes": ("work_order:write",)},
                {"assignment_state": state},
                409,
                id=f"{method} to a {state} one",
            )
            for method in ("POST", "PATCH")
            for state in ("reassigned", "declined", "expired", "expired_reassigned", "withdrawn")
        ),
        pytest.param(
            "POST",
            {"scopes": ("work_order:write",)},
            {"assignment_state": "accepted"},
            200,
            id="ok",
        ),
        pytest.param(
            "GET", {"is_partner": False, "partner_id": ""}, {}, 200, id="the owner's own people"
        ),
    ],
)
def test_what_a_caller_may_do(method, caller, asked, expected):
    principal = {"partner_id": "a", "is_partner": True, "mode": "live"}
    resource = {"type": "work_order", "partner_id": "a", "mode": "live"}
    status = access.status_of(
        method,
        principal=access.Principal(**{"scopes": ("work_order:read",), **principal, **caller}),
        resource=access.Resource(**{**resource, **asked}),
        on=DAY,
    )
    assert status == expected
