"""The two scripts that Redis runs: one asks, one changes, each a profile as a whole.

Commands are lists: name, key without what all keys begin with, arguments. Lua's numbers are
doubles, so sums are handed through as text and added up by Redis, in 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

#: Texts, raw bytes (``binary``) and integers below 2⁵³.
Command: TypeAlias = Sequence[str | int | msgspec.Raw]

#: KEYS: meta. ARGV: what keys begin with, generation (empty: the one that answers), commands.
#: Answers meta, ``m`` and ``o`` of the generation, and what the commands found. ``FIND`` looks up
#: the record of an event by bucket, field and id.
ASK = """
local meta = redis.call('HGETALL', KEYS[1])
local generation = ARGV[2]
if generation == '' then generation = redis.call('HGET', KEYS[1], 'generation') or '' end
local prefix = ARGV[1] .. generation .. ':'
local found = {}
local count = 0
for _, c in ipairs(cmsgpack.unpack(ARGV[3])) do
  if c[1] == 'FIND' then
    local hour = redis.call('HGET', prefix .. 'i:' .. c[2], c[3])
    found[count + 1] = hour and redis.call('HGET', prefix .. 'r:' .. hour, c[4])
  else
    c[2] = prefix .. c[2]
    found[count + 1] = redis.call(unpack(c))
  end
  count = count + 1
end
local state = redis.call('HGETALL', prefix .. 'm')
return {meta, state, redis.call('HGETALL', prefix .. 'o'), found}
"""

#: KEYS: meta. ARGV: what keys begin with, generation, its expected revision, expected number of
#: forgotten users, whether the generation has to be the one that answers (1), whether answers
#: change (1), commands. Returns 1, or 0 where something else is the case; nothing is done then.
#: ``ADD`` adds to fields of a hash (none is kept at 0), ``RAISE`` sets those that are less;
#: ``EACH`` carries out one command for many keys, with two arguments for each.
APPLY = """
local prefix = ARGV[1] .. ARGV[2] .. ':'
local function is(key, field, expected)
  return (redis.call('HGET', key, field) or '0') == expected
end
if not is(prefix .. 'm', 'revision', ARGV[3]) or not is(KEYS[1], 'forgotten', ARGV[4])
  or (ARGV[5] == '1' and not is(KEYS[1], 'generation', ARGV[2])) then
  return 0
end
for _, c in ipairs(cmsgpack.unpack(ARGV[7])) do
  local key = prefix .. c[2]
  if c[1] == 'ADD' then
    for at = 3, #c, 2 do
      if redis.call('HINCRBY', key, c[at], c[at + 1]) == 0 then redis.call('HDEL', key, c[at]) end
    end
  elseif c[1] == 'EACH' then
    for at = 3, #c, 3 do redis.call(c[2], prefix .. c[at], c[at + 1], c[at + 2]) end
  elseif c[1] == 'RAISE' then
    for at = 3, #c, 2 do
      local value = redis.call('HGET', key, c[at])
      if not value or tonumber(value) < tonumber(c[at + 1]) then
        redis.call('HSET', key, c[at], c[at + 1])
      end
    end
  else
    c[2] = key
    redis.call(unpack(c))
  end
end
if ARGV[6] == '1' then redis.call('HINCRBY', prefix .. 'm', 'revision', 1) end
return 1
"""

_encode = msgspec.msgpack.Encoder().encode
packed: Any = _encode


def binary(data: bytes) -> msgspec.Raw:
    """Bytes as an argument: the msgpack of Redis knows texts only, which need not be UTF-8."""
    return msgspec.Raw(b"\xdb" + len(data).to_bytes(4, "big") + data)
