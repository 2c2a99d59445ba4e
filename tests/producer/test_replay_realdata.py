from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from core.kafka_admin import KafkaAdmin
from core.names import Topics
from core.settings import Settings
from features.batch import EventBatch
from features.csv_source import read_transactions
from features.validation import decode, to_batch
from producer.tail import TailReader
from tests.producer.csv_files import run_replay, write_ecommerce
from tests.producer.test_encode import assert_same

pytestmark = pytest.mark.integration


def in_order(batch: EventBatch) -> EventBatch:
    return batch.take(batch.in_total_order())


def accepted(settings: Settings, profile: str) -> EventBatch:
    """What a worker would accept of the topic of ``profile``; nothing may be refused."""
    topic = Topics(settings.namespace).transactions(profile).name
    admin = KafkaAdmin(settings)
    counts = {topic: admin.partitions()[topic]}
    reader = TailReader(settings, admin.offsets(counts, end=False))
    messages = list(chain.from_iterable(reader.until(admin.offsets(counts, end=True))))
    reader.close()
    decoded = decode(
        profile,
        [message.value() for message in messages],
        [message.timestamp()[1] for message in messages],
        0,
    )
    assert decoded.rejected == {}
    return to_batch(profile, [event for event in decoded.event if event])


def assert_replayed_whole(settings: Settings, folder: Path, csv: Path, profile: str) -> None:
    done = run_replay(settings, folder, str(csv), "--profile", profile)
    assert done.returncode == 0, done.stderr
    read = read_transactions(csv, profile, rejects=folder / "rejects.csv").batch
    assert_same(in_order(accepted(settings, profile)), in_order(read))


def test_a_file_comes_out_of_kafka_as_it_was_read(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 500, broken=1)
    assert_replayed_whole(settings, tmp_path, csv, "ecommerce")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "profile"),
    [("Fraud_Data.csv", "ecommerce"), ("creditcard_first_170000.csv.gz", "banking")],
)
def test_real_files_come_out_of_kafka_as_they_were_read(
    settings: Settings, tmp_path: Path, real_data: Path, name: str, profile: str
) -> None:
    assert_replayed_whole(settings, tmp_path, real_data / name, profile)
