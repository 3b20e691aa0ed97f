-- failure: why a task is in retry or dead, by fingerprint. At most 1,000 of them a queue (each has
-- four fields), then `other`. `failure` is "fingerprint|summary".
local WORDS = {c = 'completed', r = 'retried', d = 'dead', s = 'snoozed', p = 'released', h = 'held', x = 'cancelled'}
local MAX_PRINT_FIELDS = 4000
local function note_failure(id, kind, failure, puts)
  local print, summary = string.match(failure, '^([^|]*)|(.*)$')
  if redis.call('HEXISTS', k_prints, print) == 0 then
    if redis.call('HLEN', k_prints) >= MAX_PRINT_FIELDS then print, summary = 'other', 'other failures' end
    redis.call('HSETNX', k_prints, print, summary)
    redis.call('HSETNX', k_prints, print .. '>first', int(now))
  end
  redis.call('HSET', k_prints, print .. '>last', int(now))
  redis.call('HINCRBY', k_prints, print .. '>count', 1)
  local old = redis.call('HGET', k_causes, id)
  if old and old ~= print then redis.call('ZREM', k_errors, old .. '>' .. id) end
  add(puts.causes, id, print)
  add(puts.errors, 0, print .. '>' .. id)
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', WORDS[kind], 'id', id, 'failure', failure)
end
