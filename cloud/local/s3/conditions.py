"""What a caller may ask of an object before it is read, written or deleted.

Amazon S3 user guide, "Conditional requests"; the order of the tests is that of RFC 9110, 13.2.2.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cloud.local.s3.errors import (
    invalid,
    no_such_key,
    not_implemented,
    not_modified,
    precondition_failed,
)
from cloud.local.s3.store import Allow, Stored


def anything(_current: Stored | None) -> None:
    """Allow every write."""


def for_write(parameters: Mapping[str, Any]) -> Allow:
    """Give what must hold for a write: nothing is there yet, or a known content is.

    Raises:
        ServiceError: both are asked for, or that a known content is not there.
    """
    unless, only = parameters.get("IfNoneMatch"), parameters.get("IfMatch")
    if unless is not None and only is not None:
        raise invalid("If-Match and If-None-Match cannot both be asked of one write")
    if unless not in {None, "*"}:
        raise not_implemented("If-None-Match of a write with anything but *")

    def allow(current: Stored | None) -> None:
        is_there = current is not None and not current.is_marker
        if unless is not None and is_there:
            raise precondition_failed()
        if only is not None:
            if current is None or current.is_marker:
                raise no_such_key()
            _must_match(current, only)

    return allow


def for_delete(etag: str | None) -> Allow:
    """Give what must hold for a delete ("How to perform conditional deletes")."""

    def allow(current: Stored | None) -> None:
        if etag is None:
            return
        if current is None:
            raise no_such_key()
        if current.is_marker:
            raise precondition_failed()
        _must_match(current, etag)

    return allow


def check_read(current: Stored, parameters: Mapping[str, Any], prefix: str = "") -> None:
    """See that a reader's conditions hold; times are compared by the second, as HTTP tells them.

    Args:
        current: what would be read.
        parameters: of the call, by boto3's names.
        prefix: of the names, `CopySource` for the conditions of a copy.

    Raises:
        ServiceError: they do not; for a read it says "not modified" where that is the reason.
    """
    only, unless = parameters.get(f"{prefix}IfMatch"), parameters.get(f"{prefix}IfNoneMatch")
    before = parameters.get(f"{prefix}IfUnmodifiedSince")
    since = parameters.get(f"{prefix}IfModifiedSince")
    modified_at = current.modified_at.replace(microsecond=0)
    if only is not None:
        _must_match(current, only)
    elif before is not None and modified_at > _moment(before):
        raise precondition_failed()
    is_same = unless is not None and _matches(current.etag, unless)
    is_old = unless is None and since is not None and modified_at <= _moment(since)
    if is_same or is_old:
        raise precondition_failed() if prefix else not_modified()


def _must_match(current: Stored, etags: str) -> None:
    if not _matches(current.etag, etags):
        raise precondition_failed()


def _matches(etag: str, etags: str) -> bool:
    wanted = {one.strip().removeprefix("W/").strip('"') for one in etags.split(",")}
    return "*" in wanted or etag.strip('"') in wanted


def _moment(given: Any) -> datetime:
    if isinstance(given, datetime) and given.tzinfo is not None:
        return given
    raise invalid("a moment of a condition is a datetime with a zone")
