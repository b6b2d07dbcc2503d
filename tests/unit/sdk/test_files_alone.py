"""Files of executions and namespaces in tasks that are run by themselves."""

from typing import Any, ClassVar

from segue.expr.ion.binary_writer import ion_bytes
from segue.sdk import RunContext, State, Task, as_text, read_records
from segue.sdk.testing import run_task

CORE = "io.kestra.plugin.core."


class Scratch(Task):
    """Stores two files and deletes one of them, in a thread."""

    type: ClassVar[str] = "test.Scratch"

    def run(self, context: RunContext) -> dict[str, Any]:
        kept, other = (context.files.write_blocking(name, name.encode()) for name in ("a/1.txt", "2.txt"))
        deleted = [context.files.delete_blocking(other), context.files.delete_blocking(other)]
        return {"kept": kept, "deleted": deleted}


class Tidy(Task):
    """Uses all verbs of the namespace's files."""

    type: ClassVar[str] = "test.Tidy"

    async def run(self, context: RunContext) -> dict[str, Any]:
        files = context.namespace_files
        (context.working_dir / "in.txt").write_text("from the directory")
        written = await files.write("/b/in.txt", context.working_dir / "in.txt")
        again = await files.write("a.txt", b"second")
        deleted = await files.delete(["c.txt", "none"], with_folders=True)
        return {
            "written": written._asdict() | {"uri": ""},
            "revision": again.revision,
            "deleted": deleted,
            "paths": [file.path for file in await files.entries()],
        }


class Columns(Task):
    """Reads records."""

    type: ClassVar[str] = "test.Columns"

    async def run(self, context: RunContext) -> dict[str, Any]:
        uri = "nsfile:///in.ion"
        found = [record.value async for records in read_records(context.files.read(uri)) for record in records]
        text = b"".join([chunk async for chunk in as_text(context.files.read(uri))])
        return {"found": found, "text": text.decode()}


async def test_a_file_that_was_deleted_is_gone() -> None:
    done = await run_task(Scratch())
    assert done.state is State.SUCCESS, done.message
    assert done.outputs["deleted"] == [True, False]
    assert done.outputs["kept"].endswith("/a/1.txt")
    assert list(done.files.values()) == [b"a/1.txt"]


async def test_the_verbs_of_namespace_files() -> None:
    done = await run_task(Tidy(), namespace_files={"a.txt": b"first", "c.txt": b"x"})
    assert done.state is State.SUCCESS, done.message
    assert done.outputs["written"] == {"path": "b/in.txt", "uri": "", "size": 18, "revision": 1}
    assert done.outputs["revision"] == 2
    assert done.outputs["deleted"] == ["c.txt"]
    assert done.outputs["paths"] == ["a.txt", "b/in.txt"]
    assert done.namespace_files == {"a.txt": b"second", "b/in.txt": b"from the directory"}


async def test_records_in_both_forms() -> None:
    values = [{"a": 1}, {"a": [None]}]
    for content, text in (
        (b'{"a":1}\n{a:[null]}', '{"a":1}\n{a:[null]}'),
        (ion_bytes(values, 1000), "{a:1}\n{a:[null]}\n"),
        (b"", ""),
    ):
        done = await run_task(Columns(), namespace_files={"in.ion": content})
        assert done.outputs == {"found": values if content else [], "text": text}
    done = await run_task(Columns(), namespace_files={"in.ion": b"{"})
    assert done.state is State.FAILED
    assert "no record in line 1" in str(done.message)


async def test_reverse_and_upload_alone() -> None:
    given = {"a.csv": b"1\n2\n"}
    done = await run_task({"type": CORE + "storage.Reverse", "from": "nsfile:///a.csv"}, namespace_files=given)
    assert done.files[done.outputs["uri"]] == b"2\n1\n"
    upload = {
        "type": CORE + "namespace.UploadFiles",
        "namespace": "{{ flow.namespace }}",
        "filesMap": {"b": "nsfile:///a.csv"},
    }
    done = await run_task(upload, namespace_files=given)
    assert done.state is State.SUCCESS, done.message
    assert done.namespace_files == given | {"b": b"1\n2\n"}
