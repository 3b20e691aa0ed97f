#!lua
-- enqueue_plain: take new tasks with a priority and no more, 1 to 500; what it cannot do, enqueue does.
-- KEYS tasks pending policy counters wake minute
-- ARGV now:ms tasks:int
-- then for each task: id options tail
--   options: priority; tail: as for enqueue
-- RETURNS [status, now, codes, deliver]
--   status 1 done, 0 unregistered, 2 not for this script: some id is known, the queue is followed or has
--   a max_len, a task is large; after 0 and 2 nothing was done
--   codes: 1 for each task; deliver: always empty
-- MOVES (new)->pending
--@include now
--@include place
-- Reads first, as a check of types: after the first write nothing may fail.
local policy = redis.call('HMGET', k_policy, 'registered', 'paused', 'step', 'max_len', 'trace_until')
if not policy[1] then return {0, now, '', ''} end
if policy[4] or (tonumber(policy[5]) or 0) > now then return {2, now, '', ''} end
local n, step, seen, ids, places, rows = tonumber(a_tasks), tonumber(policy[3]) or STEP, {}, {}, {}, {}
local between = '|' .. int(now) .. '|0|'
for i = 1, n do
  local id, priority, tail = ARGV[i * 3], ARGV[i * 3 + 1], ARGV[i * 3 + 2]
  if seen[id] or #tail > 39000 then return {2, now, '', ''} end
  seen[id], ids[i] = true, id
  places[2 * i - 1], places[2 * i] = int(now + tonumber(priority) * step), id
  rows[2 * i - 1], rows[2 * i] = id, '1|' .. priority .. between .. tail
end
for _, known in ipairs(redis.call('HMGET', k_tasks, unpack(ids))) do
  if known then return {2, now, '', ''} end
end
local markers = redis.call('LLEN', k_wake)
redis.call('HLEN', k_counters)
redis.call('HLEN', k_minute)
-- Places first: a place without its task is passed over, a task without a place would be lost.
redis.call('ZADD', k_pending, unpack(places))
redis.call('HSET', k_tasks, unpack(rows))
if markers == 0 and not policy[2] then redis.call('RPUSH', k_wake, '1') end
redis.call('HINCRBY', k_counters, 'enqueued', n)
if redis.call('HINCRBY', k_minute, 'enqueued', n) == n then redis.call('EXPIRE', k_minute, 93600) end
return {1, now, string.rep('1', n), ''}
