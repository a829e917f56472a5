"""Routes of mails: what came and went, what waits for a person, and what is held back."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    AMS,
    AUDITOR,
    RECORDS,
    SPC,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.service_shapes import MailCaseIn, ReleaseIn
from cloud.functions.operations_api.shapes import Listed, One, ReasonIn
from cloud.service.models import Mail
from cloud.service.process.filing import file_under_case
from cloud.service.process.mailroom import discard
from cloud.service.process.releasing import ask_release
from cloud.service.process.sending import decide_post, held_post

router = Router()
TAGS = ["Mail"]


@router.get("/ops/mails", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)])
def list_mails(state: str) -> Listed:
    """List the mails in one state, with how each was matched and read (M-75)."""
    return listed(Mail, "state", state)


@router.get(
    "/ops/threads/<thread>/mails",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def list_thread(thread: str) -> Listed:
    """List the mails about one thing: a work order, a case, an invoice (M-75)."""
    return listed(Mail, "thread", thread)


@router.post("/ops/mails/<mail_id>/release", responses=answers(), tags=TAGS, middlewares=[may(SPC)])
def release_mail(mail_id: str, body: ReleaseIn) -> One:
    """Have a mail that was put aside read as one about a work order (M-75)."""
    return shown(
        ask_release(RECORDS, mail_id=mail_id, work_order_id=body.work_order_number, **acting())
    )


@router.post(
    "/ops/mails/<mail_id>/case", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS)]
)
def file_mail(mail_id: str, body: MailCaseIn) -> One:
    """Say that a mail is about a case; somebody answers it there (M-75)."""
    return shown(file_under_case(RECORDS, mail_id=mail_id, case_id=body.case_id, **acting()))


@router.post(
    "/ops/mails/<mail_id>/discard", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS)]
)
def discard_mail(mail_id: str, body: ReasonIn) -> One:
    """Note that a mail needs nothing (M-75)."""
    return shown(discard(RECORDS, mail_id=mail_id, reason=body.reason, **acting()))


@router.get("/ops/post_hold", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)])
def get_hold() -> One:
    """Tell whether letters are held because too many were leaving (M-76)."""
    return shown(held_post(RECORDS))


@router.post("/ops/post_hold/release", responses=answers(), tags=TAGS, middlewares=[may(AMS)])
def release_post() -> One:
    """Let the letters that are held leave (M-76)."""
    return shown(decide_post(RECORDS, is_released=True, **acting()))


@router.post("/ops/post_hold/drop", responses=answers(), tags=TAGS, middlewares=[may(AMS)])
def drop_post() -> One:
    """Drop the letters that are held: they were a mistake (M-76)."""
    return shown(decide_post(RECORDS, is_released=False, **acting()))
