"""Cases in Redis: ``cases`` of a profile, a hash of event id → packed case.

They belong to no generation of the read model, as they cannot be made anew from the topics. A case
stands only where its alert does: both are looked at in one script.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from features.redis_client import said
from features.wire import SCAN_COUNT
from views.case import UNTOUCHED, Case, pack_case, unpack_case
from views.readmodel.layout import alerts_key, prefix
from views.readmodel.redis_model import RedisModel

#: KEYS: meta, cases. ARGV: what keys begin with, key of the alerts, event id, case that is expected
#: (empty: none), case. Returns 1, 0 where another case stands there, or −1 where there is no alert.
_SET = """
local generation = redis.call('HGET', KEYS[1], 'generation') or ''
if redis.call('HEXISTS', ARGV[1] .. generation .. ':' .. ARGV[2], ARGV[3]) == 0 then return -1 end
if (redis.call('HGET', KEYS[2], ARGV[3]) or '') ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
redis.call('HINCRBY', KEYS[1], 'cases', 1)
return 1
"""

#: KEYS: meta, cases. ARGV: what keys begin with, then key of the alerts and event id of each case.
#: Deletes those whose alert is gone; returns how many.
_SWEEP = """
local generation = redis.call('HGET', KEYS[1], 'generation') or ''
local gone = 0
for at = 2, #ARGV, 2 do
  if redis.call('HEXISTS', ARGV[1] .. generation .. ':' .. ARGV[at], ARGV[at + 1]) == 0 then
    gone = gone + redis.call('HDEL', KEYS[2], ARGV[at + 1])
  end
end
if gone > 0 then redis.call('HINCRBY', KEYS[1], 'cases', 1) end
return gone
"""
_CHUNK = 500


class NoSuchAlert(Exception):  # noqa: N818 - whoever asked says it in words
    """There is no alert to have a case."""


class Cases:
    """The cases of a namespace.

    Args:
        model: the namespace's.
    """

    def __init__(self, model: RedisModel) -> None:
        self._model = model

    def of(self, profile: str, event_ids: Sequence[str]) -> list[Case]:
        """The cases of some events.

        Raises:
            StateError: Redis cannot be reached.
        """
        if not event_ids:
            return []
        with said():
            found = self._model.client.hmget(self._keys(profile)[1], list(event_ids))
        return [UNTOUCHED if one is None else unpack_case(one) for one in found]

    def has_alert(self, profile: str, event_id: str) -> bool:
        """Whether there is an alert to have a case; raises ``StateError``."""
        asked = ("HEXISTS", alerts_key(event_id), event_id)
        return bool(self._model.ask(profile, [asked])[1][0])

    def put(self, profile: str, event_id: str, before: Case, after: Case) -> bool:
        """Let ``after`` take the place of ``before``; whether that was still there.

        Raises:
            NoSuchAlert: the alert is gone.
            StateError: Redis cannot be reached; it may have been done.
        """
        expected = b"" if before == UNTOUCHED else pack_case(before)
        begin = prefix(self._model.namespace, profile)
        with said():
            client = self._model.client
            done = client.register_script(_SET)(
                self._keys(profile),
                [begin, alerts_key(event_id), event_id, expected, pack_case(after)],
                client,
            )
        if done < 0:
            raise NoSuchAlert
        return bool(done)

    def delete(self, profile: str, event_ids: Sequence[str]) -> None:
        """Delete the cases of some events; raises ``StateError``."""
        if event_ids:
            with said():
                self._model.client.hdel(self._keys(profile)[1], *event_ids)

    def sweep(self, profile: str) -> int:
        """Delete the cases whose alerts are gone; how many there were; raises ``StateError``."""
        gone, cursor = 0, 0
        meta, cases = self._keys(profile)
        begin = prefix(self._model.namespace, profile)
        with said():
            client: Any = self._model.client
            script = client.register_script(_SWEEP)
            while True:
                cursor, found = client.hscan(cases, cursor, count=SCAN_COUNT)
                ids = [event_id.decode() for event_id in found]
                for start in range(0, len(ids), _CHUNK):
                    pairs = [
                        part
                        for event_id in ids[start : start + _CHUNK]
                        for part in (alerts_key(event_id), event_id)
                    ]
                    gone += script([meta, cases], [begin, *pairs], client)
                if cursor == 0:
                    return gone

    def _keys(self, profile: str) -> list[str]:
        begin = prefix(self._model.namespace, profile)
        return [f"{begin}meta", f"{begin}cases"]
