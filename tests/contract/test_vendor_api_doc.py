"""Walks docs/vendor_api.md as its neighbour walks the partners' page: every answer is the real one.

After a change of the API, a run with ``REWRITE_DOCS=1`` in the environment puts the new ones there.
"""

import os
import re

import pytest

from cloud.functions.partner_api.caller import OF_VENDORS
from cloud.funding.direct_pay import Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.money import Money
from cloud.portfolio.models import ApiClient, Milestone, PlanShare, Project
from cloud.portfolio.process import register
from tests.contract.test_partner_api_doc import ROOT, STARTS_AT, World, rewritten, walk

DOCUMENT = ROOT / "docs/vendor_api.md"
CALLER = "client-dealer"
DEALER = Vendor("V-DEALER", "Cable & Electric", "office@dealer.example")


class VendorWorld(World):
    """The same stack; the partner orders its equipment from a vendor, whose program calls."""

    def _seed(self) -> None:
        super()._seed()
        seeded = {"at": STARTS_AT, "by": "seed"}
        direct_pay.put_vendor(self.records, vendor=DEALER, **seeded)
        register(self.records, ApiClient(CALLER, "", vendor_id=DEALER.id), **seeded)
        direct_pay.enrol_organisation(
            self.records, partner_id="P-ALDER", vendor_id=DEALER.id, **seeded
        )
        for name in ("ASH", "CEDAR"):
            plan = (PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000))
            value = Money(30_000_00)
            made = Project(f"PRJ-{name}", f"SITE-{name}", "P-ALDER", value, plan)
            register(self.records, made, **seeded)
            direct_pay.enrol_new_project(self.records, project_id=made.id, at=STARTS_AT)

    def answer(self, request: str):
        scopes = " ".join(sorted(f"sunreeve/{one}" for one in OF_VENDORS))
        token = self.runtime.issuer.client_token(CALLER, scopes)
        first, _, rest = request.partition("\n")
        answer = super().answer(f"{first}\nAuthorization: Bearer {token}\n{rest}")
        if isinstance(answer.body, dict) and answer.body.get("next_cursor"):  # signed, so any text
            answer.body["next_cursor"] = "the next page's"
        return answer


@pytest.fixture
def world(tmp_path):
    made = VendorWorld(tmp_path)
    yield made
    made.close()


def test_every_answer_a_vendor_gets_is_the_real_one(world):
    text = DOCUMENT.read_text(encoding="utf-8")
    walked = list(walk(text, world))
    if os.environ.get("REWRITE_DOCS"):
        DOCUMENT.write_text(rewritten(text, [(step, real) for _, step, real in walked]))
    assert len(walked) >= 6
    shown = [(one[0].splitlines()[0], one[1][2].rstrip("\n")) for one in walked]
    assert shown == [(request.splitlines()[0], real) for request, _, real in walked]


def test_every_route_of_vendors_is_described():
    code = (ROOT / "cloud/functions/partner_api/vendor.py").read_text("utf-8")
    routes = {
        f"{method.upper()} {path}"
        for method, path in re.findall(r'@router\.(get|post)\("([^"]+)"', code)
    }
    described = re.findall(r"^\| `((?:GET|POST) \S+)` \|", DOCUMENT.read_text("utf-8"), re.M)
    assert len(routes) == 5
    assert routes == set(described)


def test_every_code_of_the_page_is_told_somewhere():
    codes = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", DOCUMENT.read_text("utf-8").split("## Codes")[1])
    folder = ROOT / "cloud/funding/process"
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    told = set(re.findall(r'"([a-z_]+)"', code))
    told |= {f"{what}_{how}" for what in ("order", "shipment") for how in ("in_future", "too_old")}
    assert codes
    assert set(codes) <= told
