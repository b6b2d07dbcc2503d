"""What a running task may use: rendering, logs, metrics, files and the notice that it should stop."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, overload

from segue.domain.execution.logs import LogLevel
from segue.domain.kv import KvContent
from segue.domain.platform.call import Answer, Call
from segue.sdk.insights import Insights
from segue.sdk.property import Property

T = TypeVar("T")


class FlowInfo(NamedTuple):
    """The flow the task belongs to."""

    tenant: str
    namespace: str
    id: str
    revision: int


class ExecutionInfo(NamedTuple):
    """The execution the task belongs to."""

    id: str
    started_at: datetime | None


class TaskRunInfo(NamedTuple):
    """The attempt that runs; ``attempt`` counts from 0."""

    id: str
    task_id: str
    task_type: str
    attempt: int


class RunLogger(Protocol):
    """The task's log. Messages are formatted with ``%`` when there are arguments. Usable from any thread."""

    def log(self, level: LogLevel, message: str, *args: object) -> None:
        """Write one line; lines below the task's ``logLevel`` are dropped."""

    def trace(self, message: str, *args: object) -> None:
        """Write one line at TRACE."""

    def debug(self, message: str, *args: object) -> None:
        """Write one line at DEBUG."""

    def info(self, message: str, *args: object) -> None:
        """Write one line at INFO."""

    def warn(self, message: str, *args: object) -> None:
        """Write one line at WARN."""

    def error(self, message: str, *args: object) -> None:
        """Write one line at ERROR."""

    async def wait_for_room(self) -> None:
        """Return once the worker can keep more lines, or after some time: for an async task that logs a lot."""


class Metrics(Protocol):
    """Figures the task measures (REST API 6.6). Usable from any thread."""

    def counter(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Report a count."""

    def gauge(self, name: str, value: float, /, **tags: str) -> None:
        """Report a value."""

    def timer(self, name: str, value: timedelta, /, **tags: str) -> None:
        """Report how long something took."""


class Files(Protocol):
    """Internal storage, as far as the task may see it (flow language 14.4)."""

    def read(self, uri: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The content of a ``kestra://`` or ``nsfile://`` URI in chunks, from a byte on."""

    async def size(self, uri: str) -> int:
        """How many bytes the file of a URI has. Raises ``NotFoundError``, and ``SegueError`` for one it may not see."""

    async def write(self, name: str, content: bytes | AsyncIterator[bytes] | Path) -> str:
        """Store a file in the folder of the task run and return its URI. The name may have folders in it.

        Bytes and files are sent again when the connection breaks, an iterator cannot be.
        """

    async def download(self, uri: str, path: str) -> Path:
        """Write the content of a URI to a path relative to the working directory, in chunks; the file.

        Raises ``IllegalPathError`` when the path leads out of it, by ``..``, as an absolute one or over links.
        """

    async def place(self, files: Mapping[str, Any]) -> None:
        """Write files into the working directory as ``inputFiles`` does: path to text, URI, or None for nothing."""

    async def collect(self, patterns: Iterable[str]) -> dict[str, str]:
        """Store the files of the working directory that patterns fit as ``outputFiles`` does: path to URI."""

    async def find(self, patterns: Iterable[str]) -> list[str]:
        """The paths of the regular files of the working directory that patterns fit, in order."""

    async def delete(self, uri: str) -> bool:
        """Delete a file of this execution or of one of its chain; whether there was one.

        Raises ``SegueError`` for other files; those of namespaces are deleted by ``context.namespace_files``.
        """

    def read_blocking(self, uri: str) -> bytes:
        """The whole content, for a ``run`` in a thread."""

    def write_blocking(self, name: str, content: bytes | Path) -> str:
        """Store a file, for a ``run`` in a thread."""

    def download_blocking(self, uri: str, path: str) -> Path:
        """As ``download``, for a ``run`` in a thread."""

    def delete_blocking(self, uri: str) -> bool:
        """As ``delete``, for a ``run`` in a thread."""

    def place_blocking(self, files: Mapping[str, Any]) -> None:
        """As ``place``, for a ``run`` in a thread."""

    def collect_blocking(self, patterns: Iterable[str]) -> dict[str, str]:
        """As ``collect``, for a ``run`` in a thread."""


class NamespaceFile(NamedTuple):
    """A file of a namespace at its latest revision. ``uri`` is where that revision lies, for ``context.files``."""

    path: str
    uri: str
    size: int
    revision: int


class NamespaceFileStore(Protocol):
    """The files of namespaces (flow language 14.2). Contents are read with ``context.files.read``.

    ``namespace`` is the flow's own unless given. Raises ``IllegalPathError`` for a namespace that is not open to the
    flow, and for a path that leads out of the namespace.
    """

    async def entries(self, namespace: str = "") -> list[NamespaceFile]:
        """All files of a namespace, by path."""

    async def write(
        self,
        path: str,
        content: bytes | AsyncIterator[bytes] | Path,
        *,
        namespace: str = "",
        overwrite: bool = True,
    ) -> NamespaceFile:
        """Write the next revision of a file, whole or not at all.

        Bytes and files are sent again when the connection breaks, an iterator cannot be. Raises
        ``AlreadyExistsError`` when there is such a file and ``overwrite`` is false.
        """

    async def delete(self, paths: Iterable[str], *, namespace: str = "", with_folders: bool = False) -> list[str]:
        """Delete files: the paths of those there were. ``with_folders`` deletes the folders that are empty then."""


class Platform(Protocol):
    """What a task may ask of the platform beside files."""

    def read_logs(
        self,
        execution_id: str = "",
        *,
        namespace: str = "",
        flow_id: str = "",
        task_ids: Iterable[str] = (),
        level: LogLevel = LogLevel.TRACE,
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Log lines at or above ``level`` of this execution or of another of the tenant, oldest first, in pages.

        ``namespace`` and ``flow_id`` say where the execution must be. Raises ``NotFoundError`` when there is none,
        and ``SegueError`` when its namespace is not open to the flow.
        """

    async def run_task(self, text: str) -> Mapping[str, Any] | None:
        """Run the runnable task of a YAML text in place of this one, under its task run; the outputs.

        Raises ``SegueError`` when there is no such task or it is of the type of this one, and what the task raises.
        """

    async def ask(self, call: Call[Answer]) -> Answer:
        """Ask something of the control plane, on behalf of the flow: see ``segue.domain.platform`` for the calls.

        The call is made again when the connection breaks. Raises ``SegueError`` for what the flow may not have, and
        ``NotFoundError`` for what is not there.
        """

    async def read_kv(self, key: str, namespace: str = "") -> KvContent | None:
        """A value of the KV store; in the flow's own namespace, the default, also one of the namespaces above.

        Raises ``SegueError`` for one whose time is over, and for a namespace that is not open to the flow.
        """

    async def write_kv(
        self,
        key: str,
        content: KvContent,
        *,
        namespace: str = "",
        overwrite: bool = True,
        lives_for: timedelta | None = None,
        description: str = "",
    ) -> None:
        """Write a value, once, also when the connection breaks meanwhile. Raises ``SegueError`` as ``read_kv``, for a
        key that cannot be one, for one that is there when ``overwrite`` is false, and for a namespace that is not."""

    async def delete_kv(self, key: str, namespace: str = "") -> bool:
        """Remove a key; whether there was one. Raises as ``read_kv``."""

    async def kv_keys(self, prefix: str = "", namespace: str = "") -> list[str]:
        """The keys of a namespace in order, without those whose time is over. Raises as ``read_kv``."""


class Vault(Protocol):
    """What a task does with secrets."""

    def mask(self, secret: str) -> None:
        """Replace ``secret`` by asterisks in every line logged and message given from now on."""

    async def encrypt(self, text: str) -> Mapping[str, str]:
        """The form in which a secret text may stand among outputs (expression language 10.2); ``text`` is masked.

        Expressions of other tasks read the plain text, everybody else only the encrypted one. The control plane
        encrypts. Raises ``SegueError`` when it has no key.
        """

    async def decrypt(self, value: Mapping[str, str] | str) -> str:
        """The plain text of what ``encrypt`` gave, or of its ``value``; it is masked. Raises ``SegueError`` for
        anything else, and when it was not encrypted here."""

    def encrypt_blocking(self, text: str) -> Mapping[str, str]:
        """As ``encrypt``, for a ``run`` in a thread."""

    def decrypt_blocking(self, value: Mapping[str, str] | str) -> str:
        """As ``decrypt``, for a ``run`` in a thread."""


class Rendering(Protocol):
    """Expressions with the variables of the run."""

    @overload
    async def render(self, value: Property[T], variables: Mapping[str, Any] | None = None) -> T | None: ...
    @overload
    async def render(self, value: str, variables: Mapping[str, Any] | None = None) -> str: ...
    @overload
    async def render(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any: ...
    async def render(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any:
        """A property converted to its type; a text rendered; every text in maps and lists rendered.

        ``variables`` are roots for this time, beside those there are and over them. A property is rendered
        once per run, unless there are ``variables``. Raises ``ExpressionError`` and ``PropertyInvalidError``.
        """

    @overload
    def render_blocking(self, value: Property[T], variables: Mapping[str, Any] | None = None) -> T | None: ...
    @overload
    def render_blocking(self, value: str, variables: Mapping[str, Any] | None = None) -> str: ...
    @overload
    def render_blocking(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any: ...
    def render_blocking(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any:
        """The same for a ``run`` in a thread."""


class RunContext(Rendering, Vault, Protocol):
    """One run of a task."""

    @property
    def flow(self) -> FlowInfo:
        """The flow."""

    @property
    def execution(self) -> ExecutionInfo:
        """The execution."""

    @property
    def task_run(self) -> TaskRunInfo:
        """The task run and its attempt."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The roots of expressions (expression language 10.1). Read-only; outputs are loaded when read."""

    @property
    def logger(self) -> RunLogger:
        """The task's log."""

    @property
    def metrics(self) -> Metrics:
        """The task's metrics."""

    @property
    def insights(self) -> Insights:
        """What the task shows of its inside: steps, tables, links, texts, progress."""

    @property
    def files(self) -> Files:
        """Internal storage."""

    @property
    def namespace_files(self) -> NamespaceFileStore:
        """The files of namespaces."""

    @property
    def platform(self) -> Platform:
        """Logs, the KV store, and tasks run in place of this one."""

    @property
    def working_dir(self) -> Path:
        """A temporary folder, made when first asked for and removed after the run; inside a WorkingDirectory
        that of the whole block. Expressions know it as ``workingDir`` in tasks that take or give files."""

    @property
    def is_stopped(self) -> bool:
        """Whether the run should end: it was killed or is over its timeout."""

    @property
    def plugin_configurations(self) -> Mapping[str, Mapping[str, Any]]:
        """What ``plugins.configurations`` of the worker's configuration says of types: settings by the type's name."""

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` (in the worker's loop) when the run should end; at once if that is so already.

        An async ``run`` is cancelled as well; code in a thread that does not end within the grace period
        is given up.
        """
