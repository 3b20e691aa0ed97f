#!lua flags=no-writes,allow-stale
-- read_ids: a page of the ids of one zset without their tasks, or of those with a certain end.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead trash
-- KEYS trashed policy
-- ARGV now:ms zset:name start:rank limit:int ending:text upper:text operation:id
--   start: rank from the end, so that what leaves at the head meanwhile makes nobody skip
--   ending, upper: give only ids that end in one of these; "" for all
--   operation: of trash, only what this one put there; "" for all
-- RETURNS [now, total, read, id, since, id, since …] last first
--   read: members looked at; since: when it entered, in ms, or 0 where the score does not say it
-- MOVES none
--@include now
--@include place
--@include find
local MAX_BYTES = 4194304
local DATED = {active = 1, waiting = 1, completed = 1, dead = 1, cancelled = 1}
local key, start = k_held, tonumber(a_start)
for _, zset in ipairs(ZSETS) do if zset[1] == a_zset then key = zset[2] end end
local step, bytes = tonumber(redis.call('HGET', k_policy, 'step') or nil) or STEP, 0
local function since(id, score)
  if DATED[a_zset] then return score end
  if a_zset ~= 'pending' and a_zset ~= 'suspects' then return '0' end
  if step == STEP then return int(tonumber(score) % STEP) end
  local stored = redis.call('HGET', k_tasks, id)
  if not stored then return '0' end
  bytes = bytes + #stored
  local _, place = header(stored)
  return int(place or 0)
end
local function is_wanted(id)
  local ends = string.sub(id, -#a_ending)
  if a_ending ~= '' and ends ~= a_ending and ends ~= a_upper then return false end
  if a_operation == '' then return true end
  return string.match(redis.call('HGET', k_trashed, id) or '', '^%a+|[^|]*|([^|]*)|') == a_operation
end
local page = redis.call('ZREVRANGE', key, start, start + tonumber(a_limit) - 1, 'WITHSCORES')
local reply = {now, redis.call('ZCARD', key), 0}
for i = 1, #page, 2 do
  if bytes > MAX_BYTES then break end
  local id = a_zset == 'held' and string.match(page[i], '>(.*)$') or page[i]
  if is_wanted(id) then
    reply[#reply + 1] = id
    reply[#reply + 1] = since(id, page[i + 1])
  end
  reply[3] = reply[3] + 1
end
return reply
