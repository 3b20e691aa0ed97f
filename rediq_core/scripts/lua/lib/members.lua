-- members: groups on their way through an exchange: ripe by time, taken by the claim of their head,
-- out of the line.
local opened = {ids = {}, members = {}, kinds = {}}
local function ripen_due(step)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', k_groups_due, '-inf', int(now), 'LIMIT', 0, 100)) do
    ripen(string.match(name, '^[^<]+'), step)
  end
end
-- Returns the earlier of `due` and the time at which the next group is ripe; 0 for neither.
local function next_group(due)
  local head = redis.call('ZRANGE', k_groups_due, 0, 0, 'WITHSCORES')
  local ripe = #head > 0 and tonumber(head[2]) or RIPE
  if ripe == RIPE then return due end
  ripe = math.max(ripe, now)
  return due == 0 and ripe or math.min(due, ripe)
end
-- Returns what a claim takes instead of `ids`: from the `from`th on they came from pending, and the
-- head of a group brings its members, as many as one call of its handler takes. What would make the
-- reply too long stays where it is.
local function with_members(ids, from, limit)
  local taken, seen = {}, {}
  for i = 1, from - 1 do taken[i] = ids[i] end
  for i = from, #ids do
    local stored = redis.call('HGET', k_tasks, ids[i])
    local name, own, kind = group_of(ids[i], stored or '')
    local company = {}
    if name then
      local size, _, _, is_declared = settings_of(kind)
      if is_declared then company = heads(name, math.min(size, limit)) end
    end
    if #taken > 0 and #taken + #company > limit then return taken end
    if name then
      opened.kinds[name] = kind
      add(opened.members, own)
    end
    if not seen[ids[i]] then
      add(taken, ids[i])
      add(opened.ids, ids[i])
      seen[ids[i]] = true
    end
    for _, member in ipairs(company) do
      local id = id_of(member)
      add(opened.members, member)
      if not seen[id] and (redis.call('ZSCORE', k_waiting, id) or redis.call('ZSCORE', k_pending, id)) then
        add(taken, id)
        add(opened.ids, id)
        seen[id] = true
      end
    end
  end
  return taken
end
local function leave_line(step)
  apply('ZREM', k_pending, opened.ids)
  apply('ZREM', k_waiting, opened.ids)
  apply('ZREM', k_groups, opened.members)
  for name, kind in pairs(opened.kinds) do regroup(name, kind, step) end
end
