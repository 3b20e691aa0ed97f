#!lua flags=no-writes,allow-stale
-- schedule_due: the schedules that are due, and when the next one will be.
-- KEYS schedules schedules_due
-- ARGV now:ms start:int limit:int
--   start: how many of those that are due to pass over
-- RETURNS [now, next, name, due, row, task, name, due, row, task …]
--   next: when the first that is not due yet is due, or 0; at most 4 MiB of tasks, at least one
-- MOVES none
--@include now
local MAX_BYTES, bytes = 4194304, 0
local later = redis.call('ZRANGEBYSCORE', k_schedules_due, '(' .. int(now), '(+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local due = redis.call('ZRANGEBYSCORE', k_schedules_due, '-inf', int(now), 'WITHSCORES', 'LIMIT', a_start, a_limit)
local reply = {now, later[2] or '0'}
for i = 1, #due, 2 do
  local stored = redis.call('HMGET', k_schedules, due[i], due[i] .. '|task')
  bytes = bytes + #(stored[2] or '')
  if i > 1 and bytes > MAX_BYTES then break end
  reply[#reply + 1] = due[i]
  reply[#reply + 1] = due[i + 1]
  reply[#reply + 1] = stored[1] or ''
  reply[#reply + 1] = stored[2] or ''
end
return reply
