"""Figures that tasks measure, from the worker to the API, on a real server."""

from tests.rest import RestClient

FLOW = """
id: measured
namespace: tests.measured
tasks:
  - {id: one, type: io.kestra.plugin.core.debug.Return, format: four}
  - {id: two, type: io.kestra.plugin.core.debug.Return, format: sixsix}
"""


async def test_figures_of_tasks_are_found_and_summed_up(client: RestClient) -> None:
    await client.deploy(FLOW)
    kinds = [{}, {}, {"kind": "TEST"}]
    ids = [(await client.start("tests.measured", "measured", **query))["id"] for query in kinds]
    for execution_id in ids:
        ended = await client.wait(execution_id)
        assert ended["state"]["current"] == "SUCCESS"
    page = await client.json("GET", f"/metrics/{ids[0]}", params={"sort": "value:desc", "taskId": "two"})
    lengths = [item for item in page["results"] if item["name"] == "length"]
    assert [(item["taskId"], item["type"], item["value"]) for item in lengths] == [("two", "counter", 6.0)]
    assert page["total"] == 2
    assert await client.json("GET", "/metrics/names/tests.measured/measured") == ["duration", "length"]
    assert await client.json("GET", "/metrics/tasks/tests.measured/measured") == ["one", "two"]
    found = await client.json("GET", "/metrics/aggregates/tests.measured/measured/length")
    assert sum(item["value"] for item in found["aggregations"]) == 20.0, "that of the TEST execution does not count"
