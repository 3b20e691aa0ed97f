#!lua flags=allow-oom
-- schedule_advance: note when a schedule is due next, once all before is decided in its queue.
-- KEYS schedules schedules_due
-- ARGV now:ms name:name timing:hex seen:ms next:ms
--   timing, seen: as the caller read them; if either is another by now, somebody else was here
-- RETURNS [is done, now]
-- MOVES none
--@include now
redis.call('HLEN', k_schedules)
local due = redis.call('ZSCORE', k_schedules_due, a_name)
local row = redis.call('HGET', k_schedules, a_name)
if not row or tonumber(due) ~= tonumber(a_seen) then return {0, now} end
if string.match(row, '^%a+|%d+|(%x+)|') ~= a_timing then return {0, now} end
redis.call('ZADD', k_schedules_due, a_next, a_name)
return {1, now}
