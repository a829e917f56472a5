"""What every stage needs from outside: its records, its documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cloud.kernel.change import Change, Event, Reliance, Save
from cloud.kernel.errors import NotFound

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Stored(Generic[R]):
    """A record as it was loaded: a decision made on it is written only if it still stands."""

    record: R
    version: int

    def replaced_by(self, record: R) -> Save:
        """Give the save that puts a new state in the place of this one."""
        return Save(record, self.version)

    def relied_on(self) -> Reliance:
        """Give the condition that this record stays as it is until the change is written."""
        return Reliance(self.record, self.version)


@dataclass(frozen=True, slots=True)
class Leaf(Generic[R]):
    """A part of a list that may be long.

    Attributes:
        places: where each of the found stands: the list goes on after any of them.
        has_more: more comes after the last one.
    """

    found: tuple[Stored[R], ...]
    places: tuple[str, ...]
    has_more: bool


class Records(Protocol):
    """Keeps the records of all stages: frozen dataclasses with an ``id``."""

    def load(self, kind: type[R], record_id: str) -> Stored[R] | None:
        """Give the record with its version, as of the last committed write, or None."""
        ...

    def load_all(self, kind: type[R], record_ids: Sequence[str]) -> Mapping[str, Stored[R]]:
        """Give many records by their ids, as `load` would; what is not there is left out."""
        ...

    def find(self, kind: type[R], *, by: str, value: str) -> Sequence[Stored[R]]:
        """Give all records of a kind with that value of one charted attribute, in order of id.

        Answers come from an index and may lag behind a write that was just committed.
        """
        ...

    def some(self, kind: type[R], *, by: str, value: str, limit: int, after: str = "") -> Leaf[R]:
        """Give as many of what `find` gives as are asked for, in order of id, and read no more.

        Args:
            kind: of records.
            by: the charted attribute.
            value: that it has.
            limit: how many.
            after: a place of an earlier leaf; empty for the beginning.
        """
        ...

    def latest(self, kind: type[R], *, value: str, limit: int, after: str = "") -> Leaf[R]:
        """Give the latest records of a kind in one state, as many as are asked for.

        Only of kinds whose chart lists them by time; those of one instant in falling order of id.
        Like `find` it may lag. What was written before its kind was listed is found once it is
        written again.

        Args:
            kind: of records.
            value: of the attribute that the kind is listed by.
            limit: how many.
            after: a place of an earlier leaf; empty for the latest. One that no leaf gave is a
                place as well, so that nobody gains by writing one.
        """
        ...

    def commit(self, change: Change) -> None:
        """Write the whole change, or nothing of it.

        A letter, message or event that is there already (same id) is left as it is, so that the
        same change may be offered twice.

        Raises:
            Conflict: a record's stored version is not the expected one, be it written or relied on.
        """
        ...

    def history(self, subject: str) -> Sequence[Event]:
        """Give the subject's event log in order of time."""
        ...


class Documents(Protocol):
    """Keeps files: reports, photos, bank files, what was quarantined."""

    def put(self, reference: str, content: bytes, content_type: str) -> str:
        """Keep the content under the reference and give the reference back.

        Writing the same content again changes nothing.

        Raises:
            Conflict: other content is kept under that reference already.
        """
        ...

    def get(self, reference: str) -> bytes:
        """Give the content.

        Raises:
            NotFound: nothing is kept under that reference.
        """
        ...


def require(found: Stored[R] | None, what: str, record_id: str) -> Stored[R]:
    """Give what was found.

    Raises:
        NotFound: it was not; the message names the thing.
    """
    if found is None:
        msg = f"{what} {record_id} is not known here: check the id"
        raise NotFound(msg)
    return found
