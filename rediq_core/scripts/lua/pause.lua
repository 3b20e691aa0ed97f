#!lua flags=allow-oom
-- pause: stop or start handing out tasks of a queue, and say who did it and why.
-- KEYS policy audit events wake
-- ARGV now:ms paused:bit by:text why:text until:ms
-- RETURNS [now, was paused]
-- MOVES none
--@include now
--@include wake
redis.call('LLEN', k_wake)
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
local was = redis.call('HEXISTS', k_policy, 'paused')
local verb = a_paused == '1' and 'pause' or 'resume'
if a_paused == '1' then
  redis.call('HSET', k_policy, 'paused', int(now), 'by', a_by, 'why', a_why, 'until', a_until)
else
  redis.call('HDEL', k_policy, 'paused', 'by', 'why', 'until')
  wake()
end
redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', verb, 'by', a_by, 'why', a_why)
redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', verb, 'by', a_by)
return {now, was}
