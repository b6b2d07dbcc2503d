"""Every message of the queue is delivered twice, mostly out of order."""

from tests.chaos.cluster import Cluster
from tests.chaos.verdict import judge, nothing


async def test_every_message_comes_twice(doubling_cluster: Cluster) -> None:
    await judge(doubling_cluster, nothing, "every message doubled")
