-- groups: tasks that are collected until they run together. `groups` holds every member of a group
-- that is in line, most urgent first. While a group collects, they all wait, and groups_due holds
-- two times at which it is ripe: `type/group` (grace after the last came) and `type/group<`
-- (max_delay after the first). A ripe group has RIPE there, and its most urgent member is pending in
-- the name of all; a claim of that one takes the others too. Policy `group:<type>` says size|grace|delay.
local DEFAULTS = '10|30000|300000'
local fresh, settings, is_group_ready, is_group_new = {}, {}, false, false
-- Returns size, grace, max_delay, and whether a group handler declared them.
local function settings_of(kind)
  if not settings[kind] then
    local declared = redis.call('HGET', k_policy, 'group:' .. kind)
    local size, grace, delay = string.match(declared or DEFAULTS, '^(%d+)|(%d+)|(%d+)$')
    settings[kind] = {tonumber(size), tonumber(grace), tonumber(delay), declared}
  end
  return unpack(settings[kind])
end
-- Makes the first member pending for all. One that is left of a script that broke is dropped.
local function lead(name, step)
  for _ = 1, 1000 do
    local first = heads(name, 1)[1]
    if not first then return end
    local id = id_of(first)
    local stored = fresh[id] or redis.call('HGET', k_tasks, id)
    if stored and select(2, group_of(id, stored)) == first then
      redis.call('ZADD', k_pending, int(score_of(stored, step)), id)
      redis.call('ZREM', k_waiting, id)
      return first
    end
    redis.call('ZREM', k_groups, first)
    if not stored then redis.call('ZREM', k_waiting, id) end
  end
end
local function ripen(name, step)
  if lead(name, step) then
    redis.call('ZREM', k_groups_due, name .. '<')
    redis.call('ZADD', k_groups_due, int(RIPE), name)
    is_group_ready = true
  else redis.call('ZREM', k_groups_due, name, name .. '<') end
end
-- A task that became ready joins its group, which goes on collecting, is ripe, or gets a new head.
-- Returns false for a task without a group. `is_overdue`: the group was running with it: ripe at once.
local function join(id, stored, step, is_overdue)
  local name, member, kind = group_of(id, stored)
  if not name then return false end
  local size, grace, delay = settings_of(kind)
  local due, was = tonumber(redis.call('ZSCORE', k_groups_due, name) or nil), heads(name, 1)[1]
  fresh[id] = stored
  redis.call('ZADD', k_waiting, int(now), id)
  redis.call('ZADD', k_groups, 0, member)
  if due == RIPE then
    if lead(name, step) ~= was and was and redis.call('ZSCORE', k_pending, id_of(was)) then
      redis.call('ZADD', k_waiting, int(now), id_of(was))
      redis.call('ZREM', k_pending, id_of(was))
    end
    is_group_ready = true
  elseif is_overdue or redis.call('ZLEXCOUNT', k_groups, '[' .. name .. '>', '(' .. name .. '?') >= size then
    ripen(name, step)
  else
    redis.call('ZADD', k_groups_due, int(now + grace), name)
    redis.call('ZADD', k_groups_due, 'NX', int(now + delay), name .. '<')
    is_group_new = is_group_new or not due
  end
  return true
end
-- After members left the line: nothing is left, or what is left is ripe, or collects for as long as
-- its own members have not waited yet.
local function regroup(name, kind, step)
  local size, grace, delay = settings_of(kind)
  local rest, first, last = heads(name, size), now, 0
  if #rest > 0 and redis.call('ZSCORE', k_pending, id_of(rest[1])) then return end
  if #rest > 0 and #rest < size then
    for _, member in ipairs(rest) do
      local since = tonumber(redis.call('ZSCORE', k_waiting, id_of(member)) or now)
      first, last = math.min(first, since), math.max(last, since)
    end
    if last + grace > now and first + delay > now then
      redis.call('ZADD', k_groups_due, int(last + grace), name, int(first + delay), name .. '<')
      return
    end
  end
  ripen(name, step)
end
-- A member leaves the line for another state than active; the next one leads a ripe group. May be
-- done again after it stopped half way.
local function leave_group(id, stored, step)
  local name, member = group_of(id, stored)
  if not name then return end
  redis.call('ZREM', k_groups, member)
  local is_ripe = tonumber(redis.call('ZSCORE', k_groups_due, name) or nil) == RIPE
  if is_ripe or #heads(name, 1) == 0 then ripen(name, step) end
end
