-- ends: what a claim brings along of a task's parents.
-- Returns the tries alone, or with each parent that has ended and how.
local function with_ends(id, stored, tries)
  if not any_outcomes or not string.find(stored, '^1|%d+|%d+|%d+|%d+|D') then return tries end
  local parents, reply = parents_of('/', id), {tries}
  if #parents == 0 then return tries end
  local ends = redis.call('HMGET', k_outcomes, unpack(parents))
  for i = 1, #parents do add(reply, parents[i], ends[i] or '') end
  return reply
end
