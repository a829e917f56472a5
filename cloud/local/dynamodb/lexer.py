"""Cuts an expression into tokens and keeps the place, so that a refusal can show what was near."""

import re
from dataclasses import dataclass
from itertools import pairwise

from cloud.local.dynamodb.errors import ExpressionError

# AWS, DynamoDB Developer Guide, "Quotas": the maximum length of any expression string.
LONGEST_EXPRESSION = 4096
# Ours, not AWS's: far below what would exhaust Python's stack, far above what a person writes.
DEEPEST_EXPRESSION = 40
# AWS, the same chapter: operators and functions of one expression.
_MOST_OPERATORS = 300
_OPERATOR_WORDS = ("AND", "OR", "NOT", "IN")

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<name>\#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<digits>[0-9]+)|(?P<mark><>|<=|>=|[=<>+\-(),.\[\]])|(?P<wrong>\S))"
)
_END = "<EOF>"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression: its kind (word, name, value, digits, mark, end), text and place."""

    kind: str
    text: str
    start: int
    end: int


class Tokens:
    """The tokens of one expression, taken one after the other.

    Attributes:
        closes: for each opening parenthesis that has been closed, the place of its closing one.
    """

    def __init__(self, text: str) -> None:
        """Cut the text into tokens.

        Raises:
            ExpressionError: the text is empty or too long, or has a character without a meaning.
        """
        if not text.strip():
            raise ExpressionError("The expression can not be empty;")
        if len(text.encode()) > LONGEST_EXPRESSION:
            raise ExpressionError(
                "Expression size has exceeded the maximum allowed size; "
                f"expression size: {len(text.encode())}"
            )
        self._text = text
        self._at = 0
        self._depth = 0
        self.closes: dict[int, int] = {}
        self._tokens = [
            Token(
                str(found.lastgroup),
                found.group(found.lastgroup or 0),
                *found.span(found.lastgroup or 0),
            )
            for found in _TOKEN.finditer(text)
        ]
        self._tokens.append(Token("end", _END, len(text), len(text)))
        for place, token in enumerate(self._tokens):
            if token.kind == "wrong":
                self._at = place
                raise self.unexpected()

    @property
    def place(self) -> int:
        """The number of the token that would be taken."""
        return self._at

    @property
    def next(self) -> Token:
        """The token that would be taken."""
        return self._tokens[self._at]

    def following(self) -> Token:
        """Give the token after the next one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Take the next token; the end is never passed."""
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def is_mark(self, *marks: str) -> bool:
        """Tell whether the next token is one of these marks."""
        token = self._tokens[self._at]
        return token.kind == "mark" and token.text in marks

    def is_word(self, *words: str) -> bool:
        """Tell whether the next token is one of these keywords, in any case."""
        token = self._tokens[self._at]
        return token.kind == "word" and token.text.upper() in words

    def expect(self, mark: str) -> None:
        """Take the mark which must come next.

        Raises:
            ExpressionError: something else comes next.
        """
        if not self.is_mark(mark):
            raise self.unexpected()
        self._at += 1

    def expect_end(self) -> None:
        """Check that nothing is left.

        Raises:
            ExpressionError: something is left.
        """
        if self.next.kind != "end":
            raise self.unexpected()

    def limit_operators(self, *marks: str) -> None:
        """Check that there are at most 300 of the marks, operator words and functions.

        The word BETWEEN is counted by its AND.

        Raises:
            ExpressionError: there are more.
        """
        count = 0
        for token, following in pairwise(self._tokens):
            if token.kind == "word":
                is_function = following.text == "("
                count += is_function or token.text.upper() in _OPERATOR_WORDS
            else:
                count += token.kind == "mark" and token.text in marks
        if count > _MOST_OPERATORS:
            raise ExpressionError(
                f"The expression contains too many operators; operator count: {count}"
            )

    def deeper(self) -> None:
        """Count one more level of nesting.

        Raises:
            ExpressionError: there are too many levels.
        """
        self._depth += 1
        if self._depth > DEEPEST_EXPRESSION:
            raise ExpressionError("The expression is nested too deeply;")

    def shallower(self) -> None:
        """Count one level of nesting less."""
        self._depth -= 1

    def unexpected(self) -> ExpressionError:
        """Make the error for a next token which has no place here."""
        token = self._tokens[self._at]
        first = self._tokens[max(self._at - 1, 0)]
        last = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        near = self._text[first.start : last.end]
        return ExpressionError(f'Syntax error; token: "{token.text}", near: "{near}"')
