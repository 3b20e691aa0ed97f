-- revive: what a move owes to the children of a task: those that died of one that comes back.
local function revive_children(id)
  if not any_edges or #kin(k_dependents, '>' .. id, 1) == 0 then return end
  redis.call('ZADD', k_outbox, int(now), id)
  deliver[#deliver + 1] = id
end
-- How a task that is to be forgotten ended, for children that nobody told yet.
local function ended_as(found)
  local ends = {completed = 'c', dead = 'd'}
  for _, place in ipairs(found) do
    if ends[place.name] then return ends[place.name] end
  end
end
