#!lua flags=no-writes,allow-stale
-- read_failures: why tasks are in retry or dead, one row a fingerprint; the tasks are not looked at.
-- KEYS errors prints tasks
-- ARGV now:ms after:text limit:int
--   after: the last fingerprint of the page before, or ""
-- RETURNS [now, more, row, row …]
--   more 1: there are others behind these; a row: fingerprint, tasks, summary, first ms, last ms, how often it
--   happened, then up to 3 of its latest tasks: id, type, id, type …
-- MOVES none
--@include now
--@include place
local reply, from = {now, 0}, a_after == '' and '-' or '(' .. a_after .. '?'
for _ = 1, tonumber(a_limit) do
  local head = redis.call('ZRANGEBYLEX', k_errors, from, '+', 'LIMIT', 0, 1)
  if #head == 0 then return reply end
  local print = string.match(head[1], '^([^>]*)>') or head[1]
  local lowest, highest = '[' .. print .. '>', '(' .. print .. '?'
  local known = redis.call('HMGET', k_prints, print, print .. '>first', print .. '>last', print .. '>count')
  local row = {print, redis.call('ZLEXCOUNT', k_errors, lowest, highest), known[1] or '', known[2] or '0',
    known[3] or '0', known[4] or '0'}
  for _, member in ipairs(redis.call('ZREVRANGEBYLEX', k_errors, highest, lowest, 'LIMIT', 0, 3)) do
    local id = string.match(member, '>(.*)$')
    local stored = redis.call('HGET', k_tasks, id)
    row[#row + 1] = id
    row[#row + 1] = stored and names_of(stored) or ''
  end
  reply[#reply + 1] = row
  from = highest
end
reply[2] = #redis.call('ZRANGEBYLEX', k_errors, from, '+', 'LIMIT', 0, 1)
return reply
