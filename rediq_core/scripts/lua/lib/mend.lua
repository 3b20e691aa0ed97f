-- mend: put right what judge found. Nothing acknowledged is lost: a task that is nowhere runs again
-- unless it has completed, and of two places the one that still promises a run is kept.
local PREFERENCE = {'active', 'suspects', 'held', 'pending', 'retry', 'delayed', 'waiting', 'dead', 'cancelled',
  'completed', 'trash'}
local step = tonumber(redis.call('HGET', k_policy, 'step') or nil)
local lines = {}
local function note(id, word)
  add(lines, id, '{"o":"' .. word .. '","t":' .. int(now) .. ',"n":' .. a_by .. '}\n')
end
local function has_completed(id)
  local text = redis.call('HGET', k_runs, id)
  return text and string.find('\n' .. text, '\n{"o":"completed"', 1, true) ~= nil
end
local function into_line(id, stored)
  local _, due = header(stored)
  if due > now then redis.call('ZADD', k_delayed, int(due), id)
  else redis.call('ZADD', k_pending, int(score_of(stored, step)), id) end
  note(id, 'repaired')
  is_ready = true
end
local function keep_one(id, stored)
  local names, keys, members = places_of(id, stored)
  local rank, best = {}, nil
  for i, name in ipairs(PREFERENCE) do rank[name] = i end
  if has_completed(id) then rank.completed = 0 end
  -- A claim that nobody holds is no promise: the other place is.
  if not redis.call('HGET', k_claims, id) then rank.active = 99 end
  for i, name in ipairs(names) do
    if not best or rank[name] < rank[names[best]] then best = i end
  end
  for i, key in ipairs(keys) do
    if i ~= best then redis.call('ZREM', key, members[i]) end
  end
  note(id, 'repaired')
end
-- Each returns true once it has changed something.
local MENDS = {}
function MENDS.orphan(key, member) return redis.call('ZREM', key, member) > 0 end
function MENDS.homeless(_, id, stored)
  if has_completed(id) then redis.call('ZADD', k_completed, int(now), id) else into_line(id, stored) end
  return true
end
function MENDS.double(_, id, stored)
  keep_one(id, stored)
  return true
end
function MENDS.ungrouped(_, id)
  join(id, redis.call('HGET', k_tasks, id), step)
  note(id, 'repaired')
  is_ready = true
  return true
end
-- A time for a group that has none: a ripe one's if its head is pending, else as if it came just now.
function MENDS.timeless(_, member)
  local id = id_of(member)
  local stored = redis.call('HGET', k_tasks, id)
  if is_in_pending(id) then ripen(group_of(id, stored), step) else join(id, stored, step) end
  is_ready = true
  return true
end
function MENDS.headless(_, entry)
  ripen(string.match(entry, '^[^<]+'), step)
  is_ready = true
  return true
end
local LOOSE = {[k_kept] = 1, [k_errors] = 1, [k_outbox] = 1, [k_groups] = 1, [k_groups_due] = 1}
function MENDS.unlisted(key, id, value)
  if key == k_causes then redis.call('ZADD', k_errors, 0, value .. '>' .. id)
  else redis.call('HSET', k_trashed, id, 'pending|0||') end
  return true
end
function MENDS.leftover(key, member)
  if LOOSE[key] then return redis.call('ZREM', key, member) > 0 end
  return redis.call('HDEL', key, member) > 0
end
MENDS.stale = MENDS.leftover
function MENDS.drift(key, field)
  redis.call('HSET', key, field, int(least(field)))
  return true
end
function MENDS.unreadable(key, field)
  if key == k_counters then return MENDS.drift(key, field) end
  return redis.call('HDEL', key, field) > 0
end
