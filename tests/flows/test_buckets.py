"""A real server whose files are objects of a bucket: inputs, outputs of all sizes, namespace files, removal."""

import asyncio
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from segue.testing.bucket_servers import ACCESS_KEY, SECRET_KEY, S3Server
from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, said, summary

BUCKET = "flows"
FLOW = """
id: bucket
namespace: company.team
inputs:
  - id: list
    type: FILE
tasks:
  - id: big
    type: io.kestra.plugin.core.output.OutputValues
    values:
      text: "{{ read(inputs.list) }}"
  - id: lines
    type: io.kestra.plugin.core.storage.Write
    content: "{{ outputs.big.values.text }}"
  - id: size
    type: io.kestra.plugin.core.storage.Size
    uri: "{{ outputs.lines.uri }}"
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.size.size }} {{ read('notes/one.txt') }} {{ outputs.big.values.text | length }}"
"""


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> Any:
    """What lies in the bucket, by the client of Amazon."""
    s3_server.new_bucket(BUCKET)
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    client = boto3.client("s3", endpoint_url=s3_server.address, region_name="us-east-1", **keys)
    return lambda: [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture(scope="module")
def server(s3_server: S3Server, bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("bucket")
    tree = COMBINATIONS[0].config(folder) | {"storage": s3_server.section(BUCKET, "segue")}
    process = ServerProcess("bucket", "standalone", folder, tree)
    with running(process):
        yield process


async def test_everything_lies_in_the_bucket(server: ServerProcess, bucket: Any) -> None:
    lines = "\n".join(f"line {number}" for number in range(20_000))
    async with RestClient(server.addresses.http) as client:
        await client.deploy(FLOW)
        path = "/namespaces/company.team/files"
        files = {"fileContent": ("one.txt", b"noted")}
        answer = await client.request("POST", path, params={"path": "/notes/one.txt"}, files=files)
        assert answer.status_code == 200, answer.text
        answer = await client.request(
            "POST", "/executions/company.team/bucket", files={"files": ("list", lines.encode(), "text/plain")}
        )
        assert answer.status_code == 200, answer.text
        end = await client.wait(answer.json()["id"])
        assert end["state"]["current"] == "SUCCESS", (summary(end), await client.logs(end["id"]))
        assert said(await client.logs(end["id"]))[-1] == f"{len(lines)} noted {len(lines)}"
        outputs = await client.outputs(end["id"])
        found = await client.request("GET", f"/executions/{end['id']}/file", params={"path": outputs["lines"]["uri"]})
        assert found.text == lines
        assert outputs["big"]["values"]["text"] == lines
        of_execution = [key for key in bucket() if end["id"] in key]
        assert len(of_execution) == 3, of_execution
        assert all(key.startswith("segue/main/company/team/bucket/executions/") for key in of_execution)
        assert [key for key in bucket() if key.startswith("segue/main/company/team/_files/")]
        answer = await client.request("DELETE", f"/executions/{end['id']}")
        assert answer.status_code == 204, answer.text
        assert [key for key in bucket() if end["id"] in key] == []


async def test_it_is_all_there_after_a_restart(server: ServerProcess) -> None:
    server.stop()
    server.start()
    async with RestClient(server.addresses.http) as client:
        found = await client.request("GET", "/namespaces/company.team/files", params={"path": "/notes/one.txt"})
        assert found.text == "noted"


def test_a_server_without_its_bucket_does_not_start(s3_server: S3Server, tmp_path: Any) -> None:
    tree = COMBINATIONS[0].config(tmp_path) | {"storage": s3_server.section("not-there")}
    process = ServerProcess("no-bucket", "standalone", tmp_path, tree)
    with pytest.raises(RuntimeError, match="the bucket not-there cannot be used: there is no such bucket"):
        process.start()
    process.stop()
    assert SECRET_KEY not in process.log.read_text()


OUTAGE = """
id: outage
namespace: company.team
tasks:
  - id: big
    type: io.kestra.plugin.core.output.OutputValues
    values:
      text: "{{ range(1, 20000) | join(',') }}"
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.big.values.text | length }}"
"""
INLINE = """
id: inline
namespace: company.team
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: small
"""


async def test_executions_wait_for_a_bucket_that_is_away(tmp_path: Any) -> None:
    with S3Server() as bucket_server:
        bucket_server.new_bucket(BUCKET)
        tree = COMBINATIONS[0].config(tmp_path) | {"storage": bucket_server.section(BUCKET)}
        process = ServerProcess("outage", "standalone", tmp_path, tree)
        with running(process):
            async with RestClient(process.addresses.http) as client:
                await client.deploy(OUTAGE, INLINE)
                bucket_server.stop()
                execution = await client.start("company.team", "outage")
                await client.wait(execution["id"], lambda found: found["state"]["current"] == "RUNNING")
                await asyncio.sleep(3)
                uri = f"kestra:///company/team/outage/executions/{execution['id']}/none"
                answer = await client.request("GET", f"/executions/{execution['id']}/file", params={"path": uri})
                assert answer.status_code == 503, answer.text
                assert (await client.get(execution["id"]))["state"]["current"] == "RUNNING"
                bucket_server.start()
                bucket_server.new_bucket(BUCKET)
                end = await client.wait(execution["id"], seconds=60)
                assert end["state"]["current"] == "SUCCESS", summary(end)
                assert said(await client.logs(end["id"]))[-1] == str(len(",".join(map(str, range(1, 20001)))))
