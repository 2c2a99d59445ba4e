"""Record batches that no client would send: with a header whose name is not UTF-8."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

_STAND_IN = "odd-header-name"
_ODD = b"\xff\xfe" + _STAND_IN.encode()[2:]
_CRC_AT = 17  # in a record batch of version 2; it covers all that follows it


def record_batch(values: Sequence[bytes], odd: set[int]) -> bytes:
    """One batch; the records whose numbers are in ``odd`` have such a header."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    now = time.time_ns() // 1_000_000
    for number, value in enumerate(values):
        headers = [("plain", b"x"), (_STAND_IN, b"x")] if number in odd else []
        assert builder.append(number, now, b"key", value, headers) is not None
    batch = bytearray(bytes(builder.build()).replace(_STAND_IN.encode(), _ODD))
    crc = calc_crc32c(memoryview(batch)[_CRC_AT + 4 :])
    batch[_CRC_AT : _CRC_AT + 4] = crc.to_bytes(4, "big")
    return bytes(batch)


def publish_batch(servers: str, topic: str, partition: int, batch: bytes) -> None:
    """Append the batch to the partition as it is."""
    # In a thread: a browser of the same test process leaves its event loop running in the main one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _publish(servers, topic, partition, batch)).result()


async def _publish(servers: str, topic: str, partition: int, batch: bytes) -> None:
    client = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    try:
        (broker,) = client.cluster.brokers()
        request = ProduceRequest(None, -1, 10_000, [(topic, [(partition, batch)])])
        response = await client.send(broker.nodeId, request)
        assert response.topics[0][1][0][1] == 0, response
    finally:
        await client.close()
