#!lua flags=no-writes,allow-stale
-- read_queue: a queue's numbers in O(1), its policy, and what is oldest.
-- KEYS pending suspects held active delayed retry waiting completed cancelled dead trash leases
-- KEYS policy counters tasks minute_before minute
-- ARGV now:ms
-- RETURNS [now, oldest place or 0, next due or 0, counts (11 in the order of KEYS), policy, counters,
--   minute, minute before]; policy, counters and minutes as flat field, value lists
-- MOVES none
--@include now
--@include place
local counts = {}
for i, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting, k_completed,
  k_cancelled, k_dead, k_trash}) do counts[i] = redis.call('ZCARD', key) end
local policy = redis.call('HGETALL', k_policy)
local step = tonumber(redis.call('HGET', k_policy, 'step') or nil) or STEP
local function oldest()
  -- One look per priority in use: the head of each is the one that is ready longest.
  local best, from = 0, '-inf'
  for _ = 1, 101 do
    local head = redis.call('ZRANGEBYSCORE', k_pending, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if #head == 0 then return best end
    local stored = redis.call('HGET', k_tasks, head[1])
    if not stored then return best end
    local priority, place = header(stored)
    if best == 0 or place < best then best = place end
    if step < STEP then return best end
    from = int((priority + 1) * step)
  end
  return best
end
local due = 0
for _, key in ipairs({k_delayed, k_retry}) do
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if #head > 0 and (due == 0 or tonumber(head[2]) < due) then due = tonumber(head[2]) end
end
return {now, oldest(), due, counts, policy, redis.call('HGETALL', k_counters), redis.call('HGETALL', k_minute),
  redis.call('HGETALL', k_minute_before)}
