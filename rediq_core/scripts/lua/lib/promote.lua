-- promote: what is due enters pending, a bounded step a call, and never more than a reply may hold.
local MAX_BYTES = 4194304
local function bound(limit, max_blob)
  if not max_blob or max_blob == 0 then return limit end
  return math.max(1, math.min(limit, math.floor(MAX_BYTES / max_blob)))
end
local function promote_from(zset, step, limit, is_grouped)
  local head = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  if #head == 0 then return 0 end
  if tonumber(head[2]) > now then return tonumber(head[2]) end
  local ids = redis.call('ZRANGEBYSCORE', zset, '-inf', int(now), 'LIMIT', 0, limit)
  local stored, ready = redis.call('HMGET', k_tasks, unpack(ids)), {}
  for i = 1, #ids do
    if stored[i] and not (is_grouped and join(ids[i], stored[i], step)) then
      add(ready, int(score_of(stored[i], step)), ids[i])
    end
  end
  apply('ZADD', k_pending, ready)
  redis.call('ZREM', zset, unpack(ids))
  if is_followed then for _, id in ipairs(ids) do trace('due', id) end end
  head = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  return #head > 0 and math.max(tonumber(head[2]), now) or 0
end
-- Returns when the next one is due, in ms, or 0.
local function promote(step, max_blob, is_grouped)
  local limit = bound(200, max_blob)
  local delayed, retry = promote_from(k_delayed, step, limit, is_grouped), promote_from(k_retry, step, limit, is_grouped)
  if is_grouped then ripen_due(step) end
  if delayed == 0 or retry == 0 then return delayed + retry end
  return math.min(delayed, retry)
end
