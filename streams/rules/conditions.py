"""Expressions of the mapping, such as `amount > 1000.00 and method == "CARD"`: read once, with exact decimals.

The engine is rule-engine. It can do more than a mapping needs: patterns, functions, the time of day, attributes. So a
text is taken apart first, and only what stands in _TOKEN gets to the engine: an expression always ends, in a time that
its length bounds, and says the same whenever it is asked (docs/adr/0089-mapping-as-data.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from rule_engine import Context, DataType, EngineError, Rule, type_resolver_from_dict
from rule_engine.ast import ComparisonExpression, ContainsExpression, ExpressionBase, SymbolExpression

from schemas.files.yaml_lines import near
from streams.domain.accounts import FACTS, Facts

LONGEST = 300
_TEXT = r"\"[^\"\\]*\"|'[^'\\]*'"
_TOKEN = re.compile(rf"\s*({_TEXT}|\d+(?:\.\d+)?(?![\w.])|[a-z_]+|==|!=|<=|>=|[<>()\[\],+-])")
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_AMOUNT = "amount"
_TYPES = {name: DataType.FLOAT if name == _AMOUNT else DataType.STRING for name in FACTS}  # FLOAT is decimal.Decimal


class ConditionInvalid(ValueError):
    """An expression that can't be used; says why and what to write."""


def condition(text: str) -> Callable[[Facts], bool]:
    """Return the expression as a function of the facts; where a fact that it names is not known, it doesn't hold.

    Raises: ConditionInvalid.
    """
    _refuse_strange(text)
    try:
        rule = Rule(text, context=Context(type_resolver=type_resolver_from_dict(_TYPES)))
    except EngineError as error:
        raise ConditionInvalid(f"is no expression ({error.message}); write it as in {_EXAMPLE}") from None
    nodes = list(_nodes(rule.statement.expression))
    names = {node.name for node in nodes if isinstance(node, SymbolExpression)}
    if not names or rule.statement.expression.result_type is not DataType.BOOLEAN:
        raise ConditionInvalid(f"is no question about a fact; compare one with a value, as in {_EXAMPLE}")
    for node in nodes:
        _refuse_unlike(node)

    def holds(facts: Facts) -> bool:
        if not names <= facts.keys():
            return False
        return bool(rule.matches({name: Decimal(facts[name]) if name == _AMOUNT else facts[name] for name in names}))

    return holds


_EXAMPLE = 'amount > 1000.00 and method in ["CARD", "ACH"]'


def _refuse_strange(text: str) -> None:
    if len(text) > LONGEST:
        raise ConditionInvalid(f"has {len(text)} characters; {LONGEST} are the most: write several lines")
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise ConditionInvalid(f"can't be read from {text[at:].strip()[:20]!r} on; write it as in {_EXAMPLE}")
        word = token[1]
        if word[0].isalpha() and word not in _WORDS and word not in FACTS:
            raise ConditionInvalid(f"names {word}, which is no fact; {near(word, FACTS)}")
        at = token.end()


def _nodes(node: ExpressionBase) -> Iterator[ExpressionBase]:
    yield node
    for value in _fields(node):
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, ExpressionBase):
                yield from _nodes(one)


def _fields(node: ExpressionBase) -> Iterator[Any]:
    yield from getattr(node, "__dict__", {}).values()
    for of_type in type(node).__mro__:
        yield from (getattr(node, name, None) for name in getattr(of_type, "__slots__", ()))


def _refuse_unlike(node: ExpressionBase) -> None:
    """Refuse a comparison of an amount with a text: the engine would say that they always differ."""
    if isinstance(node, ComparisonExpression):
        left, right = node.left.result_type, node.right.result_type
    elif isinstance(node, ContainsExpression):
        left, right = node.member.result_type, getattr(node.container.result_type, "value_type", DataType.STRING)
    else:
        return
    if left is not right and DataType.UNDEFINED not in (left, right):
        raise ConditionInvalid(
            f"compares a number with a text; {_AMOUNT} is a number, every other fact a text in quotes"
        )
