"""The scalar path of the peers gives the bytes of the worker's own, which works on columns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.one_event import entity_ids, entries
from features.entry import entries_of, pack_entries
from features.profiles import profile_spec
from features.validation import to_batch
from features.validation_one import examine
from tests.features.written_events import LATEST_MS, SAMPLES

TEXTS = st.text("abé-9", min_size=1, max_size=60)


@pytest.mark.parametrize("profile", SAMPLES)
@given(event_id=TEXTS, owner=TEXTS, country=st.integers(0, 240))
def test_one_event_makes_the_entries_of_a_batch(
    profile: str, event_id: str, owner: str, country: int
) -> None:
    own = {"ecommerce": "user_id", "banking": "card_id"}[profile]
    written = {**SAMPLES[profile], "event_id": event_id, own: owner}
    event = examine(profile, json.dumps(written).encode(), LATEST_MS)
    batch = to_batch(profile, [event])
    packed = pack_entries(batch, np.array([country], np.int16))
    spec = profile_spec(profile)
    assert entries(profile, event, country) == [
        entries_of(entity, batch, packed).tobytes() for entity in spec.entities
    ]
    assert entity_ids(profile, event) == [
        batch.entity(entity).distinct[0] for entity in spec.entities
    ]
