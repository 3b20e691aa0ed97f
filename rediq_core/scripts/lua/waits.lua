#!lua flags=allow-oom
-- waits: name what tasks have long been waiting for, so that it can be asked for again; drop the
-- ends of parents whose children never came.
-- KEYS tasks waiting needs dependents outbox outcomes early policy runs
-- ARGV now:ms since:ms limit:int
--   since: tasks that wait for less long are left alone, as are the ends of parents for ten times that
-- RETURNS [now, is there more, dropped, child, flags, parent, …]
--   parent "": the child waits for nothing that is known
-- MOVES none
--@include now
--@include tools
--@include place
--@include kin
-- Most edges of one reply.
local MOST = 1000
for _, key in ipairs({k_tasks, k_policy, k_runs}) do redis.call('HLEN', key) end
for _, key in ipairs({k_waiting, k_outbox, k_early}) do redis.call('ZCARD', key) end
local limit, since = tonumber(a_limit), tonumber(a_since)
local late = redis.call('ZRANGEBYSCORE', k_early, '-inf', int(now - since * 10), 'LIMIT', 0, limit)
for i = 1, #late do unrefer(other(late[i])) end
apply('ZREM', k_early, late)
local at = tonumber(redis.call('HGET', k_policy, 'waits_at') or 0)
local rows = redis.call('ZRANGE', k_waiting, at, at + limit - 1, 'WITHSCORES')
local reply, edges, seen = {now, 0, #late}, 0, 0
for i = 1, #rows, 2 do
  if tonumber(rows[i + 1]) > now - since or edges >= MOST then break end
  local child = rows[i]
  local stored = redis.call('HGET', k_tasks, child)
  local flags, group = string.match(stored or '', '^1|%d+|%d+|%d+|%d+|([^|]*)|[^|]*|[^|]*|([^|\n]*)|')
  local parents = parents_of('', child)
  for _, parent in ipairs(parents) do add(reply, child, flags or '', parent) end
  if #parents == 0 and group == '' then add(reply, child, flags, '') end
  edges = edges + #parents
  seen = seen + 1
end
if seen == limit or edges >= MOST then
  redis.call('HSET', k_policy, 'waits_at', at + seen)
  reply[2] = 1
elseif at > 0 then redis.call('HDEL', k_policy, 'waits_at') end
if #late == limit then reply[2] = 1 end
return reply
