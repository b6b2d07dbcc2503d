"""Size budgets of the source (the design's section 4), measured on the syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE_LINES = 600
CLASS_LINES = 300
CLASS_METHODS = 20
FUNCTION_LINES = 80
FUNCTION_LINES_P90 = 25
PARAMETERS = 8
NESTING = 4
PORT_VERBS = 10
REPOSITORY_VERBS = 15
QUEUE_ADAPTER_LINES = 300

_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Measure(NamedTuple):
    """One thing measured: what, where, how much, and its budget."""

    budget: str
    name: str
    value: int
    limit: int

    def __str__(self) -> str:
        return f"{self.budget}: {self.name} has {self.value}, the budget is {self.limit}"


def measures(root: Path) -> Iterator[Measure]:
    """Everything that has a budget in the Python files below ``root``; generated code is left out."""
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.startswith("proto/generated/"):
            continue
        text = path.read_text(encoding="utf-8")
        limit = QUEUE_ADAPTER_LINES if name.startswith("adapters/queues/") else FILE_LINES
        yield Measure("lines of a file", name, text.count("\n"), limit)
        yield from _of_tree(ast.parse(text), name)


def function_lengths(root: Path) -> list[int]:
    """Lines of every function, docstrings not counted, sorted."""
    return sorted(m.value for m in measures(root) if m.budget == "lines of a function")


def _of_tree(tree: ast.Module, name: str) -> Iterator[Measure]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _of_class(node, name)
        elif isinstance(node, _FUNCTIONS):
            place = f"{name}::{node.name}"
            yield Measure("lines of a function", place, _lines(node), FUNCTION_LINES)
            yield Measure("parameters of a function", place, _parameters(node), PARAMETERS)
            yield Measure("nesting in a function", place, _nesting(node), NESTING)


def _of_class(node: ast.ClassDef, name: str) -> Iterator[Measure]:
    place = f"{name}::{node.name}"
    methods = [item for item in node.body if isinstance(item, _FUNCTIONS) and not _is_overload(item)]
    yield Measure("lines of a class", place, _lines(node), CLASS_LINES)
    yield Measure("methods of a class", place, len(methods), CLASS_METHODS)
    if name.startswith("ports/") and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
        limit = REPOSITORY_VERBS if "ports/repositories/" in name else PORT_VERBS
        yield Measure("verbs of a port", place, len(methods), limit)


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is one more signature of a method, and no method."""
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    is_documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if is_documented else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    found = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(1 for argument in found if argument.arg not in {"self", "cls"})


def _nesting(node: ast.AST, depth: int = 0) -> int:
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        # `elif` is an `if` alone in the else branch: a chain of them is one level.
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deeper = isinstance(child, _BLOCKS) and not is_elif
        deepest = max(deepest, _nesting(child, depth + deeper))
    return deepest
