"""Routes of the operations API that name a thing and a part of it: never a part of another's."""

import json
from dataclasses import replace

import pytest

from cloud.kernel.change import Change, Save
from cloud.portfolio.organisation import Technician
from cloud.portfolio.papers import DocumentKind, PartnerDocument
from cloud.service.models import WorkOrder
from tests.cloud.functions.test_operations_api_access import ROUTES

OF_ITSELF = {
    ("POST", "/ops/regions/{region}/weather/{day}"): "a day is of every region",
    ("POST", "/ops/work_orders/{number}/pauses/{place}/confirm"): "a place among its own",
    ("POST", "/ops/work_orders/{number}/pauses/{place}/reject"): "a place among its own",
}
TESTED = {
    ("GET", "/ops/projects/{project_id}/documents/{document_id}/file"),
    ("POST", "/ops/work_orders/{number}/questions/{question_id}"),
}


def test_every_route_with_two_names_is_tested_here():
    two = {(method, path) for method, path, _ in ROUTES if path.count("{") > 1}
    assert two == TESTED | set(OF_ITSELF)


def put(shared, *records):
    shared.records.commit(Change(saves=tuple(Save(one) for one in records)))


def put_technician(shared, partner_id, technician_id, **differs):
    body = {
        "technician_id": technician_id,
        "name": "Tom",
        "certifications": [],
        "is_active": True,
        **differs,
    }
    token = shared.person("ron", "relationship_manager")
    return shared.call("POST", f"/ops/partners/{partner_id}/technicians", body, token=token)


def test_a_partner_s_technician_is_not_changed_under_another_partner(shared):
    mine, other = (one.id for one in shared.new_home().partners)
    name = f"T-{mine}"
    assert put_technician(shared, mine, name).status == 200
    assert put_technician(shared, other, name, is_active=False).status == 404
    assert shared.records.load(Technician, name).record == Technician(name, mine, "Tom")
    changed = put_technician(shared, mine, name, is_active=False)
    assert json.loads(changed.body)["item"]["is_active"] is False


def test_nobody_works_for_a_partner_that_there_is_not(shared):
    assert put_technician(shared, "P-NOBODY", "T-NOBODY").status == 404
    assert shared.records.load(Technician, "T-NOBODY") is None


def test_a_paper_of_another_project_is_absent(shared):
    partner = shared.new_home().partners[0].id
    paper = PartnerDocument(
        f"DOC-{partner}",
        partner,
        DocumentKind.COMPLIANCE,
        "papers/p.pdf",
        recorded_at=shared.now,
        recorded_by="x",
        project_id=f"PRJ-{partner}",
    )
    put(shared, paper)
    token = shared.person("pat", "projects")
    statuses = [
        shared.call("GET", f"/ops/projects/{one}/documents/{paper.id}/file", token=token).status
        for one in (f"PRJ-{partner}", "PRJ-OTHER")
    ]
    assert statuses[0] != 404
    assert statuses[1] == 404


def test_a_question_of_another_work_order_stays_open(shared):
    home = shared.new_home()
    order = shared.offered(home)
    other = shared.offered(shared.new_home())
    for one in (order, other):
        stored = shared.records.load(WorkOrder, one.id)
        asked = replace(stored.record, open_questions=(f"QST-{one.id}",))
        shared.records.commit(Change(saves=(stored.replaced_by(asked),)))
    token = shared.person("sam", "spc")

    def answer(question):
        path = f"/ops/work_orders/{order.id}/questions/{question}"
        return shared.call("POST", path, {"text": "Yes."}, token=token).status

    assert answer(f"QST-{other.id}") in {404, 409}
    assert shared.records.load(WorkOrder, other.id).record.open_questions == (f"QST-{other.id}",)
    assert answer(f"QST-{order.id}") == 200
    with pytest.raises(IndexError):
        _ = shared.records.load(WorkOrder, order.id).record.open_questions[0]
