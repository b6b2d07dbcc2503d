"""Finds the references of a tree: a walk that follows what names stand for (expression language 13).

A name stands for a root variable, for one of some constant texts (after `set t = 'a'`, or in a loop over constant
texts), or for a value of its own. Where branches meet it may stand for several of these; in a loop everything that
the loop assigns may already be assigned. So `{% set o = outputs %}{{ o.a }}` names `outputs.a` only, and
`{% set t = 'a' %}{{ outputs[t] }}` too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import product
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
    operands,
)
from segue.expr.references import EVERYTHING, Path, References, ValueOf

__all__ = ["collect"]

_BY_ROOT = {"outputs": "outputs", "inputs": "inputs", "vars": "variables", "labels": "labels"}
_RENDERING = frozenset({"render", "renderOnce"})
_WHOLE_CONTEXT = frozenset({"printContext", "fetchContext"})
_FILE_FUNCTIONS = ("read", "fileURI", "fileSize", "fileExists", "isFileEmpty")
_STORES = {
    "kv": ("kv", "kv", "key"),
    "secret": ("secrets", "secret", "key"),
    **dict.fromkeys(_FILE_FUNCTIONS, ("files", "files", "path")),
}
_IMPLIED_ROOTS: Mapping[str, tuple[str, ...]] = {
    "currentEachOutput": ("taskrun", "parents"),
    "tasksWithState": ("tasks",),
    "env": ("envs",),
    "iterationOutput": ("task", "taskrun", "item"),
    "parentOutput": ("parents",),
    "subflow": ("taskrun", "trigger"),
    "kv": ("flow",),
    "secret": ("flow",),
    **dict.fromkeys(_FILE_FUNCTIONS, ("flow", "execution", "trigger")),
}
_MOST_CONSTANTS = 16

Target = tuple[str, str]
Targets = frozenset[Target]
Names = dict[str, Targets]
_OWN: Targets = frozenset({("own", "")})


class _Collector:
    """Walks one tree. `analyse` gives the references of a constant text that the template renders.

    `follows` is false where a part of the template may run more than once, or not where it stands (blocks):
    then a `set` counts as a look at everything in its value. In a macro (`sees_roots` false) a name that is
    not bound stands for nothing.
    """

    def __init__(self, analyse: Callable[[str], References], *, follows: bool, sees_roots: bool) -> None:
        self.found: dict[str, set[Any]] = {field.name: set() for field in fields(References)}
        self.names: Names = {}
        self.analyse = analyse
        self.follows = follows
        self.sees_roots = sees_roots
        self.repeats = 0

    # Names

    def targets(self, name: str, names: Names | None = None) -> Targets:
        """What a name may stand for."""
        bound = (self.names if names is None else names).get(name)
        if bound is not None:
            return bound
        return frozenset({("root", name)}) if self.sees_roots else _OWN

    def merged(self, one: Names, other: Names) -> Names:
        """What names may stand for after one of two ways was taken."""
        return {name: self.targets(name, one) | self.targets(name, other) for name in one.keys() | other.keys()}

    def constants(self, node: Expr) -> frozenset[str] | None:
        """The texts that an expression may give, as far as they do not depend on data; None when they do."""
        if isinstance(node, Literal):
            is_key = isinstance(node.value, str | int) and not isinstance(node.value, bool)
            return frozenset({str(node.value)}) if is_key else None
        if isinstance(node, Name):
            targets = self.targets(node.name)
            texts = frozenset(text for kind, text in targets if kind == "text")
            return texts if len(texts) == len(targets) else None
        if isinstance(node, Conditional):
            yes, no = self.constants(node.yes), self.constants(node.no)
            return None if yes is None or no is None else yes | no
        if isinstance(node, Interpolation) or (isinstance(node, Binary) and node.op == "~"):
            parts = node.parts if isinstance(node, Interpolation) else operands(node)
            return _joined([self.constants(part) for part in parts])
        return None

    # What is found

    def root(self, name: str, path: Path, *, placed: Path | None = None, is_dynamic: bool = False) -> None:
        """The value at a path below a root is looked at, with everything in it; `placed` is the longer path
        for `placed_outputs`."""
        self.touch(name)
        if name in _BY_ROOT:
            self.found[_BY_ROOT[name]].add(path)
        if name == "outputs":
            self.found["placed_outputs"].add(path if placed is None else placed)
        if is_dynamic and not path:
            self.found["unknown"].add(name)

    def touch(self, name: str) -> None:
        """A root has to be there; what it holds does not matter."""
        if name == "_context":
            self.found["unknown"].add(EVERYTHING)
        self.found["roots"].add(name)

    # Expressions

    def lookup(self, node: Expr, ending: Path = ()) -> None:
        """A chain of keys: constant ones from the root on make the path, the others are expressions.

        `ending` goes to the end of its placed paths.
        """
        keys: list[Expr] = []
        while isinstance(node, Lookup):
            keys.append(node.key)
            node = node.target
        keys.reverse()
        self.exprs(key for key in keys if not isinstance(key, Literal))
        if not isinstance(node, Name):
            self.expr(node)
            return
        roots = [name for kind, name in self.targets(node.name) if kind == "root"]
        if roots:
            paths, is_dynamic = self.paths(keys)
            rest = _placed(keys[len(paths[0]) :], self.targets) + ending if paths[0] else ()
            for name, path in product(roots, paths):
                self.root(name, path, placed=path + rest, is_dynamic=is_dynamic)

    def paths(self, keys: Iterable[Expr]) -> tuple[list[Path], bool]:
        """The paths that keys may make, and whether they end before a key that depends on data."""
        paths: list[Path] = [()]
        for key in keys:
            texts = self.constants(key)
            if texts is None or len(paths) * len(texts) > _MOST_CONSTANTS:
                return paths, True
            paths = [(*path, text) for path in paths for text in sorted(texts)]
        return paths, False

    def exprs(self, nodes: Iterable[Expr]) -> None:
        for node in nodes:
            self.expr(node)

    def expr(self, node: Expr) -> None:
        """One expression; chains of operators and filters, which may be long, without recursion."""
        while isinstance(node, Binary | FilterApplication | TestApplication):
            if isinstance(node, Binary):
                self.expr(node.right)
                node = node.left
            else:
                self.exprs(node.args.all())
                node = node.target
        if isinstance(node, Name | Lookup):
            self.lookup(node)
            return
        if isinstance(node, Call):
            self.call(node)
            if node.name == "currentEachOutput" and len(node.args.all()) == 1:
                (argument,) = node.args.all()
                if isinstance(argument, Lookup):
                    self.lookup(argument, (ValueOf(EVERYTHING),))
                    return
        self.exprs(_parts(node))

    def call(self, node: Call) -> None:
        """What a function looks at beside its arguments."""
        name = node.name
        self.found["functions"].add(name)
        if name in _RENDERING:
            self.rendering(node)
        elif name in _WHOLE_CONTEXT:
            self.found["unknown"].add(EVERYTHING)
        elif name in _STORES:
            self.store(*_STORES[name], node.args)
        elif name == "iterationOutput":
            # Outputs of the task named by its id; given as a map, they are looked at already.
            task = _argument(node.args, 0, "taskId")
            for text in (self.constants(task) if task else None) or [None]:
                self.root("outputs", () if text is None else (text,), is_dynamic=True)
        self.found["roots"].update(_IMPLIED_ROOTS.get(name, ()))

    def rendering(self, node: Call) -> None:
        """A text that is rendered. What it writes is rendered again unless that is switched off."""
        argument = _argument(node.args, 0, "toRender")
        if argument is None or (isinstance(argument, Literal) and not isinstance(argument.value, str)):
            return
        texts = self.constants(argument)
        if texts is None:
            path = _constant_path(argument)
            if path is not None and ("root", path[0]) in self.targets(path[0]):
                self.found["rendered"].add(path)
            self.found["unknown"].add(EVERYTHING)
            return
        again = _argument(node.args, 1, "recursive") if node.name == "render" else Literal(0, False)
        is_once = isinstance(again, Literal) and again.value is False
        for text in texts:
            inner = self.analyse(text)
            for field in fields(References):
                self.found[field.name] |= getattr(inner, field.name)
            for name in inner.roots:
                for kind, root in self.targets(name):
                    if kind == "root" and root != name:
                        self.root(root, ())
            if not is_once and (inner.roots or inner.functions):
                self.found["unknown"].add(EVERYTHING)

    def store(self, kind: str, unknown: str, first: str, args: Arguments) -> None:
        """A read of a store: what is read if the arguments are constant."""
        key, namespace = _argument(args, 0, first), _argument(args, 1, "namespace")
        if key is None:
            return
        given = [key] if namespace is None or _is_null(namespace) else [key, namespace]
        texts = [self.constants(each) for each in given]
        constant = [each for each in texts if each is not None]
        if len(constant) == len(texts):
            self.found[kind].update(product(*constant))
        else:
            self.found["unknown"].add(unknown)

    # Statements

    def body(self, nodes: Body) -> None:
        for node in nodes:
            self.statement(node)

    def statement(self, node: Statement) -> None:
        if isinstance(node, Print):
            self.expr(node.expr)
        elif isinstance(node, Set):
            self.assign(node)
        elif isinstance(node, If):
            self.branches(node)
        elif isinstance(node, For):
            self.loop(node)
        elif isinstance(node, Block):
            self.block(node)
        elif isinstance(node, FilterTag):
            self.body(node.body)
            for _, args, _ in node.filters:  # evaluated once the body is written
                self.exprs(args.all())
        elif isinstance(node, Macro):
            self.macro(node)

    def assign(self, node: Set) -> None:
        """`set`: another name for a root or a constant text, or a value of its own."""
        value = node.expr
        if not self.follows or self.repeats:
            self.expr(value)
            self.names[node.name] = _OWN
        elif isinstance(value, Name):
            targets = self.targets(value.name)
            for kind, name in targets:
                if kind == "root":
                    self.touch(name)
            self.names[node.name] = targets
        else:
            self.expr(value)
            self.names[node.name] = _texts(self.constants(value))

    def branches(self, node: If) -> None:
        before = self.names
        for test, _ in node.branches:
            self.expr(test)
        after: Names | None = None
        for body in (*(body for _, body in node.branches), node.otherwise):
            self.names = dict(before)
            self.body(body)
            after = self.names if after is None else self.merged(after, self.names)
        self.names = before if after is None else after

    def loop(self, node: For) -> None:
        """Each iteration may follow another one, and there may be none."""
        self.expr(node.iterable)
        before = self.names
        assigned = set(_assigned(node.body))
        after = {**before, **{name: self.targets(name) | _OWN for name in assigned}}
        items = [self.constants(item) for item in node.iterable.items] if isinstance(node.iterable, ListLiteral) else []
        item = _texts(_union(items)) | (_OWN if node.name in assigned else frozenset())
        self.names = {**after, "loop": _OWN, node.name: item}
        self.repeats += 1
        self.body(node.body)
        self.repeats -= 1
        self.names = dict(before)
        self.body(node.otherwise)
        self.names = self.merged(self.names, after)

    def block(self, node: Block) -> None:
        """In its place, and wherever `block()` writes it again, where other names may be bound."""
        self.body(node.body)
        after, self.names = self.names, {}
        self.body(node.body)
        self.names = after

    def macro(self, node: Macro) -> None:
        """A macro sees its parameters only; but what it calls may look at the whole context."""
        inner = _Collector(self.analyse, follows=False, sees_roots=False)
        inner.exprs(default for _, default in node.params if default)
        inner.body(node.body)
        for name, values in inner.found.items():
            self.found[name] |= values


def _parts(node: Expr) -> Iterator[Expr]:
    """The expressions directly within one that is no chain."""
    if isinstance(node, Call):
        yield from node.args.all()
    elif isinstance(node, MethodCall):
        yield from (node.target, *node.args)
    elif isinstance(node, Conditional):
        yield from (node.test, node.yes, node.no)
    elif isinstance(node, Unary):
        yield node.operand
    elif isinstance(node, ListLiteral):
        yield from node.items
    elif isinstance(node, Interpolation):
        yield from node.parts
    elif isinstance(node, MapLiteral):
        for entry in node.entries:
            yield from entry


def _bodies(node: Statement) -> Iterator[Body]:
    """The bodies within a statement that see its names."""
    if isinstance(node, If):
        yield from (body for _, body in node.branches)
        yield node.otherwise
    elif isinstance(node, For):
        yield from (node.body, node.otherwise)
    elif isinstance(node, Block | FilterTag):
        yield node.body


def _assigned(body: Body) -> Iterator[str]:
    """Every name that statements within may assign."""
    for node in body:
        if isinstance(node, Set):
            yield node.name
        for inner in _bodies(node):
            yield from _assigned(inner)


def _has_blocks(body: Body) -> bool:
    return any(isinstance(node, Block) or any(map(_has_blocks, _bodies(node))) for node in body)


def _joined(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    """All texts that one of each, put together, make."""
    count = 1
    known = [part for part in parts if part is not None]
    for part in known:
        count *= len(part)
    if len(known) < len(parts) or count > _MOST_CONSTANTS:
        return None
    return frozenset("".join(pieces) for pieces in product(*known))


def _union(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [part for part in parts if part is not None]
    return frozenset[str]().union(*known) if known and len(known) == len(parts) else None


def _texts(texts: frozenset[str] | None) -> Targets:
    return _OWN if not texts or len(texts) > _MOST_CONSTANTS else frozenset(("text", text) for text in texts)


def _argument(args: Arguments, index: int, name: str) -> Expr | None:
    """The argument given by this name, else by position (the named one wins)."""
    for each, value in args.named:
        if each == name:
            return value
    return args.positional[index] if index < len(args.positional) else None


def _is_null(node: Expr) -> bool:
    return isinstance(node, Literal) and node.value is None


def _placed(keys: Iterable[Expr], targets: Callable[[str], Targets]) -> Path:
    """What follows a path, as far as its keys are values of iterations."""
    found = []
    for key in keys:
        path = _constant_path(key, numbers=True)
        if path is None or not _is_value(path) or targets(path[0]) != {("root", path[0])}:
            break
        found.append(ValueOf(".".join(path)))
    return tuple(found)


def _is_value(path: Path) -> bool:
    """Whether a path is that of the value of an iteration."""
    root, *rest = path
    if root == "parents" and rest and rest[0].isdigit():
        del rest[0]
    elif root == "taskrun":
        return rest == ["value"]
    return root in {"parent", "parents"} and rest == ["taskrun", "value"]


def _constant_path(node: Expr, *, numbers: bool = False) -> Path | None:
    """Root and keys of a chain in which every key is constant text (or a whole number, with `numbers`)."""
    keys: list[str] = []
    while isinstance(node, Lookup):
        value = node.key.value if isinstance(node.key, Literal) else None
        if not isinstance(value, str) and not (numbers and type(value) is int):
            return None
        keys.append(str(value))
        node = node.target
    return (node.name, *reversed(keys)) if isinstance(node, Name) else None


def collect(tree: TemplateTree, analyse: Callable[[str], References]) -> References:
    """The references of a template; `analyse` is asked about constant texts that the template renders."""
    collector = _Collector(analyse, follows=not _has_blocks(tree.body), sees_roots=True)
    collector.body(tree.body)
    return References(**{name: frozenset(values) for name, values in collector.found.items()})
