#!lua flags=no-writes,allow-stale
-- read_causes: a page of the tasks that are in retry or dead for one cause, found by its fingerprint.
-- KEYS errors dead retry
-- ARGV now:ms prefix:text after:text start:int limit:int reverse:bit
--   prefix: the beginning of fingerprints; after: the last member of the page before, or ""; start: members
--   to pass over from there
-- RETURNS [now, total, read, overflow, last, id, state, score, at, id, state, score, at …]
--   total: tasks of these fingerprints; overflow: tasks whose cause was one too many to be told apart
--   at: its place on the page, from 0
-- MOVES none
--@include now
local lowest, highest = '[' .. a_prefix, '(' .. a_prefix .. '\255'
local reply = {now, redis.call('ZLEXCOUNT', k_errors, lowest, highest), 0,
  redis.call('ZLEXCOUNT', k_errors, '[other>', '(other?'), ''}
local page
if a_reverse == '1' then
  if a_after ~= '' then highest = '(' .. a_after end
  page = redis.call('ZREVRANGEBYLEX', k_errors, highest, lowest, 'LIMIT', a_start, a_limit)
else
  if a_after ~= '' then lowest = '(' .. a_after end
  page = redis.call('ZRANGEBYLEX', k_errors, lowest, highest, 'LIMIT', a_start, a_limit)
end
for i, member in ipairs(page) do
  local id, state = string.match(member, '^[^>]*>(.*)$'), 'dead'
  local score = redis.call('ZSCORE', k_dead, id)
  if not score then state, score = 'retry', redis.call('ZSCORE', k_retry, id) end
  if score then
    reply[#reply + 1] = id
    reply[#reply + 1] = state
    reply[#reply + 1] = score
    reply[#reply + 1] = i - 1
  end
end
reply[3], reply[5] = #page, page[#page] or ''
return reply
