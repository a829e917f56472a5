"""What stands behind the question mark of a request, or in a form that was sent."""

from urllib.parse import parse_qs

from cloud.kernel.errors import BadInput

MOST_FIELDS = 50
LARGEST_NUMBER = 1 << 53


class Query:
    """The fields by name; of one that stands twice the last counts."""

    def __init__(self, text: str) -> None:
        """Read the fields.

        Raises:
            BadInput: there are far too many.
        """
        try:
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            msg = f"reading the query: it has more than {MOST_FIELDS} fields"
            raise BadInput(msg) from None
        self.fields = {name: values[-1] for name, values in fields.items()}

    def get(self, name: str) -> str:
        """Give a field; empty when it is not there."""
        return self.fields.get(name, "").strip()

    def number(self, name: str, *, default: int = 0) -> int:
        """Give a field as a whole number that is not negative.

        Raises:
            BadInput: it is not one.
        """
        text = self.get(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            msg = f"reading the query: {name} must be a whole number"
            raise BadInput(msg)
        return min(int(text), LARGEST_NUMBER)
