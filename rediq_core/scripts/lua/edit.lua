#!lua
-- edit: give a task another payload, if it is still what the editor saw, and nobody runs it.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead trash runs
-- KEYS policy audit events
-- ARGV now:ms id:id before:tail after:tail by:json operation:id
--   tail: the stored task after `expires_ms`; its options stay what they are
-- RETURNS [now, word]
--   word edited, already (by this operation), unknown, active, or changed: somebody else edited it meanwhile
-- MOVES none
--@include now
--@include tools
--@include place
--@include find
--@include runs
for _, key in ipairs({k_tasks, k_runs, k_policy}) do redis.call('HLEN', key) end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
redis.call('ZCARD', k_held)
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
local stored = redis.call('HGET', k_tasks, a_id)
if not stored then return {now, 'unknown'} end
local _, _, _, state = find(a_id, stored)
if state == 'active' then return {now, 'active'} end
local head, tail = string.match(stored, '^(1|%d+|%d+|%d+|)(.*)$')
if tail == a_after then
  local is_ours = string.find(redis.call('HGET', k_runs, a_id) or '', '"i":"' .. a_operation .. '"', 1, true)
  return {now, is_ours and 'already' or 'changed'}
end
if tail ~= a_before then return {now, 'changed'} end
append_runs({a_id, '{"o":"edit","t":' .. int(now) .. ',"n":' .. a_by .. ',"i":"' .. a_operation .. '"}\n'})
local edited = head .. a_after
if #edited > 40000 and #edited > (tonumber(redis.call('HGET', k_policy, 'max_blob') or nil) or 0) then
  redis.call('HSET', k_policy, 'max_blob', #edited)
end
redis.call('HSET', k_tasks, a_id, edited)
redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', 'edit', 'by', a_by, 'operation', a_operation,
  'count', 1, 'first', a_id)
redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', 'edit', 'by', a_by, 'count', 1, 'id', a_id)
return {now, 'edited'}
