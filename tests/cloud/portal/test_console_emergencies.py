"""The console's board of emergencies: who was reached, who answered, what is next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.service import process as service
from cloud.service.models import Case, WorkOrder
from tests.cloud.portal.homes_world import DANGER, Street
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import has_worked, orders
from tests.cloud.service.test_service_process import FINDING

UNSURE = replace(FINDING, dispatchable=False)
PATH = "/console/emergencies"


class Alarm(Street):
    """A street where a home is dangerous."""

    def __init__(self, *, minutes_ago: int = 20, **site: object) -> None:
        super().__init__(**site)
        self.since = NOW - timedelta(minutes=minutes_ago)
        self.found: Case = self.case(DANGER, at=self.since)

    @property
    def order(self) -> WorkOrder:
        return orders(self.records, self.found)[0]

    def mailed(self) -> None:
        letter = self.order.assignments[-1].letter_id
        service.record_delivery(
            self.records, thread=self.order.id, letter_id=letter, delivered_at=self.since
        )

    def board(self, who: str = "sam") -> str:
        return self.world.page(who, PATH).plain


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


def test_nobody_called_yet(alarm):
    alarm.mailed()
    page = alarm.board()
    assert "Call the partner now, and log the call" in page
    assert "Partner Orig" in page
    assert alarm.found.id in page
    assert alarm.order.id in page
    assert "Phoned ✖ Not yet" in page
    assert "Acknowledged ▲ Not yet in 40 min" in page
    assert "Open emergencies 1" in page
    assert "Not acknowledged 1" in page


def test_before_the_mail_arrived_no_minute_runs(alarm):
    assert "the clock starts when the mail arrives" in alarm.board()


def test_a_call_is_logged_and_shown(alarm):
    alarm.mailed()
    sent = alarm.world.send("sam", f"{PATH}/{alarm.order.id}/calls", outcome="voicemail")
    assert "The call is logged" in alarm.world.after("sam", sent).plain
    assert [(one.outcome, one.by) for one in alarm.order.assignments[-1].calls] == [
        ("voicemail", "sam")
    ]
    assert "voicemail by sam" in alarm.board()
    assert "Mailed and called. The answer is awaited" in alarm.board()


def test_a_call_without_an_outcome_is_not_logged(alarm):
    sent = alarm.world.send("sam", f"{PATH}/{alarm.order.id}/calls", outcome="")
    assert "choose what came of the call Rule E-32" in alarm.world.after("sam", sent).plain.replace(
        ". Rule", " Rule"
    )
    assert not alarm.order.assignments[-1].calls


def test_out_of_time_it_goes_to_another_partner():
    alarm = Alarm(minutes_ago=61)
    alarm.mailed()
    assert "offer it to another partner" in alarm.board()
    assert "1 min late" in alarm.board()
    sent = alarm.world.send("sam", f"{PATH}/{alarm.order.id}/reassign")
    assert "offered to the next partner" in alarm.world.after("sam", sent).plain
    assert alarm.order.partner_id == "other"


def test_within_its_time_it_is_not_taken_away(alarm):
    alarm.mailed()
    sent = alarm.world.send("sam", f"{PATH}/{alarm.order.id}/reassign")
    page = alarm.world.after("sam", sent).plain
    assert "Rule" in page
    assert "✖" in page
    assert alarm.order.partner_id == "orig"


def test_an_acknowledged_one_waits_for_its_visit(alarm):
    alarm.mailed()
    service.acknowledge(
        alarm.records, work_order_id=alarm.order.id, partner_id="orig", at=NOW, by="ann"
    )
    assert "See that the visit is agreed" in alarm.board()
    assert "Not acknowledged 0" in alarm.board()


def test_a_mail_that_came_back_is_sent_again(alarm):
    letter = alarm.order.assignments[-1].letter_id
    service.record_bounce(alarm.records, thread=alarm.order.id, letter_id=letter, at=NOW)
    assert "The mail came back" in alarm.board()
    sent = alarm.world.send("sam", f"{PATH}/{alarm.order.id}/resend")
    assert "sent again" in alarm.world.after("sam", sent).plain
    assert alarm.order.assignments[-1].letters_sent == 2


def test_worked_on_it_waits_for_the_proof(alarm):
    has_worked(alarm.records, alarm.found, NOW)
    assert "have to show that it is mended" in alarm.board()


def test_the_support_center_has_it():
    alarm = Alarm(omnidian_onboarded=True)
    assert "The support center leads it" in alarm.board()


def test_no_emergency_is_an_empty_board_that_teaches():
    street = Street()
    page = street.world.page("otto", PATH).plain
    assert "No emergency is open" in page
    assert "Make a case an emergency" not in page


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        pytest.param(
            {"category": "bess_malfunction"}, 422, "only while the grid is out. Rule E-31",
            id="a battery while the grid is up",
        ),
        pytest.param(
            {"category": "bess_malfunction", "is_grid_out": "yes"}, 303, "",
            id="a battery while the grid is out",
        ),
        pytest.param({"category": "roof_leak"}, 303, "", id="a leak, by itself"),
        pytest.param({"category": "other"}, 422, "Say why", id="anything else without a word"),
        pytest.param({"category": "other", "reason": "a smell"}, 303, "", id="with one"),
        pytest.param({"category": "bad luck"}, 422, "Choose what it is", id="no category"),
        pytest.param({}, 422, "Choose what it is", id="nothing chosen"),
    ],
)  # fmt: skip
def test_a_case_is_made_an_emergency_by_a_persons_word(fields, status, says):
    street = Street()
    case = street.case(UNSURE)
    answer = street.world.send("amy", PATH, case_id=case.id, **fields)
    assert answer.status == status
    assert says in answer.plain
    assert street.case_now(case).is_emergency is (status == 303)
    if status == 422 and fields.get("reason"):
        assert fields["reason"] in answer.text


def test_a_case_that_is_not_there_is_told_at_its_field():
    street = Street()
    answer = street.world.send("sam", PATH, case_id="CASE-X", category="roof_leak")
    assert (answer.status, "There is no such case" in answer.plain) == (422, True)


@pytest.mark.parametrize(
    ("path", "may"),
    [
        pytest.param(PATH, {"sam", "amy"}, id="declare"),
        pytest.param(PATH + "/{order}/calls", {"sam"}, id="log a call"),
        pytest.param(PATH + "/{order}/reassign", {"sam"}, id="give on"),
        pytest.param(PATH + "/{order}/resend", {"sam"}, id="send again"),
    ],
)
def test_deeds_are_for_the_roles_of_the_api_only(alarm, path, may):
    for who in ("sam", "amy", "otto", "pat"):
        answer = alarm.world.send(who, path.replace("{order}", alarm.order.id))
        assert (answer.status != 403) == (who in may), who
    assert alarm.world.page("pat", PATH).status == 403
