#!lua flags=allow-oom
-- run_group: make a group ripe now, for an operator.
-- KEYS tasks pending waiting groups groups_due policy audit events wake
-- ARGV now:ms group:name by:text
--   group: type/group
-- RETURNS [now, members in line; 0: there is no such group, and nothing was done]
-- MOVES waiting->pending
--@include now
--@include tools
--@include place
--@include wake
--@include line
--@include groups
redis.call('HLEN', k_policy)
redis.call('HLEN', k_tasks)
for _, key in ipairs({k_pending, k_waiting, k_groups, k_groups_due}) do redis.call('ZCARD', key) end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
local size = redis.call('ZLEXCOUNT', k_groups, '[' .. a_group .. '>', '(' .. a_group .. '?')
if size == 0 then return {now, 0} end
ripen(a_group, tonumber(redis.call('HGET', k_policy, 'step') or nil))
redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', 'run group', 'by', a_by, 'group', a_group, 'count', size)
redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', 'run group', 'by', a_by, 'group', a_group)
wake()
return {now, size}
