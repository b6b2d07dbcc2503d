"""Tasks over files on a real server with its worker: made, cut, filtered, joined, published, read by another flow."""

from collections.abc import Iterator

import pytest

from segue.testing.bucket_servers import S3Server
from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, said, summary

FLOW = """
id: pipeline
namespace: company.team
tasks:
  - id: source
    type: io.kestra.plugin.core.storage.Write
    extension: .ion
    content: |
      {"id":1,"city":"Basel","price":10}
      {id:2,city:"Bern",price:2.5}
      {"id":1,"city":"Basel","price":12}
  - id: latest
    type: io.kestra.plugin.core.storage.DeduplicateItems
    from: "{{ outputs.source.uri }}"
    expr: "{{ id }}"
  - id: dear
    type: io.kestra.plugin.core.storage.FilterItems
    from: "{{ outputs.latest.uri }}"
    filterCondition: "{{ price > 3 }}"
  - id: parts
    type: io.kestra.plugin.core.storage.Split
    from: "{{ outputs.source.uri }}"
    rows: 1
  - id: joined
    type: io.kestra.plugin.core.storage.Concat
    files: "{{ [outputs.parts.uris[2], outputs.parts.uris[0]] }}"
    extension: .ion
  - id: turned
    type: io.kestra.plugin.core.storage.Reverse
    from: "{{ outputs.joined.uri }}"
  - id: directory
    type: io.kestra.plugin.core.flow.WorkingDirectory
    inputFiles:
      prices.ion: "{{ outputs.dear.uri }}"
    tasks:
      - id: publish
        type: io.kestra.plugin.core.namespace.UploadFiles
        namespace: "{{ flow.namespace }}"
        files: ["*.ion"]
        destination: reports
  - id: measured
    type: io.kestra.plugin.core.metric.Publish
    metrics:
      - {type: counter, name: prices, value: "{{ outputs.dear.processedItemsTotal }}", tags: {city: all}}
  - id: remember
    type: io.kestra.plugin.core.state.Set
    data: {last: "{{ execution.id }}"}
  - id: gone
    type: io.kestra.plugin.core.storage.Delete
    uri: "{{ outputs.source.uri }}"
  - id: say
    type: io.kestra.plugin.core.log.Log
    message:
      - "{{ read(outputs.dear.uri) | trim }}"
      - "{{ read(outputs.turned.uri) | trim }}"
      - "{{ fileExists(outputs.source.uri) }}"
"""
READER = """
id: reader
namespace: company.team
tasks:
  - id: take
    type: io.kestra.plugin.core.namespace.DownloadFiles
    namespace: company.team
    files: /reports/*
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ read(outputs.take.files['/reports/prices.ion']) | trim }}"
  - id: clean
    type: io.kestra.plugin.core.namespace.DeleteFiles
    namespace: company.team
    files: /reports/*
    deleteParentFolder: true
"""


@pytest.fixture(scope="module", params=["local", "s3"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("files")
    config = COMBINATIONS[0].config(folder)
    if request.param == "s3":
        bucket_server: S3Server = request.getfixturevalue("s3_server")
        bucket_server.new_bucket("file-tasks")
        config["storage"] = bucket_server.section("file-tasks")
    process = ServerProcess(f"files-{request.param}", "standalone", folder, config)
    with running(process):
        yield process


async def test_files_go_through_tasks_into_the_namespace_and_out(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(FLOW, READER)
        execution = await client.start("company.team", "pipeline")
        end = await client.wait(execution["id"])
        assert end["state"]["current"] == "SUCCESS", summary(end)
        last = '{"id":1,"city":"Basel","price":12}'
        lines = said(await client.logs(end["id"]))
        assert lines[-3:] == [last, f'{{"id":1,"city":"Basel","price":10}}\n{last}', "false"]
        outputs = await client.outputs(end["id"])
        assert outputs["latest"] | {"uri": ""} == {
            "uri": "",
            "numKeys": 2,
            "processedItemsTotal": 3,
            "droppedItemsTotal": 1,
        }
        assert outputs["remember"] == {"count": 1, "key": "pipeline_states_default"}
        assert outputs["gone"]["deleted"] is True
        query = {"path": "/reports"}
        found = await client.json("GET", "/namespaces/company.team/files/directory", params=query)
        assert [one["fileName"] for one in found] == ["prices.ion"]
        execution = await client.start("company.team", "reader")
        end = await client.wait(execution["id"])
        assert end["state"]["current"] == "SUCCESS", summary(end)
        assert last in said(await client.logs(end["id"]))
        assert await client.json("GET", "/namespaces/company.team/files/directory") == []
