"""Load, decide by a rule, write one change: all that may happen to cases and work orders."""

from cloud.service.process.answers import (
    accept,
    acknowledge,
    decline,
    reassign,
)
from cloud.service.process.cases import (
    advise_customer,
    cancel,
    customer_confirms,
    customer_disagrees,
    emergency_contacts,
    escalate_emergency,
    external_update,
    hand_over,
    remote_fix,
    require_site_visit,
    returned,
)
from cloud.service.process.dispatch import assign, enlist
from cloud.service.process.helping import (
    ask_for_help,
    dismiss_help_request,
    help_requests,
    link_help_request,
    match_help_request,
)
from cloud.service.process.holding import (
    confirm_pause,
    grant_pause,
    pause,
    reject_pause,
    resume,
)
from cloud.service.process.intake import report, take_up
from cloud.service.process.orders import cancel_order, issue, withdraw
from cloud.service.process.questions import answer_question, question
from cloud.service.process.reaching import (
    record_bounce,
    record_delivery,
    record_phone_call,
    resend_offer,
)
from cloud.service.process.reporting import (
    SERIALS_DUE,
    load_draft,
    look_for_serials,
    return_report,
    save_draft,
    settle_serials,
    submit_report,
)
from cloud.service.process.spend import approve_spend, reject_spend, request_spend
from cloud.service.process.uploads import (
    complete_upload,
    link_to,
    load_upload,
    request_upload,
    take_attachment,
)
from cloud.service.process.verifying import CASE_WAKES, record_recovery, wake_case
from cloud.service.process.visits import (
    arrived,
    contact_attempt,
    departed,
    move_visit,
    record_finding,
    schedule_visit,
)
from cloud.service.process.waking import WAKES, wake

__all__ = [
    "CASE_WAKES",
    "SERIALS_DUE",
    "WAKES",
    "accept",
    "acknowledge",
    "advise_customer",
    "answer_question",
    "approve_spend",
    "arrived",
    "ask_for_help",
    "assign",
    "cancel",
    "cancel_order",
    "complete_upload",
    "confirm_pause",
    "contact_attempt",
    "customer_confirms",
    "customer_disagrees",
    "decline",
    "departed",
    "dismiss_help_request",
    "emergency_contacts",
    "enlist",
    "escalate_emergency",
    "external_update",
    "grant_pause",
    "hand_over",
    "help_requests",
    "issue",
    "link_help_request",
    "link_to",
    "load_draft",
    "load_upload",
    "look_for_serials",
    "match_help_request",
    "move_visit",
    "pause",
    "question",
    "reassign",
    "record_bounce",
    "record_delivery",
    "record_finding",
    "record_phone_call",
    "record_recovery",
    "reject_pause",
    "reject_spend",
    "remote_fix",
    "report",
    "request_spend",
    "request_upload",
    "require_site_visit",
    "resend_offer",
    "resume",
    "return_report",
    "returned",
    "save_draft",
    "schedule_visit",
    "settle_serials",
    "submit_report",
    "take_attachment",
    "take_up",
    "wake",
    "wake_case",
    "withdraw",
]
