"""`read`, `fileURI`, `fileSize`, `fileExists`, `isFileEmpty` (expression language 8.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, LimitError, ServiceMissingError
from segue.expr.filters.strings import slugify
from segue.expr.functions.stores import flow_field
from segue.expr.runtime import State
from segue.expr.services import FileReference, Files
from segue.expr.text import java_text

__all__ = ["TABLE"]

TABLE = Table()
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BINARY_ION = b"\xe0\x01\x00\xea"


def _files(state: State, function: str) -> Files:
    if state.services.files is None:
        raise ServiceMissingError(function, "files")
    return state.services.files


def _reference(state: State, function: str, path: Any, namespace: Any, revision: Any = None) -> FileReference:
    """The file that the arguments name, with its form checked.

    Raises:
        EvaluationError: no path, an unknown scheme, a path that leaves its place, two namespaces.
    """
    if path is None or path == "":
        raise EvaluationError(
            f"The '{function}' function expects an argument 'path' that is a path to a namespace file"
            " or an internal storage URI."
        )
    text = java_text(path)
    if ".." in re.split(r"[/\\]", unquote(text)):
        raise EvaluationError(f"The '{function}' function does not allow '..' in the path '{text}'")
    number = None if revision is None else int(java_text(revision))
    owner = None if namespace is None else java_text(namespace)
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if not scheme:
        return FileReference("namespace", text, owner or flow_field(state, "namespace"), number)
    if scheme == "nsfile":
        host, _, rest = text[len("nsfile:") :].removeprefix("//").partition("/")
        if host and owner:
            raise EvaluationError(f"The '{function}' function got a namespace both as argument and in '{text}'")
        return FileReference("namespace", rest, host or owner or flow_field(state, "namespace"), number)
    if scheme == "kestra":
        return _storage(state, function, text, owner)
    if scheme == "file":
        return FileReference("local", text, owner or flow_field(state, "namespace"))
    raise EvaluationError(f"Cannot process the URI {text}: scheme not supported.")


def _storage(state: State, function: str, text: str, owner: str | None) -> FileReference:
    """A `kestra:` URI of an execution of this flow, its namespace's files, its parent, or of a foreign namespace.

    The service decides about other executions and foreign namespaces: these are named in `FileReference.namespace`.
    """
    path = unquote(text[len("kestra:") :])
    path = "/" + path.lstrip("/")
    own = flow_field(state, "namespace")
    allowed = [
        f"/{own.replace('.', '/')}/{slugify(flow_field(state, 'id'))}/executions/",
        f"/{own.replace('.', '/')}/_files/",
    ]
    parent = [_root_field(state, "trigger", name) for name in ("namespace", "flowId", "executionId")]
    if all(parent):
        allowed.append(_execution_place(*parent))
    if any(path.startswith(place) for place in allowed):
        return FileReference("storage", text, own)
    foreign = owner or _namespace_of(path)
    if not foreign or foreign == own:
        raise EvaluationError(f"The '{function}' function is not allowed to access the file '{text}'")
    return FileReference("storage", text, foreign)


def _execution_place(namespace: str, flow_id: str, execution_id: str) -> str:
    return f"/{namespace.replace('.', '/')}/{slugify(flow_id)}/executions/{execution_id}/"


def _namespace_of(path: str) -> str:
    """The namespace of an execution file or namespace file."""
    found = re.fullmatch(r"/(.+)/[^/]+/executions/[^/]+/.+", path) or re.fullmatch(r"/(.+)/_files/.+", path)
    return found[1].replace("/", ".") if found else ""


def _root_field(state: State, root: str, name: str) -> str:
    try:
        value = state.full_context[root]
    except KeyError:
        return ""
    field = value.get(name) if isinstance(value, Mapping) else None
    return "" if field is None else java_text(field)


def _limited(state: State, content: bytes) -> Any:
    limit = state.limits.max_output_length
    if len(content) > limit:
        raise LimitError("max_output_length", limit, f"The file is too large for an expression ({len(content)} bytes)")
    if content.startswith(_BINARY_ION):
        return content
    return content.decode("utf-8", "replace")


@TABLE.add("read", "path", "namespace", "revision", "version", state=True)
def read(state: State, path: Any = None, namespace: Any = None, revision: Any = None, version: Any = None) -> Any:
    """The content of a namespace file or of a file of internal storage.

    Args:
        path (text): Path of a namespace file, or a `kestra:///`, `nsfile:///` or `file:///` URI; `..` is refused.
        namespace (text, optional): Whose namespace file; by default the flow's.
        revision (integer, optional): Revision of a namespace file (2.0).
        version (integer, optional): The same (1.x).

    Returns:
        text or bytes: Bytes for binary Ion, which `fromIon` reads; text in UTF-8 for everything else.

    Raises:
        EvaluationError: no path, an unknown scheme, a file that is not allowed or too large.
        ServiceMissingError: there are no files here.

    Available: 1.x, 2.0

    Examples:
        {{ read('data/hello.txt') | trim }} -> hi
        {{ fromJson(read(outputs.query.uri)).x }} -> 1
    """
    chosen = version if revision is None else revision
    reference = _reference(state, "read", path, namespace, chosen)
    files = _files(state, "read")
    size = files.size(reference)
    if size > state.limits.max_output_length:
        limit = state.limits.max_output_length
        raise LimitError("max_output_length", limit, f"The file is too large for an expression ({size} bytes)")
    return _limited(state, files.read(reference))


@TABLE.add("fileURI", "path", "namespace", "revision", "version", state=True)
def file_uri(state: State, path: Any = None, namespace: Any = None, revision: Any = None, version: Any = None) -> str:
    """The internal URI of a namespace file, as tasks take it.

    Args:
        path (text): Path of a namespace file; other URIs are returned as they are.
        namespace (text, optional): Whose namespace file; by default the flow's.
        revision (integer, optional): Revision of the file (2.0).
        version (integer, optional): The same (1.x).

    Returns:
        text: A `kestra:///` URI.

    Raises:
        EvaluationError: no path, an unknown scheme, or a file that is not allowed.
        ServiceMissingError: there are no files here.

    Available: 1.x, 2.0

    Examples:
        {{ fileURI('data/hello.txt') }} -> kestra:///company/team/_files/data/hello.txt
    """
    reference = _reference(state, "fileURI", path, namespace, version if revision is None else revision)
    if reference.kind != "namespace":
        return reference.path
    return _files(state, "fileURI").uri(reference)


@TABLE.add("fileSize", "path", "namespace", state=True)
def file_size(state: State, path: Any = None, namespace: Any = None) -> int:
    """The size of a file in bytes.

    Args:
        path (text): As for `read`.
        namespace (text, optional): As for `read`.

    Returns:
        integer: Bytes.

    Raises:
        EvaluationError: no path, an unknown scheme, or a file that is not allowed.
        ServiceMissingError: there are no files here.

    Available: 1.x, 2.0

    Examples:
        {{ fileSize('data/hello.txt') }} -> 3
    """
    reference = _reference(state, "fileSize", path, namespace)
    return _files(state, "fileSize").size(reference)


@TABLE.add("fileExists", "path", "namespace", state=True)
def file_exists(state: State, path: Any = None, namespace: Any = None) -> bool:
    """Whether there is a file.

    Args:
        path (text): As for `read`.
        namespace (text, optional): As for `read`.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: no path, an unknown scheme, or a file that is not allowed.
        ServiceMissingError: there are no files here.

    Available: 1.x, 2.0

    Examples:
        {{ fileExists('data/hello.txt') }} {{ fileExists('no.txt') }} -> true false
    """
    reference = _reference(state, "fileExists", path, namespace)
    return _files(state, "fileExists").exists(reference)


@TABLE.add("isFileEmpty", "path", "namespace", state=True)
def is_file_empty(state: State, path: Any = None, namespace: Any = None) -> bool:
    """Whether a file has no bytes.

    Args:
        path (text): As for `read`.
        namespace (text, optional): As for `read`.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: no path, an unknown scheme, or a file that is not allowed.
        ServiceMissingError: there are no files here.

    Available: 1.x, 2.0

    Examples:
        {{ isFileEmpty('empty.txt') }} {{ isFileEmpty('data/hello.txt') }} -> true false
    """
    reference = _reference(state, "isFileEmpty", path, namespace)
    return _files(state, "isFileEmpty").size(reference) == 0
