#!lua flags=allow-oom
-- declare_groups: keep how a worker's group handlers collect, and hold groups that collect to it.
-- KEYS tasks pending waiting groups groups_due policy wake
-- ARGV now:ms cursor:text limit:int
-- then for each type: name size|grace ms|max_delay ms
--   cursor: "" to begin, then what the last call returned
-- RETURNS [now, cursor]
--   cursor 0 when done; equal rules are written once, and then nothing is walked
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
local rules, is_new = {}, false
for i = 4, #ARGV, 2 do
  rules[ARGV[i]] = ARGV[i + 1]
  if redis.call('HGET', k_policy, 'group:' .. ARGV[i]) ~= ARGV[i + 1] then
    redis.call('HSET', k_policy, 'group:' .. ARGV[i], ARGV[i + 1])
    is_new = true
  end
end
if a_cursor == '' and not is_new then return {now, '0'} end
-- A group that collects waits no longer than the new rule says, counted from now: done twice, as a
-- scan may, that changes nothing more.
local function hold_to(entry, score)
  local name, hard = string.match(entry, '^([^<]+)(<?)$')
  local kind = string.match(name, '^[^/]+')
  if not rules[kind] or score == RIPE then return end
  local size, grace, delay = settings_of(kind)
  if redis.call('ZLEXCOUNT', k_groups, '[' .. name .. '>', '(' .. name .. '?') >= size then
    ripen(name, tonumber(redis.call('HGET', k_policy, 'step') or nil))
    return
  end
  local latest = now + (hard == '<' and delay or grace)
  if score > latest then redis.call('ZADD', k_groups_due, 'XX', int(latest), entry) end
  is_group_new = true
end
local found = redis.call('ZSCAN', k_groups_due, a_cursor == '' and '0' or a_cursor, 'COUNT', a_limit)
for i = 1, #found[2], 2 do hold_to(found[2][i], tonumber(found[2][i + 1])) end
if is_group_ready or is_group_new then wake() end
return {now, found[1]}
