"""The people of the demo: what partners and the owner's people do, over the API and in order.

None of them remembers anything: at each office hour they look at what the API shows them and do
what there is to do. So they go on by themselves after a restart, and doing a thing twice is asked
for with the same key.
"""

import hashlib
import http.client
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cloud.kernel.calendar import US_BANK, BusinessCalendar, wall_time
from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local.demo.cast import (
    CLIENTS,
    COORDINATOR,
    HOUSEHOLDS,
    LOCAL,
    M1_REACHED_ON,
    PROJECT,
    REPAIRS,
    Repair,
)
from cloud.local.demo.pictures import photo
from cloud.local.homes.street import Street
from cloud.local.issuer import LIFETIME, Issuer

Json = dict[str, Any]

PEOPLE: Mapping[str, str] = {
    COORDINATOR.id: "spc",
    "amy.aftermarket": "ams",
    "pat.projects": "projects",
    "alan.accounts": "accounting",
    "ada.accounting": "accounting_admin",
    "abe.accounting": "accounting_admin",
    "tess.treasury": "treasury",
    "otto.audit": "auditor",
    "ann.admin": "admin",
}
"""The owner's people, each with the one role that the token carries."""

_OFFICE = BusinessCalendar(US_BANK, LOCAL, time(8), time(17))
_VISIT_FROM, _VISIT_UNTIL = time(10), time(12)
_GATEWAYS = {household.site.id: household.site.gateway_id for household in HOUSEHOLDS}


class RefusedByApi(Exception):
    """The API answered with something other than success; the text is its problem document."""


class Api:
    """A connection to the API with one caller's token, asked for anew when it runs out."""

    def __init__(self, port: int, token: Callable[[], str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._token = token

    def get(self, path: str) -> Json:
        """Give what a resource shows."""
        return self._call("GET", path, None, {})

    def post(self, path: str, body: Json, *, key: str) -> Json:
        """Send a command under a key; the same key again is the same command."""
        return self._call("POST", path, body, {"idempotency-key": key})

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _call(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Json:
        sent = {
            "authorization": f"Bearer {self._token()}",
            "content-type": "application/json",
            **headers,
        }
        text = None if body is None else json.dumps(body)
        try:
            status, answer = self._exchange(method, path, text, sent)
        except (ConnectionError, http.client.BadStatusLine):
            # The server hung up on a connection that was idle; a key makes asking again safe.
            self._connection.close()
            status, answer = self._exchange(method, path, text, sent)
        if status >= 300:
            msg = f"{method} {path}: {status} {answer}"
            raise RefusedByApi(msg)
        decoded: Json = json.loads(answer)
        return decoded

    def _exchange(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        if self._connection.sock is None:
            self._connection.connect()
        if self._connection.sock is not None:
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.request(method, path, body, dict(headers))
        response = self._connection.getresponse()
        return response.status, response.read().decode()


def send_form(url: str, fields: Mapping[str, str], content: bytes) -> None:
    """Post a file to a form's address, as a browser does (RFC 7578).

    Raises:
        RefusedByApi: it was not taken.
    """
    line = f"--{hashlib.sha256(content).hexdigest()}"
    parts = [
        f'{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'{line}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = b"".join((*parts, head.encode(), content, f"\r\n{line}--\r\n".encode()))
    to = urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname or "127.0.0.1", to.port, timeout=60)
    try:
        kind = f"multipart/form-data; boundary={line.removeprefix('--')}"
        connection.request("POST", to.path or "/", body, {"content-type": kind})
        response = connection.getresponse()
        answer = response.read().decode()
    finally:
        connection.close()
    if response.status >= 300:
        msg = f"posting a file to {to.path}: {response.status} {answer}"
        raise RefusedByApi(msg)


def next_office_hour(now: datetime, hours: Sequence[time]) -> datetime:
    """Give the next of these times on a business day, strictly after an instant."""
    for day in _OFFICE.business_days_from(now.astimezone(LOCAL).date()):
        for at in hours:
            instant = wall_time(day, at, LOCAL)
            if instant > now:
                return instant
    raise AssertionError  # business days have no end


class PartnerOffice:
    """A partner: takes its work orders, goes there, mends, reports and invoices."""

    hours = (time(9, 10), time(11, 10), time(14, 10))

    def __init__(self, api: Api, street: Street) -> None:
        self._api = api
        self._street = street

    def close(self) -> None:
        """Hang up."""
        self._api.close()

    def next_at(self, now: datetime) -> datetime:
        """Give the next office hour."""
        return next_office_hour(now, self.hours)

    def act(self, now: datetime) -> None:
        """Do one step for each work order that waits for one."""
        steps: Mapping[str, Callable[[Json, datetime], None]] = {
            "offered": self._accept,
            "accepted": self._reach_the_homeowner,
            "scheduling": self._agree_on_a_visit,
            "scheduled": self._go_there,
            "completed": self._send_the_invoice,
        }
        for order in self._api.get("/v1/work_orders")["work_orders"]:
            if order["state"] in steps:
                steps[order["state"]](order, now)

    def _post(self, order: Json, command: str, body: Json) -> None:
        number = order["number"]
        self._api.post(f"/v1/work_orders/{number}/{command}", body, key=f"{number}-{command}")

    def _accept(self, order: Json, _now: datetime) -> None:
        estimate = _repair(order).estimate
        self._post(order, "accept", {"estimate_cents": estimate.cents})

    def _reach_the_homeowner(self, order: Json, _now: datetime) -> None:
        outcome = "spoke to the homeowner; will call back with a time"
        self._post(order, "contact_attempts", {"channel": "phone", "outcome": outcome})

    def _agree_on_a_visit(self, order: Json, now: datetime) -> None:
        tomorrow = now.astimezone(LOCAL).date() + timedelta(days=1)
        day = next(_OFFICE.business_days_from(tomorrow))
        since, until = _visit(day)
        self._post(
            order,
            "schedule",
            {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "technician": "Jo Technician",
            },
        )

    def _go_there(self, order: Json, now: datetime) -> None:
        since, until = map(datetime.fromisoformat, (order["visit_since"], order["visit_until"]))
        if since <= now < until:
            self._street.mend(_GATEWAYS[order["site_id"]], now)
        elif now >= until:
            self._report(order, until, now)

    def _report(self, order: Json, departed_at: datetime, now: datetime) -> None:
        repair = _repair(order)
        found = self._photo(order, "photo_found", repair.as_found, now)
        departed = self._photo(order, "photo_departed", repair.as_departed, now)
        body: Json = {
            "form": "pdf",
            "as_found": {"notes": repair.as_found, "photos": [found]},
            "as_departed": {"notes": repair.as_departed, "photos": [departed]},
            "summary": repair.summary,
            "root_cause": repair.root_cause,
            "departed_at": departed_at.isoformat(),
        }
        if repair.parts is not None:
            old, new = repair.parts
            body["rma"] = {
                "initiated_by": "partner",
                "oem_case_number": "OEM-2026-118",
                "parts": [{"old_serial": old, "new_serial": new}],
            }
        self._post(order, "report", body)

    def _photo(self, order: Json, purpose: str, says: str, now: datetime) -> str:
        """Send a photo as a partner's program does, and give the reference that a report shows."""
        content = photo(says, is_well=purpose == "photo_departed")
        number = order["number"]
        key = f"{number}-{purpose}-{now.isoformat()}"  # a form is good for minutes only
        asked = self._api.post(
            "/v1/uploads",
            {
                "work_order_number": number,
                "purpose": purpose,
                "name": f"{purpose}.jpg",
                "content_type": "image/jpeg",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            },
            key=key,
        )
        upload = asked["upload"]
        if asked["form"] is not None:
            send_form(asked["form"]["url"], asked["form"]["fields"], content)
            path = f"/v1/uploads/{upload['upload_id']}/complete"
            upload = self._api.post(path, {}, key=f"{key}-complete")
        if upload["state"] != "kept":
            msg = f"photo {upload['upload_id']} is not kept: {upload['because']}"
            raise RefusedByApi(msg)
        reference: str = upload["reference"]
        return reference

    def _send_the_invoice(self, order: Json, _now: datetime) -> None:
        if order["invoice_ids"] or order["cause"] == "undetermined":
            return
        repair = _repair(order)
        performed_at = datetime.fromisoformat(order["visit_since"])
        self._api.post(
            "/v1/invoices",
            {
                "invoice_number": f"INV-{order['number'][3:]}",
                "customer_name": order["customer_name"],
                "site_address": order["site_address"],
                "work_order_number": order["number"],
                "service_dates": [performed_at.astimezone(LOCAL).date().isoformat()],
                "description": repair.summary,
                "photo_count": 2,
                "lines": [
                    {
                        "category": category,
                        "description": description,
                        "amount_cents": amount.cents,
                        "performed_at": performed_at.isoformat(),
                    }
                    for category, description, amount in repair.lines
                ],
                "total_cents": sum(amount.cents for _, _, amount in repair.lines),
            },
            key=f"{order['number']}-invoice",
        )


class Operations:
    """The owner's people: coordinator, project office, accounting and treasury, each by a token."""

    hours = (time(8, 30), time(13, 0), time(15, 30))

    def __init__(self, coordinator: Api, projects: Api, accounting: Api, treasury: Api) -> None:
        self._coordinator = coordinator
        self._projects = projects
        self._accounting = accounting
        self._treasury = treasury

    def close(self) -> None:
        """Hang up."""
        for api in (self._coordinator, self._projects, self._accounting, self._treasury):
            api.close()

    def next_at(self, now: datetime) -> datetime:
        """Give the next office hour."""
        return next_office_hour(now, self.hours)

    def act(self, now: datetime) -> None:
        """Decide what waits for a decision."""
        self._approve_spending()
        self._record_causes()
        self._approve_invoices()
        if now.astimezone(LOCAL).date() == M1_REACHED_ON:
            self._projects.post(
                f"/ops/projects/{PROJECT.id}/milestones", {"milestone": "M1"}, key="m1"
            )
        self._settle_runs(now.astimezone(LOCAL).date())
        self._send_files()
        self._approve_runs()

    def _approve_spending(self) -> None:
        for order in self._coordinator.get("/ops/work_orders?task=approve_spend")["items"]:
            asked = order["assignments"][-1]["estimate"]["cents"]
            self._coordinator.post(
                f"/ops/work_orders/{order['id']}/spend_approvals",
                {"max_total_cents": asked},
                key=f"{order['id']}-spend",
            )

    def _record_causes(self) -> None:
        for order in self._coordinator.get("/ops/work_orders?task=record_finding")["items"]:
            self._coordinator.post(
                f"/ops/work_orders/{order['id']}/finding",
                {"cause": "product_failure", "evidence": "service report and photos"},
                key=f"{order['id']}-finding",
            )

    def _approve_invoices(self) -> None:
        for invoice in self._coordinator.get("/ops/invoices?state=submitted")["items"]:
            self._coordinator.post(
                f"/ops/invoices/{invoice['id']}/approve", {}, key=f"{invoice['id']}-approve"
            )

    def _approve_runs(self) -> None:
        for run in self._accounting.get("/ops/runs?state=preview")["items"]:
            if not run["gross"]["cents"]:
                continue  # nobody has to approve nothing
            self._accounting.post(
                f"/ops/runs/{run['id']}/approve",
                {"plans_hash": run["plans_hash"]},
                key=f"{run['id']}-approve",
            )

    def _send_files(self) -> None:
        for run in self._treasury.get("/ops/runs?state=filed")["items"]:
            if run["file_reference"]:
                self._treasury.post(f"/ops/runs/{run['id']}/send", {}, key=f"{run['id']}-send")

    def _settle_runs(self, today: date) -> None:
        """Say what the bank's statement shows, the day after the funding date."""
        for run in self._treasury.get("/ops/runs?state=sent")["items"]:
            if today > date.fromisoformat(run["funding_date"]):
                self._treasury.post(
                    f"/ops/runs/{run['id']}/settle",
                    {"statement_cents": run["net"]["cents"]},
                    key=f"{run['id']}-settle",
                )


def _repair(order: Json) -> Repair:
    return REPAIRS[order["site_id"]]


def _visit(day: date) -> tuple[datetime, datetime]:
    return (
        wall_time(day, _VISIT_FROM, LOCAL).astimezone(UTC),
        wall_time(day, _VISIT_UNTIL, LOCAL).astimezone(UTC),
    )


class _Token:
    """A caller's access token, asked for anew when half of its life is over."""

    def __init__(self, clock: Clock, ask: Callable[[], str]) -> None:
        self._clock = clock
        self._ask = ask
        self._token = ""
        self._good_until = clock.now()

    def __call__(self) -> str:
        if self._clock.now() >= self._good_until:
            self._token = self._ask()
            self._good_until = self._clock.now() + LIFETIME / 2
        return self._token


def partner_api(port: int, issuer: Issuer, clock: Clock, client_id: str) -> Api:
    """Give a connection with a partner's program's tokens."""
    return Api(port, _Token(clock, partial(issuer.client_token, client_id)))


def person_api(port: int, issuer: Issuer, clock: Clock, username: str, role: str) -> Api:
    """Give a connection with the tokens of one of the owner's people."""
    return Api(port, _Token(clock, partial(issuer.person_token, username, role)))


def token_for(issuer: Issuer, name: str) -> str:
    """Give an access token for a partner's program or one of the owner's people, by name.

    Raises:
        BadInput: nobody is called that.
    """
    if name in PEOPLE:
        return issuer.person_token(name, PEOPLE[name])
    if name in {client.id for client in CLIENTS}:
        return issuer.client_token(name)
    msg = f"nobody here is called {name}: {', '.join([*(c.id for c in CLIENTS), *PEOPLE])} are"
    raise BadInput(msg)


def operations(port: int, issuer: Issuer, clock: Clock) -> Operations:
    """Give the owner's people of the demo."""
    return Operations(
        person_api(port, issuer, clock, COORDINATOR.id, "spc"),
        person_api(port, issuer, clock, "pat.projects", "projects"),
        person_api(port, issuer, clock, "ada.accounting", "accounting_admin"),
        person_api(port, issuer, clock, "tess.treasury", "treasury"),
    )
