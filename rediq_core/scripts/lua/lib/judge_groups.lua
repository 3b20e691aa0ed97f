-- judge_groups: what is wrong with one member of `groups` or `groups_due`, by a word. Who is in line
-- waits, or is pending in the name of its ripe group; a group with members has a time, a ripe one a head.
PARTS.groups, PARTS.groups_due = k_groups, k_groups_due
local function is_in_pending(id) return redis.call('ZSCORE', k_pending, id) end
function JUDGES.groups(member)
  local id = id_of(member)
  local stored = id and redis.call('HGET', k_tasks, id)
  if not stored then return 'leftover' end
  local name, own = group_of(id, stored)
  if own ~= member or not (is_in_pending(id) or redis.call('ZSCORE', k_waiting, id)) then return 'leftover' end
  if not redis.call('ZSCORE', k_groups_due, name) then return 'timeless' end
end
function JUDGES.groups_due(entry, due)
  local first = heads(string.match(entry, '^[^<]+') or '', 1)[1]
  if not first then return 'leftover' end
  if tonumber(due) == RIPE and not is_in_pending(id_of(first)) then return 'headless' end
end
