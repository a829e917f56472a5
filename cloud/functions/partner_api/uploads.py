"""Routes of files: a form to send one with, and a look at what arrived (U-01 to U-08)."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field

from cloud.adapters.api import allowed, answers
from cloud.functions.partner_api.caller import common
from cloud.functions.partner_api.desk import CLOCK, OUTSIDE, RECORDS
from cloud.functions.partner_api.gate import here
from cloud.functions.partner_api.shapes import In, LinkOut, Short
from cloud.service import process
from cloud.service.uploads import Announced, Purpose, Upload

router = Router()
TAGS = ["Uploads"]


class UploadIn(In):
    """A file that is to be sent, just as it will arrive."""

    work_order_number: Short
    purpose: Purpose
    name: Short
    content_type: Short
    size_bytes: Annotated[int, Field(ge=0, le=10**9)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class UploadOut(BaseModel):
    """A file as it stands."""

    upload_id: str
    reference: str
    work_order_number: str
    purpose: str
    name: str
    state: str
    taken_at: str
    code: str
    because: str

    @classmethod
    def of(cls, upload: Upload) -> "UploadOut":
        """Give the file as its sender may see it."""
        return cls(
            upload_id=upload.id,
            reference=upload.reference,
            work_order_number=upload.work_order_id,
            purpose=upload.purpose,
            name=upload.name,
            state=upload.state,
            taken_at=upload.taken_at,
            code=upload.code,
            because=upload.because,
        )


class FormOut(BaseModel):
    """Where the file is posted to, with the fields that come before it."""

    url: str
    fields: dict[str, str]
    until: datetime


class RequestedOut(BaseModel):
    """A file that may be sent now; without a form it is here already."""

    upload: UploadOut
    form: FormOut | None


@router.post("/v1/uploads", responses=answers(), tags=TAGS)
def request_upload(body: UploadIn) -> RequestedOut:
    """Announce a file; the answer is a form that takes just this one (U-01 to U-05)."""
    file = Announced(body.purpose, body.name, body.content_type, body.size_bytes, body.sha256)
    answer = process.request_upload(
        RECORDS,
        OUTSIDE.desk,
        work_order_id=body.work_order_number,
        file=file,
        **common(CLOCK.now()),
    )
    asked = allowed(answer)
    form = asked.form and FormOut(
        url=asked.form.url, fields=dict(asked.form.fields), until=asked.form.until
    )
    return RequestedOut(upload=UploadOut.of(asked.upload), form=form or None)


@router.post("/v1/uploads/<upload_id>/complete", responses=answers(), tags=TAGS)
def complete_upload(upload_id: str) -> UploadOut:
    """Have what arrived looked at; what is kept can be shown in a report (U-03 to U-07)."""
    answer = process.complete_upload(RECORDS, OUTSIDE, upload_id=upload_id, **common(CLOCK.now()))
    return UploadOut.of(allowed(answer))


@router.get("/v1/uploads/<upload_id>", responses=answers(), tags=TAGS)
def get_upload(upload_id: str) -> UploadOut:  # noqa: ARG001 - the gate loaded it
    """Give one file as it stands."""
    upload: Upload = here()
    return UploadOut.of(upload)


@router.get("/v1/uploads/<upload_id>/link", responses=answers(), tags=TAGS)
def link(upload_id: str) -> LinkOut:  # noqa: ARG001 - the gate loaded it
    """Give an address that shows what was kept, as a download and for some minutes (U-08)."""
    upload: Upload = here()
    return LinkOut(url=allowed(process.link_to(OUTSIDE.desk, upload, at=CLOCK.now())))
