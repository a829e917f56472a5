"""Pages and deeds whose path names a thing and a part of it: never a part of another thing."""

from dataclasses import replace

import pytest
from money_office import Office
from money_street import RUN, RUN_AT

from cloud.funding.models import Payable
from cloud.invoicing.models import Dispute, DisputeState, Subject
from cloud.portal.console_views import menu as console
from cloud.portal.partner_views import menu as portal
from cloud.portfolio.models import ApiClient
from cloud.portfolio.organisation import Technician
from tests.cloud.invoicing.invoicing_world import kept_upload
from tests.cloud.portal.orders_world import ALDER, OTHER, OrdersWorld

OF_ITSELF = {
    "/console/work_orders/{order_id}/pauses/{place}/confirm": "a place among the order's own",
    "/console/work_orders/{order_id}/pauses/{place}/reject": "a place among the order's own",
    "/console/runs/{run_id}/partners/{partner_id}": "a partner belongs to no run: see below",
    "/console/runs/{run_id}/partners/{partner_id}/advice": "a partner belongs to no run: see below",
}
"""Paths whose second name is of no other thing, and why."""
PAYABLE = "/console/runs/{run_id}/partners/{partner_id}/payables/{payable_id}/release"
TECHNICIAN = "/console/partners/{partner_id}/technicians/{technician_id}"
PEOPLE = "/console/partners/{partner_id}/people/{holder_id}"
ORDER = "/console/work_orders/{order_id}"
BILL = "/portal/back_bills/disputes/{dispute_id}/files/{upload_id}"
IDS = {
    "run_id": (RUN, RUN),
    "partner_id": ("P-A", "P-Z"),
    "technician_id": ("T-A", "T-Z"),
    "order_id": ("WO-OWN", "WO-NEXT"),
    "dispute_id": ("DSP-OWN", "DSP-NEXT"),
    "upload_id": ("UPL-OWN", "UPL-NEXT"),
    "question_id": ("QST-OWN", "QST-NEXT"),
}
"""Name in a path -> an id, and that of another thing or of its part."""
FIELDS = {"is_active": "1", "answer_QST-OWN": "Yes.", "answer_QST-NEXT": "Yes."}
CASES = [
    pytest.param("POST", PAYABLE, "money", "alan", ("", ""), id="money that waits"),
    pytest.param("GET", TECHNICIAN, "money", "ron", ("T-A", "T-Z"), id="a technician is shown"),
    pytest.param("POST", TECHNICIAN, "money", "ron", ("T-A", "T-Z"), id="a technician is changed"),
    *(
        pytest.param(
            "POST", f"{PEOPLE}/{deed}", "money", who, (f"{one}-A", f"{one}-Z"), id=f"{deed} another"
        )
        for deed, who, one in (
            ("retire", "ron", "bo"),
            ("grant", "amy", "client"),
            ("revoke", "amy", "ada"),
            ("stop", "ron", "client"),
            ("resume", "ron", "client"),
        )
    ),
    pytest.param(
        "GET", f"{ORDER}/files/{{upload_id}}", "orders", "otto", ("", ""), id="a file of an order"
    ),
    pytest.param(
        "POST", f"{ORDER}/questions/{{question_id}}", "orders", "sam", ("", ""), id="a question"
    ),
    pytest.param(
        "GET",
        "/console/disputes/{dispute_id}/evidence/{upload_id}",
        "orders",
        "otto",
        ("", ""),
        id="evidence of a dispute",
    ),
    pytest.param(
        "GET",
        "/portal/work_orders/{order_id}/files/{upload_id}",
        "orders",
        "ines",
        ("", ""),
        id="a file of a partner's own order",
    ),
    pytest.param("GET", BILL, "orders", "ines", ("", ""), id="evidence of a partner's own dispute"),
]
"""Method, path, world, who asks, and the part: the thing's own one and another's."""


def money():
    """Two partners with a technician, people and a program each, and money that waits."""
    world = Office(now=RUN_AT)
    world.owner_person("amy", "admin")
    for one in ("A", "Z"):
        owner = f"P-{one}"
        world.save(Technician(f"T-{one}", owner, f"Tom {one}"))
        world.save(ApiClient(f"client-{one}", owner))
        world.partner_person(f"bo-{one}", owner)
        world.partner_person(f"ada-{one}", owner, is_admin=True)
        world.earns_m1(f"PRJ-{one}", owner)
    (held,) = world.records.find(Payable, by="project_id", value="PRJ-A")
    (others,) = world.records.find(Payable, by="project_id", value="PRJ-Z")
    for one in (held, others):
        world.save(replace(one.record, hold="manual_review"))
    world.planned()
    world.parts = (held.record.id, others.record.id)
    return world


def orders():
    """Two work orders of one partner, each with a file, a question, and a dispute with a file."""
    world = OrdersWorld().until("accepted")
    world.owner_person("otto", "auditor")
    world.owner_person("sam", "spc")
    for which in ("OWN", "NEXT"):
        order = replace(world.order, id=f"WO-{which}", open_questions=(f"QST-{which}",))
        world.put(order)
        reference = kept_upload(world.records, f"UPL-{which}", who=ALDER, work_order=order.id)
        world.put(
            Dispute(
                f"DSP-{which}",
                Subject.BACK_BILL,
                "BB-1",
                order.id,
                ALDER,
                DisputeState.OPEN,
                "spc",
                "We were never called.",
                world.now,
                "ines",
                evidence=(reference,),
            )
        )
    world.parts = ("", "")
    assert OTHER != ALDER
    return world


def asked(world, who, method, path, *, own, part):
    """Ask with the thing's own id, and with the part that is given or its last name's."""
    names = [one.strip("{}") for one in path.split("/") if one[:1] == "{"]
    ids = {name: IDS.get(name, ("", ""))[0] for name in names}
    last = names[-1]
    ids[last] = part or IDS.get(last, world.parts)[0 if own else 1]
    to = path.format(**ids)
    return world.page(who, to) if method == "GET" else world.send(who, to, **FIELDS)


@pytest.mark.parametrize(("method", "path", "where", "who", "parts"), CASES)
def test_a_part_of_another_thing_is_absent_and_stays_as_it_is(method, path, where, who, parts):
    world = {"money": money, "orders": orders}[where]()
    world.signed_in(who, path)
    before, letters = dict(world.records._records), dict(world.records.letters)
    seen = asked(world, who, method, path, own=False, part=parts[1])
    is_refused = seen.status == 303 and "is not open" in world.page(who, seen.to).plain
    assert seen.status in {404, 422} or is_refused, (seen.status, seen.to, seen.plain[:200])
    assert world.records._records == before
    assert world.records.letters == letters


@pytest.mark.parametrize(("method", "path", "where", "who", "parts"), CASES)
def test_its_own_part_is_there(method, path, where, who, parts):
    world = {"money": money, "orders": orders}[where]()
    seen = asked(world, who, method, path, own=True, part=parts[0])
    assert seen.status in {200, 303}, seen.plain[:300]


def test_the_table_holds_every_path_with_two_names():
    known = [*console.views(), *portal.views()]
    two = {(one.method, one.path) for one in known if one.path.count("{") > 1}
    asked_of = {tuple(one.values[:2]) for one in CASES}
    assert {path for method, path in two if (method, path) not in asked_of} == set(OF_ITSELF)
    assert asked_of <= two


@pytest.mark.parametrize("page", ["", "/advice"])
def test_a_partner_that_a_run_does_not_pay_has_no_part_in_it(page):
    world = money()
    assert world.page("ada", f"/console/runs/{RUN}/partners/P-S{page}").status == 404


def test_money_of_the_same_partner_that_waits_in_no_run_is_none_of_this_one():
    world = money()
    world.earns_m1("PRJ-LATER", "P-A")
    (later,) = world.records.find(Payable, by="project_id", value="PRJ-LATER")
    world.save(replace(later.record, hold="manual_review"))
    path = f"/console/runs/{RUN}/partners/P-A/payables/{later.record.id}/release"
    assert world.send("alan", path).status == 404
    assert world.get(Payable, later.record.id).hold == "manual_review"


def test_money_that_was_freed_already_stays_freed():
    world = money()
    path = f"/console/runs/{RUN}/partners/P-A/payables/{world.parts[0]}/release"
    for _ in range(2):
        assert "goes with the next run" in world.told("alan", path).plain
