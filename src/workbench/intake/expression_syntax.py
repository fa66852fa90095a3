"""Parse expressions: tokens, grammar and syntax tree, without columns or engines.

Recursive descent: ``or`` binds less than ``and``, ``and`` less than ``not``, ``not`` less than a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["COMPARISONS", "Column", "Literal", "Node", "SyntaxFault", "names_in", "parse", "terms_of"]

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
MAX_CHARACTERS = 4000
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?(?:\d+(?:\.\d+)?|\.\d+)(?![\w.]))
          |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
          |(?P<sign><=|>=|!=|=|<|>|\(|\)|,)
          |(?P<word>\w+))""",
    re.VERBOSE,
)
_WORDS = {"and", "or", "not", "is", "in", "like", "null", "true", "false"}


@dataclass(frozen=True)
class Column:
    """A column name that has not been looked up yet."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A number (decimal), a text or a truth value, as written."""

    value: Any


@dataclass(frozen=True)
class Node:
    """A test (``=``, ``like``, ``in``, ``null`` ...) or a connective (``and``, ``or``, ``not``)."""

    operator: str
    parts: tuple


class SyntaxFault(Exception):
    """The expression cannot be parsed; the message names the text and its position."""


def parse(expression: str) -> Node:
    """Parse an expression into its tree.

    Raises
    ------
    SyntaxFault
        The unexpected text, and what was expected instead.
    """
    if len(expression) > MAX_CHARACTERS:
        raise SyntaxFault(f"{len(expression)} characters, more than {MAX_CHARACTERS},")
    parser = _Parser(_tokens(expression))
    tree = parser.disjunction()
    if parser.peek()[0] != "end":
        raise SyntaxFault(f"{parser.peek()[1]!r} after the end of the expression")
    return tree


def names_in(node: Any) -> list[str]:
    """List the columns of a tree in order, with repetitions."""
    if isinstance(node, Column):
        return [node.name]
    return [name for part in node.parts for name in names_in(part)] if isinstance(node, Node) else []


def terms_of(expression: str) -> list[str]:
    """Split an expression at every ``and`` outside brackets; other expressions stay whole.

    Examples
    --------
    >>> terms_of("a = 1 and (b = 2 or c = 3) and not d = 'x and y'")
    ['a = 1', '(b = 2 or c = 3)', "not d = 'x and y'"]
    >>> terms_of("a = 1 and b = 2 or c = 3")
    ['a = 1 and b = 2 or c = 3']
    """
    depth, cuts, at = 0, [(0, 0)], 0
    while match := _TOKEN.match(expression, at):
        word, at = (match["sign"] or match["word"] or "").lower(), match.end()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word == "or":
            return [expression]
        if depth == 0 and word == "and":
            cuts.append(match.span("word"))
    ends = [start for start, _ in cuts[1:]] + [len(expression)]
    terms = [expression[begin:end].strip() for (_, begin), end in zip(cuts, ends, strict=True)]
    return terms if all(terms) else [expression]


class _Parser:
    """Recursive descent over the tokens: or < and < not < test."""

    def __init__(self, tokens: list[tuple[str, str]]):
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        kind, text = self.peek()
        if kind in ("sign", "word") and text.lower() in texts:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise SyntaxFault(f"{self._seen()} where {text!r} was expected")

    def _seen(self) -> str:
        kind, text = self.peek()
        return "the end" if kind == "end" else f"{text!r}"

    def disjunction(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SyntaxFault(f"more than {MAX_DEPTH} nested brackets")
        parts = [self.conjunction()]
        while self.take("or"):
            parts.append(self.conjunction())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Node("or", tuple(parts))

    def conjunction(self) -> Node:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else Node("and", tuple(parts))

    def negation(self) -> Node:
        negated = False
        while self.take("not"):
            negated = not negated
        node = self.test()
        return Node("not", (node,)) if negated else node

    def test(self) -> Node:
        if self.take("("):
            node = self.disjunction()
            self.expect(")")
            return node
        left = self.operand()
        if self.take("is"):
            negated = self.take("not")
            self.expect("null")
            return _negated(Node("null", (left,)), negated)
        negated = self.take("not")
        if self.take("in"):
            return _negated(Node("in", (left, *self._list())), negated)
        if self.take("like"):
            return _negated(Node("like", (left, self.operand())), negated)
        _, sign = self.peek()
        if negated or sign not in COMPARISONS:
            raise SyntaxFault(f"{self._seen()} where a comparison was expected")
        self.at += 1
        return Node(sign, (left, self.operand()))

    def _list(self) -> list:
        self.expect("(")
        values = [self.operand()]
        while self.take(","):
            values.append(self.operand())
        self.expect(")")
        return values

    def operand(self) -> Column | Literal:
        kind, text = self.peek()
        if kind == "number":
            value: Any = Decimal(text)
        elif kind == "text":
            value = text[1:-1].replace(text[0] * 2, text[0])
        elif kind == "word" and text.lower() in ("true", "false"):
            value = text.lower() == "true"
        elif kind == "word" and text.lower() not in _WORDS:
            self.at += 1
            return Column(text)
        else:
            raise SyntaxFault(f"{self._seen()} where a column, a number or quoted text was expected")
        self.at += 1
        return Literal(value)


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, text = 0, expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SyntaxFault(f"{text[at:].lstrip()[:1]!r} at character {at + 1}")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        at = match.end()
    return [*tokens, ("end", "")]


def _negated(node: Node, negated: bool) -> Node:
    return Node("not", (node,)) if negated else node
