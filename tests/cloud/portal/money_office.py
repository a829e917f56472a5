"""The owner's people who deal with money, at a door over the runs of `money_street`."""

from money_street import NOW, Street

PEOPLE = {
    "alan": "accounting",
    "ada": "accounting_admin",
    "abe": "accounting_admin",
    "tess": "treasury",
    "otto": "auditor",
    "pat": "projects",
    "ron": "relationship_manager",
    "sam": "spc",
}


class Office(Street):
    """Alan prepares and proposes, Ada and Abe approve, Tess deals with the bank, Otto looks on."""

    def __init__(self, *, now=NOW, **differs) -> None:
        super().__init__(now=now, **differs)
        for name, role in PEOPLE.items():
            self.owner_person(name, role)

    def told(self, name, path, **fields):
        """Send a form and give what the next page says of it."""
        return self.after(name, self.send(name, path, **fields))

    def later(self, at):
        """Move time; after a day everybody signs in again."""
        self.clock.at = at
        self._jars.clear()

    def messages(self, topic):
        return [one for one in self.records.messages.values() if one.topic == topic]
