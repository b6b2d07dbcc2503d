"""What a template names, found in its tree without evaluating it (expression language 13).

Paths are tuples of text. A path ends at the first key that depends on data, at a method call and at a filter.
Names bound by `set`, `for` and macro parameters are no references; a `set` inside a branch or loop may not
have happened, so it does not hide a root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from segue.expr.nodes import (
    Arguments,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expr,
    FilterApplication,
    FilterTag,
    For,
    If,
    Interpolation,
    ListLiteral,
    Literal,
    Lookup,
    Macro,
    MapLiteral,
    MethodCall,
    Name,
    Print,
    Set,
    Statement,
    TemplateTree,
    TestApplication,
    Unary,
)

__all__ = ["EVERYTHING", "NO_REFERENCES", "References", "collect", "union"]

EVERYTHING = "*"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class References:
    """Everything a text may look at.

    `roots` are the root variables named. `outputs`, `inputs` and `variables` (the root `vars`) are key paths
    below the root; a root named as a whole gives the empty path. `kv`, `secrets` and `files` are constant
    arguments: `(key,)` or `(key, namespace)`; a call with an argument that depends on data puts `kv`,
    `secret` or `files` into `unknown`. `unknown` also holds roots accessed by a key that depends on data, and
    `*` when everything may be needed. `rendered` are paths given to `render()`, root included: their texts
    have references of their own. `functions` are the names of all functions called.
    """

    roots: frozenset[str] = frozenset()
    outputs: frozenset[Path] = frozenset()
    inputs: frozenset[Path] = frozenset()
    variables: frozenset[Path] = frozenset()
    kv: frozenset[Path] = frozenset()
    secrets: frozenset[Path] = frozenset()
    files: frozenset[Path] = frozenset()
    rendered: frozenset[Path] = frozenset()
    functions: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def needs_root(self, name: str) -> bool:
        """Whether the value of this root may be looked at."""
        return name in self.roots or EVERYTHING in self.unknown


NO_REFERENCES = References()


def union(parts: Iterable[References]) -> References:
    """Everything that any of the parts may look at."""
    found = [part for part in parts if part is not NO_REFERENCES]
    if not found:
        return NO_REFERENCES
    if len(found) == 1:
        return found[0]
    names = [field.name for field in fields(References)]
    return References(**{name: frozenset().union(*(getattr(part, name) for part in found)) for name in names})


_BY_ROOT = {"outputs": "outputs", "inputs": "inputs", "vars": "variables"}
_RENDERING = frozenset({"render", "renderOnce"})
_WHOLE_CONTEXT = frozenset({"printContext", "fetchContext"})
_STORES = {
    "kv": ("kv", "kv", "key"),
    "secret": ("secrets", "secret", "key"),
    "read": ("files", "files", "path"),
    "fileURI": ("files", "files", "path"),
    "fileSize": ("files", "files", "path"),
    "fileExists": ("files", "files", "path"),
    "isFileEmpty": ("files", "files", "path"),
}
_IMPLIED_ROOTS: Mapping[str, tuple[str, ...]] = {
    "currentEachOutput": ("taskrun", "parents"),
    "tasksWithState": ("tasks",),
    "env": ("envs",),
    "iterationOutput": ("outputs", "taskrun", "item"),
    "parentOutput": ("outputs", "parents", "taskrun"),
    "kv": ("flow",),
    "secret": ("flow",),
    "read": ("flow", "execution", "trigger"),
    "fileURI": ("flow", "execution", "trigger"),
    "fileSize": ("flow", "execution", "trigger"),
    "fileExists": ("flow", "execution", "trigger"),
    "isFileEmpty": ("flow", "execution", "trigger"),
}
_ALL_OUTPUTS = frozenset({"iterationOutput", "parentOutput"})


class _Collector:
    """Walks one tree. `analyse` gives the references of a constant text passed to `render`."""

    def __init__(self, macros: Iterable[str], analyse: Callable[[str], References]) -> None:
        self.found: dict[str, set[Any]] = {field.name: set() for field in fields(References)}
        self.hidden: list[frozenset[str]] = [frozenset()]
        self.macros = frozenset(macros)
        self.analyse = analyse

    def result(self) -> References:
        return References(**{name: frozenset(values) for name, values in self.found.items()})

    def root(self, name: str, path: Path, *, dynamic: bool) -> None:
        if name in self.hidden[-1]:
            return
        if name == "_context":
            self.found["unknown"].add(EVERYTHING)
        self.found["roots"].add(name)
        if name in _BY_ROOT:
            self.found[_BY_ROOT[name]].add(path)
        if dynamic:
            self.found["unknown"].add(name)

    def lookup(self, node: Expr) -> None:
        """A chain of keys: constant ones from the root on make the path, the others are expressions."""
        keys: list[Expr] = []
        while isinstance(node, Lookup):
            keys.append(node.key)
            node = node.target
        keys.reverse()
        for key in keys:
            if not isinstance(key, Literal):
                self.expr(key)
        if not isinstance(node, Name):
            self.expr(node)
            return
        path = []
        for key in keys:
            if not isinstance(key, Literal) or isinstance(key.value, bool | float) or key.value is None:
                break
            path.append(str(key.value))
        self.root(node.name, tuple(path), dynamic=len(path) < len(keys))

    def exprs(self, nodes: Iterable[Expr]) -> None:
        for node in nodes:
            self.expr(node)

    def expr(self, node: Expr) -> None:
        if isinstance(node, Name | Lookup):
            self.lookup(node)
        elif isinstance(node, Call):
            self.call(node)
        elif isinstance(node, Binary):
            while isinstance(node, Binary):
                self.expr(node.right)
                node = node.left
            self.expr(node)
        elif isinstance(node, FilterApplication | TestApplication):
            self.exprs((node.target, *node.args.all()))
        elif isinstance(node, MethodCall):
            self.exprs((node.target, *node.args))
        elif isinstance(node, Conditional):
            self.exprs((node.test, node.yes, node.no))
        elif isinstance(node, Unary):
            self.expr(node.operand)
        elif isinstance(node, ListLiteral):
            self.exprs(node.items)
        elif isinstance(node, Interpolation):
            self.exprs(node.parts)
        elif isinstance(node, MapLiteral):
            for key, value in node.entries:
                self.exprs((key, value))

    def call(self, node: Call) -> None:
        self.found["functions"].add(node.name)
        self.exprs(node.args.all())
        if node.name in _RENDERING:
            self.rendering(_argument(node.args, 0, "toRender"))
        elif node.name in _WHOLE_CONTEXT:
            self.found["unknown"].add(EVERYTHING)
        if node.name in _STORES:
            self.store(*_STORES[node.name], node.args)
        for name in _IMPLIED_ROOTS.get(node.name, ()):
            self.found["roots"].add(name)
        if node.name in _ALL_OUTPUTS:
            self.root("outputs", (), dynamic=True)

    def rendering(self, argument: Expr | None) -> None:
        if isinstance(argument, Literal):
            if isinstance(argument.value, str):
                inner = self.analyse(argument.value)
                for field in fields(References):
                    self.found[field.name] |= getattr(inner, field.name)
            return
        path = _constant_path(argument) if argument is not None else None
        if path is not None and path[0] not in self.hidden[-1]:
            self.found["rendered"].add(path)
        self.found["unknown"].add(EVERYTHING)

    def store(self, kind: str, unknown: str, first: str, args: Arguments) -> None:
        key, namespace = _argument(args, 0, first), _argument(args, 1, "namespace")
        if key is None:
            return
        constant = [each.value if isinstance(each, Literal) else None for each in (key, namespace) if each]
        if all(isinstance(value, str) for value in constant):
            self.found[kind].add(tuple(constant))
        elif len(constant) == 2 and isinstance(constant[0], str) and namespace and _is_null(namespace):
            self.found[kind].add((constant[0],))
        else:
            self.found["unknown"].add(unknown)

    def body(self, nodes: Body) -> None:
        """Statements in order; a `set` here hides its name from the next statement on, within this body."""
        before = self.hidden[-1]
        for node in nodes:
            self.statement(node)
            if isinstance(node, Set):
                self.hidden[-1] |= {node.name}
        self.after(before)

    def after(self, before: frozenset[str]) -> None:
        self.hidden[-1] = before

    def statement(self, node: Statement) -> None:
        if isinstance(node, Print | Set):
            self.expr(node.expr)
        elif isinstance(node, If):
            for test, body in node.branches:
                self.expr(test)
                self.body(body)
            self.body(node.otherwise)
        elif isinstance(node, For):
            self.expr(node.iterable)
            before = self.hidden[-1]
            self.hidden[-1] = before | {node.name, "loop"}
            self.body(node.body)
            self.hidden[-1] = before
            self.body(node.otherwise)
        elif isinstance(node, Block):
            self.body(node.body)
        elif isinstance(node, FilterTag):
            for _, args, _ in node.filters:
                self.exprs(args.all())
            self.body(node.body)
        elif isinstance(node, Macro):
            self.macro(node)

    def macro(self, node: Macro) -> None:
        """A macro sees its parameters only: what else it names cannot be found, but its calls count."""
        inner = _Collector(self.macros, self.analyse)
        inner.exprs(default for _, default in node.params if default)
        inner.body(node.body)
        for name in ("kv", "secrets", "files", "functions", "rendered"):
            self.found[name] |= inner.found[name]
        self.found["unknown"] |= inner.found["unknown"] & {"kv", "secret", "files"}
        for function in inner.found["functions"]:
            self.found["roots"].update(_IMPLIED_ROOTS.get(function, ()))


def _argument(args: Arguments, index: int, name: str) -> Expr | None:
    """The argument given by this name, else by position (the named one wins)."""
    for each, value in args.named:
        if each == name:
            return value
    return args.positional[index] if index < len(args.positional) else None


def _is_null(node: Expr) -> bool:
    return isinstance(node, Literal) and node.value is None


def _constant_path(node: Expr) -> Path | None:
    """Root and keys of a chain in which every key is constant text."""
    keys: list[str] = []
    while isinstance(node, Lookup):
        if not isinstance(node.key, Literal) or not isinstance(node.key.value, str):
            return None
        keys.append(node.key.value)
        node = node.target
    return (node.name, *reversed(keys)) if isinstance(node, Name) else None


def collect(tree: TemplateTree, analyse: Callable[[str], References]) -> References:
    """The references of a template; `analyse` is asked about constant texts that the template renders."""
    collector = _Collector(tree.macros, analyse)
    collector.body(tree.body)
    return collector.result()
