#!lua flags=allow-oom
-- schedule_act: pause, resume or delete one schedule, and say who did it and why.
-- KEYS schedules schedules_due journal
-- ARGV now:ms verb:word name:name due:ms by:text note:json
--   due: for resume, its next due time; 0 if the caller does not know it yet
-- RETURNS [code, now, row]
--   code 0 there is none, 1 done, 2 it was so already, 7 nothing done: repeat with a due time
--   row: the schedule as it is stored, "" if there is none
-- MOVES none
--@include now
redis.call('ZCARD', k_schedules_due)
redis.call('XLEN', k_journal)
local old = redis.call('HMGET', k_schedules, a_name, a_name .. '|paused')
if not old[1] then return {0, now, ''} end
local ACTS = {}
function ACTS.pause()
  redis.call('ZADD', k_schedules_due, '+inf', a_name)
  redis.call('HSET', k_schedules, a_name .. '|paused', int(now) .. '|' .. a_note)
  return old[2] and 2 or 1
end
function ACTS.resume()
  if not old[2] then return 2 end
  if a_due == '0' then return 7 end
  redis.call('ZADD', k_schedules_due, a_due, a_name)
  redis.call('HDEL', k_schedules, a_name .. '|paused')
  return 1
end
function ACTS.delete()
  redis.call('ZREM', k_schedules_due, a_name)
  redis.call('HDEL', k_schedules, a_name, a_name .. '|task', a_name .. '|paused', a_name .. '|set')
  return 1
end
local code = ACTS[a_verb]()
if code ~= 7 then
  redis.call('XADD', k_journal, 'MAXLEN', '~', 10000, '*', 'verb', a_verb .. ' schedule', 'by', a_by,
    'schedule', a_name, 'note', a_note)
end
return {code, now, old[1]}
