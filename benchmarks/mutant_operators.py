"""Makes small mistakes in a module: comparisons, arithmetic, logic, numbers, results, statements.

Strings, names and decorators stay as they are, and so do annotations except for their numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

# The operator that replaces each one: a bound that is off by one, or the opposite.
COMPARED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COMPUTED: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
CALLED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor",
    "minimum": "maximum", "maximum": "minimum",
}  # fmt: skip
# Comparisons whose mutant in `COMPARED` is their negation already, so that no other negates them.
OPPOSITE = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
LOST = (ast.Raise, ast.AugAssign, ast.Continue, ast.Break, ast.Delete)


@dataclass(frozen=True)
class Mutation:
    """The replacement of one node of a module's syntax tree by another."""

    module: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    node: Any
    mistake: ast.AST

    @property
    def line(self) -> int:
        return int(self.node.lineno)

    def __str__(self) -> str:
        return " -> ".join(ast.unparse(part).split("\n")[0] for part in (self.node, self.mistake))

    def source(self) -> str:
        """The source of the whole module with the mistake in it."""
        self._put(self.mistake)
        try:
            return ast.unparse(ast.fix_missing_locations(self.module))
        finally:
            self._put(self.node)

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutations(source: str) -> list[Mutation]:
    """All mutations of a module, each with one mistake, always in the same order."""
    module = ast.parse(source)
    found = [
        Mutation(module, parent, field, index, node, mistake)
        for parent, field, index, node in _places(module, False)
        for mistake in _mistakes(parent, field, node)
    ]
    return sorted(found, key=lambda mutation: mutation.line)


def _places(
    parent: ast.AST, annotation: bool
) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(parent):
        within = annotation or field in ("annotation", "returns")
        if field == "decorator_list":
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST):
                continue
            if not within or _is_number(node):
                yield parent, field, index if isinstance(value, list) else None, node
            yield from _places(node, within)


def _mistakes(parent: ast.AST, field: str, node: Any) -> Iterator[ast.AST]:
    yield from _computed(node)
    if field in ("test", "ifs") and not _has_opposite(node):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Return) and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    if _can_be_lost(parent, field, node):
        yield ast.Pass()


def _computed(node: Any) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                other = COMPARED[type(operator)]()
                yield _with(node, ops=[*operators[:at], other, *operators[at + 1 :]])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in COMPUTED:
            yield _with(node, op=COMPUTED[type(op)]())
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 1.5 or 1.0)
        case ast.Call(func=ast.Name(id=name) as func) if name in CALLED:
            yield _with(node, func=_with(func, id=CALLED[name]))
        case ast.Call(func=ast.Attribute(attr=name) as func) if name in CALLED:
            yield _with(node, func=_with(func, attr=CALLED[name]))


def _can_be_lost(parent: ast.AST, field: str, node: Any) -> bool:
    if isinstance(node, ast.Return):  # to lose a function's last one is the same as to return None
        return field != "body" or not isinstance(parent, ast.FunctionDef) or node != parent.body[-1]
    if isinstance(node, ast.Assign):
        return not isinstance(node.targets[0], ast.Name | ast.Tuple)
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return called or isinstance(node, LOST)


def _has_opposite(node: Any) -> bool:
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and isinstance(node.ops[0], OPPOSITE)
    return isinstance(node, ast.UnaryOp)


def _is_number(node: Any) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _is_none(node: Any) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _with(node: Any, **fields: Any) -> Any:
    changed = copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
