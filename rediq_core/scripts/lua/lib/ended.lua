-- ended: how a task of this queue ended, from where it is now; "" if it has not, nil if it is unknown.
-- Deleted is cancelled, unless it had finished before.
local ENDS = {completed = 'c', dead = 'd', cancelled = 'x'}
local function ended(id)
  local stored = redis.call('HGET', k_tasks, id)
  local name = stored and find(id, stored)
  if not name then return any_outcomes and redis.call('HGET', k_outcomes, '/' .. id) or nil end
  local letter = ENDS[name]
  if name == 'trash' then
    letter = ENDS[string.match(redis.call('HGET', k_trashed, id) or '', '^(%a+)|')] or 'x'
  end
  return letter and end_of(id, stored, letter) or ''
end
