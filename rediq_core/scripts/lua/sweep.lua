#!lua flags=allow-oom
-- sweep: tidy a queue that may be idle, a bounded piece a call; each period one caller wins.
-- KEYS tasks pending suspects held active leases delayed retry waiting completed cancelled dead kept
-- KEYS trash trashed runs tries needs dependents outbox outcomes policy requests causes errors
-- ARGV now:ms period:ms keep:numbers served:bit cursor:text limit:int
--   cursor: "" to begin, then what the last call returned
--   keep: completed age, count; dead age, count; min_keep. A caller that serves the queue (served 1)
--   leaves it in the policy, and one that does not goes by what lies there: retention is the owner's.
-- RETURNS [is it the caller's turn, now, cursor, is there more, purged, repaired, trimmed, dropped,
--   parent, parent …]
--   purged: gone from trash for good; repaired: were in trash and in another state too; dropped: old
--   request rows; parents whose children were not told in time; told again if nobody does it now
-- MOVES trash->(gone) completed|cancelled|dead->(gone)
--@include now
--@include tools
--@include place
--@include causes
--@include kin
--@include forget
--@include trim
--@include find
-- A repeat of a request comes within seconds: its row is kept this long, in ms. Longer while its caller
-- has a lease: it holds tasks, and may ask for them as soon as it reaches Redis again.
local REQUEST_AGE = 600000
-- How long whoever tells children has until somebody else does, in ms.
local TELLING = 60000
-- How often trimming begins again at the oldest, for what was restored behind it, in ms.
local RESTART = 3600000
for _, key in ipairs({k_tasks, k_trashed, k_runs, k_tries, k_policy, k_requests, k_causes}) do redis.call('HLEN', key) end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_leases, k_kept, k_outbox, k_errors}) do redis.call('ZCARD', key) end
local limit, is_new = tonumber(a_limit), a_cursor == ''
local policy = redis.call('HMGET', k_policy, 'registered', 'swept_ms', 'keep', 'trims_ms')
local keep_words = a_keep
if a_served == '0' then keep_words = policy[3] or a_keep
elseif policy[1] and policy[3] ~= a_keep then redis.call('HSET', k_policy, 'keep', a_keep) end
local swept = tonumber(policy[2]) or 0
if is_new and (not policy[1] or (swept <= now and now < swept + tonumber(a_period))) then
  return {0, now, '', 0, 0, 0, 0, 0}
end
local has_more, purged, repaired = 0, 0, 0
-- A move that stopped half way left its task in two places: the other one counts, the trash lets go.
local function is_elsewhere(id, stored)
  for _, zset in ipairs(ZSETS) do
    if zset[1] ~= 'trash' and redis.call('ZSCORE', zset[2], id) then return true end
  end
  return redis.call('ZSCORE', k_held, names_of(stored) .. '>' .. id)
end
local function purge()
  local over, gone = redis.call('ZRANGEBYSCORE', k_trash, '-inf', int(now), 'LIMIT', 0, limit), {}
  if #over == 0 then return end
  local stored = redis.call('HMGET', k_tasks, unpack(over))
  for i = 1, #over do
    if stored[i] and is_elsewhere(over[i], stored[i]) then repaired = repaired + 1
    else gone[#gone + 1] = over[i] end
  end
  forget(gone)
  redis.call('HDEL', k_trashed, unpack(over))
  redis.call('ZREM', k_trash, unpack(over))
  purged = #gone
  if #over == limit then has_more = 1 end
end
local function trim_all()
  local keep, before, zsets = {}, 0, {k_completed, k_dead, k_cancelled}
  for number in string.gmatch(keep_words, '%d+') do keep[#keep + 1] = tonumber(number) end
  for _, zset in ipairs(zsets) do before = before + redis.call('ZCARD', zset) end
  if before == 0 then return 0 end
  if is_new and now >= (tonumber(policy[4]) or 0) + RESTART and redis.call('ZCARD', k_kept) > 0 then
    redis.call('HDEL', k_policy, 'trim_completed', 'trim_dead', 'trim_cancelled')
    redis.call('HSET', k_policy, 'trims_ms', int(now))
  end
  for i, name in ipairs({'trim_completed', 'trim_dead', 'trim_cancelled'}) do
    local at = i == 2 and 3 or 1
    if trim(zsets[i], name, keep[at], keep[at + 1], keep[5], limit) then has_more = 1 end
  end
  for _, zset in ipairs(zsets) do before = before - redis.call('ZCARD', zset) end
  return before
end
-- Returns where to go on, 'done' at the end, and how many rows went.
local function drop_requests()
  if a_cursor == 'done' or redis.call('HLEN', k_requests) == 0 then return 'done', 0 end
  local found, old = redis.call('HSCAN', k_requests, is_new and '0' or a_cursor, 'COUNT', limit), {}
  for i = 1, #found[2], 2 do
    local at = string.match(found[2][i + 1], '^[^|]*|(%d+)|')
    local is_old = not at or tonumber(at) < now - REQUEST_AGE
    if is_old and not redis.call('ZSCORE', k_leases, found[2][i]) then old[#old + 1] = found[2][i] end
  end
  apply('HDEL', k_requests, old)
  return found[1] == '0' and 'done' or found[1], #old
end
local function untold()
  local parents, later = redis.call('ZRANGEBYSCORE', k_outbox, '-inf', int(now), 'LIMIT', 0, limit), {}
  for _, parent in ipairs(parents) do add(later, int(now + TELLING), parent) end
  apply('ZADD', k_outbox, later)
  if #parents == limit then has_more = 1 end
  return parents
end
purge()
local trimmed = trim_all()
local cursor, dropped = drop_requests()
local parents = untold()
if cursor ~= 'done' then has_more = 1 end
-- Last, so that a sweep that stopped half way is done again.
if is_new then redis.call('HSET', k_policy, 'swept_ms', int(now)) end
return {1, now, cursor, has_more, purged, repaired, trimmed, dropped, unpack(parents)}
