#!lua
-- schedule_put: add or change one schedule; a pause stays, and an older configuration changes nothing.
-- KEYS schedules schedules_due journal
-- ARGV now:ms name:name source:word rev:int timing:hex due:ms most:int json:text task:text by:text
--   timing: names all that decides when it fires; another one starts it anew at `due`
--   due: its first due time, 0 if the caller does not know whether one is needed
--   by: who did it, for the journal; "" for a worker that registers what its configuration says
-- RETURNS [code, now, rev there]
--   code 1 added, 2 changed, 3 as it was, 4 a later configuration declared it, 5 a configuration
--   declares it (to the API), 6 there are as many as may be, 7 nothing done: repeat with a due time
-- MOVES none
--@include now
redis.call('HLEN', k_schedules)
redis.call('XLEN', k_journal)
local there = redis.call('ZCARD', k_schedules_due)
local old = redis.call('HMGET', k_schedules, a_name, a_name .. '|task', a_name .. '|paused')
local source, rev, timing, json = string.match(old[1] or '', '^(%a+)|(%d+)|(%x+)|(.*)$')
rev = tonumber(rev) or 0
if source == 'config' and a_source == 'api' then return {5, now, rev} end
local is_same = source == a_source and timing == a_timing and json == a_json and old[2] == a_task
if source == 'config' and rev > tonumber(a_rev) then return {is_same and 3 or 4, now, rev} end
if not old[1] and there >= tonumber(a_most) then return {6, now, 0} end
local due = redis.call('ZSCORE', k_schedules_due, a_name)
if old[3] then due = '+inf' elseif timing ~= a_timing or due == 'inf' then due = nil end
if not due and a_due == '0' then return {7, now, rev} end
-- Of one that is there the due time comes first, so that a repeat still sees that the timing is another.
if old[1] then redis.call('ZADD', k_schedules_due, due or a_due, a_name) end
redis.call('HSET', k_schedules, a_name, a_source .. '|' .. a_rev .. '|' .. a_timing .. '|' .. a_json,
  a_name .. '|task', a_task)
if not old[1] then redis.call('ZADD', k_schedules_due, due or a_due, a_name) end
if is_same then return {3, now, rev} end
redis.call('HSET', k_schedules, a_name .. '|set', int(now) .. '|' .. a_by)
if a_by ~= '' then
  redis.call('XADD', k_journal, 'MAXLEN', '~', 10000, '*', 'verb', 'schedule', 'by', a_by, 'schedule', a_name)
end
return {old[1] and 2 or 1, now, rev}
