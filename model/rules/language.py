"""The language of conditions: CEL, parsed by cel-python, checked and lowered to columns once.

`CEL <https://cel.dev>`_ is the Common Expression Language; cel-python brings its grammar. What a
rule needs of it is here: literals, arithmetic, comparisons, ``&& || !``, ``?:``, ``in`` a list,
``startsWith``, ``endsWith``, ``contains``, ``matches`` (RE2: linear time), ``size``, ``int`` and
``double``. The rest (macros, maps, messages, indexing) is refused. Where CEL stops with an error
(a field that is missing, a division by zero), the result here is unknown. A whole number stands for
the same double where one is needed, so that ``amount > 100`` can be written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn

import re2
from celpy.celparser import CELParseError, CELParser
from celpy.evaluation import celstr
from lark import Token, Tree

from model.rules import values
from model.rules.fields import Field, Kind
from model.rules.values import Null, Number, Text, Truth, Value

#: Longest condition in characters.
MAX_LENGTH = 4_000
#: How deep parts may stand in others.
MAX_DEPTH = 40
#: Memory of one compiled pattern, in bytes.
_PATTERN_MEMORY = 1 << 20

_NAMES = {Number: "a number", Text: "a text", Truth: "a condition", Null: "null"}
_SIGNS = {
    "relation_lt": "<", "relation_le": "<=", "relation_gt": ">", "relation_ge": ">=",
    "relation_eq": "==", "relation_ne": "!=", "relation_in": "in",
    "addition_add": "+", "addition_sub": "-",
    "multiplication_mul": "*", "multiplication_div": "/", "multiplication_mod": "%",
}  # fmt: skip
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}
_INSTEAD = {
    "member_index": "indexing: name the field itself",
    "member_object": "messages: compare fields one by one",
    "map_lit": "maps: use `in` with a list",
    "member_dot": "parts of a field: fields have plain names",
    "dot_ident": "names that begin with a dot: leave it out",
    "dot_ident_arg": "names that begin with a dot: leave it out",
}
_MACROS = ("has", "all", "exists", "exists_one", "map", "filter")


class ConditionError(Exception):
    """A condition cannot be used.

    Attributes:
        message: what is wrong, and what can be written instead.
        line, column: where in the condition, from 1.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def compile_condition(text: str, known: dict[str, Field]) -> tuple[Truth, frozenset[str]]:
    """A condition ready to be asked of batches, and the names that it reads.

    Args:
        text: in CEL.
        known: names that it may use.

    Raises:
        ConditionError: it is no condition, or uses what there is not.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(
            f"it has {len(text):,} characters, at most {MAX_LENGTH:,} are allowed: make several "
            "rules of it",
            1,
            1,
        )
    try:
        tree = _parser().parse(text)
    except CELParseError as error:
        line, column = error.line or 1, error.column or 1
        if getattr(getattr(error.__context__, "token", None), "type", "") == "$END":
            line, column = text.count("\n") + 1, len(text.rsplit("\n", 1)[-1]) + 1
        near = _near(text, line, column)
        raise ConditionError(f"this is not CEL: {near}", line, column) from None
    lowering = _Lowering(known)
    value = lowering.lower(tree, 0)
    if not isinstance(value, Truth):
        raise ConditionError(
            f"it is {_NAMES[type(value)]}: compare it with something, as in `amount > 100`", 1, 1
        )
    return value, frozenset(lowering.reads)


@cache
def _parser() -> CELParser:
    return CELParser()


def _near(text: str, line: int, column: int) -> str:
    rest = text.split("\n")[line - 1][column - 1 :][:20]
    return f"unexpected {rest!r}" if rest else "it ends too early"


class _Lowering:
    """From a parse tree to columns."""

    def __init__(self, known: dict[str, Field]) -> None:
        self._known = known
        self.reads: set[str] = set()

    def lower(self, tree: Any, depth: int) -> Value:
        """The value of a tree that stands so deep in others."""
        while isinstance(tree, Tree) and len(tree.children) == 1 and tree.data in _TRANSPARENT:
            tree = tree.children[0]
        if depth > MAX_DEPTH:
            _refuse(tree, f"parts are nested deeper than {MAX_DEPTH}: make several rules of it")
        found: Value = getattr(self, f"_{tree.data}", self._unsupported)(tree, depth + 1)
        return found

    def _unsupported(self, tree: Any, _: int) -> NoReturn:
        _refuse(tree, f"rules have no {_INSTEAD.get(tree.data, str(tree.data))}")

    # Conditions

    def _truth(self, tree: Any, depth: int, sign: str) -> Truth:
        value = self.lower(tree, depth)
        if not isinstance(value, Truth):
            _refuse(tree, f"`{sign}` is for conditions, and this is {_NAMES[type(value)]}")
        return value

    def _expr(self, tree: Any, depth: int) -> Value:
        condition, this, that = tree.children
        asked = self._truth(condition, depth, "?")
        a, b = self.lower(this, depth), self.lower(that, depth)
        if type(a) is not type(b) or isinstance(a, Null):
            _refuse(that, f"`?:` chooses between {_NAMES[type(a)]} and {_NAMES[type(b)]}: "
                    "both must be of one type")  # fmt: skip
        return values.choice(asked, a, b)

    def _parts(self, tree: Any, depth: int, sign: str) -> list[Truth]:
        """Operands of a chain, which may be long without being deep."""
        kind, operands = tree.data, []
        while isinstance(tree, Tree) and tree.data == kind and len(tree.children) == 2:
            tree, last = tree.children
            operands.append(last)
            while isinstance(tree, Tree) and tree.data == kind and len(tree.children) == 1:
                tree = tree.children[0]
        operands.append(tree)
        return [self._truth(one, depth, sign) for one in reversed(operands)]

    def _conditionalor(self, tree: Any, depth: int) -> Value:
        return values.disjunction(self._parts(tree, depth, "||"))

    def _conditionaland(self, tree: Any, depth: int) -> Value:
        return values.conjunction(self._parts(tree, depth, "&&"))

    def _relation(self, tree: Any, depth: int) -> Value:
        head, last = tree.children
        sign = _SIGNS[head.data]
        first = head.children[0]
        if sign == "in":
            return self._membership(self.lower(first, depth), last, depth)
        a, b = self.lower(first, depth), self.lower(last, depth)
        if isinstance(a, Null) or isinstance(b, Null):
            return self._null_test(tree, sign, a, b)
        if isinstance(a, Number) and isinstance(b, Number):
            return values.compare_numbers(sign, a, b)
        if isinstance(a, Text) and isinstance(b, Text):
            return values.compare_texts(values.order_texts(sign), a, b)
        if isinstance(a, Truth) and isinstance(b, Truth) and sign in {"==", "!="}:
            same = values.same_truth(a, b)
            return same if sign == "==" else values.negation(same)
        _refuse(tree, f"`{sign}` compares {_NAMES[type(a)]} with {_NAMES[type(b)]}")

    def _null_test(self, tree: Any, sign: str, a: Value, b: Value) -> Truth:
        one = b if isinstance(a, Null) else a
        if isinstance(one, Null) or sign not in {"==", "!="}:
            _refuse(tree, "`null` may be compared with a field by == and != only")
        found = values.unknown(one)
        return found if sign == "==" else values.negation(found)

    def _membership(self, one: Value, tree: Any, depth: int) -> Truth:
        place = tree
        while isinstance(tree, Tree) and len(tree.children) == 1 and tree.data in _TRANSPARENT:
            tree = tree.children[0]
        if not (isinstance(tree, Tree) and tree.data == "list_lit"):
            _refuse(place, "`in` wants a list in brackets: country in ['DE', 'FR']")
        if not tree.children:
            _refuse(place, "this list is empty, so nothing is in it: name its members")
        members = tree.children[0].children
        found = [self.lower(member, depth) for member in members]
        for member, value in zip(members, found, strict=True):
            if type(value) is not type(one) or isinstance(value, Null):
                _refuse(member, f"{_NAMES[type(one)]} cannot be in a list with "
                        f"{_NAMES[type(value)]}")  # fmt: skip
        if isinstance(one, Number):
            numbers = [value for value in found if isinstance(value, Number)]
            constants = [value.constant for value in numbers if value.constant is not None]
            if len(constants) == len(numbers):
                return values.number_in(one, constants)
            return values.disjunction([values.compare_numbers("==", one, two) for two in numbers])
        if isinstance(one, Text):
            texts = [value for value in found if isinstance(value, Text)]
            wanted = {value.constant for value in texts if value.constant is not None}
            if all(value.constant is not None for value in texts):
                return values.test_text(one, wanted.__contains__)
            same = values.order_texts("==")
            return values.disjunction([values.compare_texts(same, one, two) for two in texts])
        _refuse(place, f"`in` is for numbers and texts, and this is {_NAMES[type(one)]}")

    # Arithmetic

    def _addition(self, tree: Any, depth: int) -> Value:
        head, last = tree.children
        sign = _SIGNS[head.data]
        a, b = self.lower(head.children[0], depth), self.lower(last, depth)
        if sign == "+" and isinstance(a, Text) and isinstance(b, Text):
            return values.joined(a, b)
        if not (isinstance(a, Number) and isinstance(b, Number)):
            _refuse(tree, f"`{sign}` between {_NAMES[type(a)]} and {_NAMES[type(b)]}: both must be "
                    "numbers")  # fmt: skip
        if sign == "%" and not (a.whole and b.whole):
            _refuse(tree, "`%` is for whole numbers: write int(…) around the others")
        return values.arithmetic(sign, a, b)

    _multiplication = _addition

    def _unary(self, tree: Any, depth: int) -> Value:
        sign, operand = tree.children
        if sign.data == "unary_not":
            return values.negation(self._truth(operand, depth, "!"))
        value = self.lower(operand, depth)
        if not isinstance(value, Number):
            _refuse(tree, f"`-` is for numbers, and this is {_NAMES[type(value)]}")
        return values.minus(value)

    # Names and literals

    def _ident(self, tree: Any, _: int) -> Value:
        token = tree.children[0]
        field = self._known.get(str(token))
        if field is None:
            near = get_close_matches(str(token), self._known, 3, 0.6)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/rules.md lists the names"
            _refuse(token, f"{str(token)!r:.80} is no field or feature: {hint}")
        self.reads.add(field.name)
        if field.kind is Kind.TEXT:
            return Text(field.of)
        return Number(field.of, field.kind is Kind.WHOLE)

    def _literal(self, tree: Any, _: int) -> Value:
        token = tree.children[0]
        if token.type in {"STRING_LIT", "MLSTRING_LIT"}:
            try:
                return values.text(str(celstr(token)))
            except ValueError:
                _refuse(token, "this text has an escape that CEL does not know")
        if token.type == "BOOL_LIT":
            return values.truth(str(token) == "true")
        if token.type == "NULL_LIT":
            return Null()
        if token.type not in {"INT_LIT", "FLOAT_LIT"}:
            _refuse(token, f"rules have no literal such as {str(token)!r:.40}: write a plain "
                    "number or text")  # fmt: skip
        whole = token.type == "INT_LIT"
        value = int(token, 16 if "x" in token else 10) if whole else float(token)
        if not (abs(value) <= values.MOST if whole else math.isfinite(value)):
            _refuse(token, f"{str(token)!r:.40} is too large: whole numbers end at 2^53")
        return values.number(float(value), whole)

    def _list_lit(self, tree: Any, _: int) -> NoReturn:
        _refuse(tree, "a list may only follow `in`")

    # Functions

    def _member_dot_arg(self, tree: Any, depth: int) -> Value:
        target, name, *arguments = tree.children
        if str(name) in _MACROS:
            _refuse(name, f"rules have no macros such as {name}: use `in`, `==` or `||`")
        given = list(arguments[0].children) if arguments else []
        if str(name) == "size" and not given:
            return self._called("size", name, [target], depth)
        if str(name) not in {*_TESTS, "matches"}:
            _refuse(name, f"there is no method {str(name)!r:.40}: there are "
                    f"{', '.join(_TESTS)}, matches and size")  # fmt: skip
        one = self.lower(target, depth)
        if not isinstance(one, Text) or len(given) != 1:
            _refuse(name, f"`{name}` asks one text about another: browser.{name}('…')")
        other = self.lower(given[0], depth)
        if not isinstance(other, Text):
            _refuse(given[0], f"`{name}` wants a text, and this is {_NAMES[type(other)]}")
        if str(name) in _TESTS:
            return values.compare_texts(_TESTS[str(name)], one, other)
        if other.constant is None:
            _refuse(given[0], "`matches` wants its pattern as a text in quotes")
        return values.test_text(one, _pattern(other.constant, given[0]))

    def _ident_arg(self, tree: Any, depth: int) -> Value:
        name, *arguments = tree.children
        return self._called(
            str(name), name, list(arguments[0].children) if arguments else [], depth
        )

    def _called(self, name: str, place: Any, given: list[Any], depth: int) -> Value:
        if name in _MACROS:
            _refuse(place, "rules have no macros; whether a field is known: field != null")
        if name not in {"size", "int", "double"}:
            _refuse(place, f"there is no function {name!r:.40}: there are size, int and double")
        if len(given) != 1:
            _refuse(place, f"`{name}` wants one argument")
        one = self.lower(given[0], depth)
        if name == "size" and isinstance(one, Text):
            return values.length(one)
        if name == "size" or not isinstance(one, Number):
            wanted = "a text" if name == "size" else "a number"
            _refuse(given[0], f"`{name}` wants {wanted}, and this is {_NAMES[type(one)]}")
        return values.truncated(one) if name == "int" else Number(one.of, False, one.constant)


_TRANSPARENT = {
    "expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary",
    "member", "primary", "paren_expr",
}  # fmt: skip


def _pattern(text: str, place: Any) -> Callable[[str], bool]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    try:
        search = re2.compile(text, options).search
    except re2.error as error:
        shown = error.args[0] if error.args else error
        shown = shown.decode(errors="replace") if isinstance(shown, bytes) else str(shown)
        _refuse(place, f"this is no RE2 pattern: {shown}")
    return lambda value: search(value) is not None


def _refuse(place: Any, message: str) -> NoReturn:
    if isinstance(place, Token):
        raise ConditionError(message, place.line or 1, place.column or 1)
    meta = place.meta
    raise ConditionError(message, getattr(meta, "line", 1), getattr(meta, "column", 1))
