"""Partners, work orders and endpoints in memory, for tests of feeds and webhooks."""

from dataclasses import replace
from datetime import UTC, date, datetime

from cloud.adapters.memory import MemoryRecords
from cloud.funding.models import FundingRun, RunState
from cloud.funding.schedule import DateSource
from cloud.kernel.change import Change, Save
from cloud.kernel.money import ZERO
from cloud.kernel.secret import Sealed
from cloud.local.demo import cast
from cloud.portfolio.models import ApiClient, Partner
from cloud.reporting.feed import ToldEvent
from cloud.reporting.telling import FeedPage, read_feed
from cloud.reporting.webhooks import SigningSecret, WebhookBook, WebhookEndpoint
from cloud.service.models import Assignment, WorkOrder, WorkOrderState
from cloud.service.offer import AssignmentState

MONDAY = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
URL = "https://hooks.partner.example/sunreeve"


def a_partner(partner_id: str) -> Partner:
    return replace(cast.PARTNERS[0], id=partner_id, service_email=f"{partner_id}@p.example")


class Backwards:
    """A vault whose seal anybody can break, but which keeps one endpoint apart from another."""

    def seal(self, plain, *, context):
        return f"{context['record']}/{context['last4']}:{plain[::-1]}"

    def open(self, sealed, *, context):
        about, _, text = sealed.rpartition(":")
        assert about == f"{context['record']}/{context['last4']}"
        return text[::-1]


class World:
    """Records in memory, with partners in them."""

    def __init__(self, *partner_ids: str) -> None:
        self.records = MemoryRecords()
        self.save(*(a_partner(one) for one in partner_ids))
        self.save(*(ApiClient("client", one) for one in partner_ids[:1]))

    def save(self, *records) -> None:
        for record in records:
            self.records.commit(Change(saves=(Save(record),)))

    def save_again(self, stored, record) -> None:
        self.records.commit(Change(saves=(stored.replaced_by(record),)))

    def assignment(self, partner_id, offered_at, **changes) -> Assignment:
        letter_id = f"LTR-{partner_id}"
        given = {"state": AssignmentState.OFFERED, "letter_id": letter_id, **changes}
        return Assignment(partner_id, offered_at=offered_at, **given)

    def order(self, number, *assignments) -> WorkOrder:
        order = WorkOrder(
            id=number,
            case_id="CASE-1",
            site_id="SITE-1",
            spc_id="spc",
            partner_id=assignments[-1].partner_id,
            original_installer_id="P-Z",
            state=WorkOrderState.OFFERED,
            scope=(),
            instructions="look",
            time_zone="America/Denver",
            policy_day=date(2026, 6, 8),
            issued_at=MONDAY,
            spend_limit=ZERO,
            not_to_exceed=ZERO,
            assignments=assignments,
        )
        self.save(order)
        return order

    def funding_run(self, run_id) -> FundingRun:
        day = date(2026, 6, 9)
        run = FundingRun(
            run_id,
            "comfort",
            day,
            day,
            next(iter(DateSource)),
            MONDAY,
            MONDAY,
            RunState.SENT,
            (),
            "",
            ZERO,
            ZERO,
            (),
            "x",
            MONDAY,
        )
        self.save(run)
        return run

    def endpoint(self, partner_id, endpoint_id, *, plain="whsec_c2VjcmV0", **changes):
        bare = Sealed("", f"WebhookEndpoint#{endpoint_id}", plain[-4:])
        context = {"record": bare.context, "last4": bare.last4}
        sealed = replace(bare, text=Backwards().seal(plain, context=context))
        given = {
            "id": endpoint_id,
            "partner_id": partner_id,
            "client_id": "client",
            "url": URL,
            "types": (),
            "secrets": (SigningSecret(sealed),),
            "made_at": MONDAY,
        }
        made = WebhookEndpoint(**{**given, **changes})
        book = self.records.load(WebhookBook, partner_id)
        ids = (*(book.record.endpoint_ids if book else ()), endpoint_id)
        listed = WebhookBook(partner_id, ids)
        save = book.replaced_by(listed) if book else Save(listed)
        self.records.commit(Change(saves=(Save(made), save)))
        return made

    def page(self, partner_id, *, after=None, limit=100, types=(), at=MONDAY, **with_) -> FeedPage:
        with_money = with_.get("with_money", False)
        return read_feed(
            self.records,
            partner_id=partner_id,
            after=after,
            limit=limit,
            types=types,
            with_money=with_money,
            at=at,
        )

    def feed(self, partner_id, *, with_money=False) -> list[ToldEvent]:
        return list(self.page(partner_id, with_money=with_money).events)
