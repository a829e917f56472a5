"""A body for each route that takes one, as the description shows it and tests send it."""

from collections.abc import Mapping
from typing import Any

_ORDER = "WO-PRQGKE9W12"
_PHOTO = "evidence/P-ALDER/WO-PRQGKE9W12/UP-4D2N8QX1KC.jpg"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_PICTURE: Mapping[str, Any] = {
    "name": "before.jpg",
    "content_type": "image/jpeg",
    "size_bytes": 48_213,
    "sha256": _DIGEST,
}
_PAPER: Mapping[str, Any] = {**_PICTURE, "name": "w9.pdf", "content_type": "application/pdf"}
_REPORT: Mapping[str, Any] = {
    "form": "pdf",
    "departed_at": "2026-06-09T13:30:00-06:00",
    "as_found": {"notes": "one string makes nothing", "photos": [_PHOTO]},
    "as_departed": {"notes": "both strings make the same", "photos": [_PHOTO]},
    "summary": "replaced a burnt connector of string 2",
    "root_cause": "the connector was defective",
}
_INVOICE: Mapping[str, Any] = {
    "invoice_number": "A-1001",
    "customer_name": "Ash Household",
    "site_address": "1 Ash Lane, Golden CO 80401",
    "work_order_number": _ORDER,
    "service_dates": ["2026-06-09"],
    "description": "replaced a burnt connector of string 2",
    "photo_count": 2,
    "lines": [
        {
            "category": "labor",
            "description": "two hours on the roof",
            "amount_cents": 25_000,
            "performed_at": "2026-06-09T11:00:00-06:00",
        }
    ],
    "total_cents": 25_000,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "POST /v1/work_orders/{number}/accept": {"estimate_cents": 41_250},
    "POST /v1/work_orders/{number}/decline": {"reason": "no crew in that county this week"},
    "POST /v1/work_orders/{number}/contact_attempts": {
        "channel": "phone",
        "outcome": "spoke to the homeowner",
    },
    "POST /v1/work_orders/{number}/schedule": {
        "since": "2026-06-09T10:00:00-06:00",
        "until": "2026-06-09T12:00:00-06:00",
        "technician": "Jo Technician",
    },
    "POST /v1/work_orders/{number}/arrive": {"arrived_at": "2026-06-09T10:05:00-06:00"},
    "POST /v1/work_orders/{number}/depart": {
        "departed_at": "2026-06-09T13:30:00-06:00",
        "is_finished": True,
    },
    "POST /v1/work_orders/{number}/pauses": {
        "reason": "weather",
        "evidence": "lightning warning of the weather service, until the evening",
        "since": "2026-06-09T09:00:00-06:00",
    },
    "POST /v1/work_orders/{number}/resume": {"reason": "weather"},
    "POST /v1/work_orders/{number}/spend_requests": {"amount_cents": 120_000},
    "POST /v1/work_orders/{number}/questions": {"text": "Which roof is string 2 on?"},
    "POST /v1/work_orders/{number}/report/draft": _REPORT,
    "POST /v1/work_orders/{number}/report": _REPORT,
    "POST /v1/uploads": {**_PICTURE, "work_order_number": _ORDER, "purpose": "photo_found"},
    "POST /v1/invoices": _INVOICE,
    "POST /v1/invoices/validate": _INVOICE,
    "POST /v1/invoices/drafts": _INVOICE,
    "POST /v1/disputes": {
        "kind": "finding",
        "work_order_number": _ORDER,
        "says": "the connector came with the module: it was not our workmanship",
    },
    "POST /v1/disputes/{dispute_id}/evidence": {"evidence": [_PHOTO]},
    "POST /v1/disputes/{dispute_id}/escalate": {"to_level": "relationship_manager"},
    "POST /v1/organisation/contact": {"email": "service@alder.example"},
    "POST /v1/organisation/contact/confirm": {"token": "what was mailed to that address"},
    "POST /v1/organisation/opt_in_requests": {"says": "two crews in Jefferson County"},
    "POST /v1/organisation/documents": {**_PAPER, "kind": "w9"},
    "POST /v1/organisation/bank_changes": {
        "routing_number": "091000019",
        "account_number": "100000001",
        "authorization_id": "DOC-3F0B7Z5KQ2",
    },
    "POST /v1/organisation/bank_changes/{change_id}/withdraw": {"reason": "a digit was wrong"},
    "POST /v1/organisation/accounting_admins": {"holder_id": "client-alder"},
    "POST /v1/organisation/accounting_admins/revoke": {"holder_id": "client-alder"},
    "POST /v1/organisation/direct_pay": {"vendor_id": "V-DEALER"},
    "POST /v1/exports": {"report": "payouts", "tab": "queued"},
    "POST /v1/extension_requests/proofs": {**_PAPER, "account_finco_id": "PRJ-ASH"},
    "POST /v1/extension_requests": {
        "account_finco_id": "PRJ-ASH",
        "account_primary_name": "Ash Household",
        "eta_of_pto": "2026-09-15",
        "extension_request_deadline": "2026-08-20",
        "install_submission_date": "2026-05-01",
        "reason": "utility_ahj_delay",
        "proof": _PHOTO,
    },
    "POST /v1/tickets": {"subject": "Payment of 8 June", "question": "Which projects are in it?"},
    "POST /v1/tickets/{ticket_id}/messages": {"text": "We mean the second one of that day."},
    "POST /v1/webhook_endpoints": {
        "url": "https://hooks.alder.example/sunreeve",
        "types": ["work_order.offered", "invoice.*"],
    },
    "POST /v1/webhook_endpoints/{endpoint_id}": {"is_active": False},
    "POST /v1/webhook_endpoints/{endpoint_id}/redeliver": {"since": "2026-06-08T00:00:00-06:00"},
}
"""Method and path -> what is sent."""
