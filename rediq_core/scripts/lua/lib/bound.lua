-- bound: a child leaves `waiting`: a bad end of a parent stops it, the last good one sets it free.
local CAUSE = 'dependency'
local BAD = {d = 'is dead', x = 'was cancelled', m = 'is gone'}
local blame, is_freed = {causes = {}, errors = {}}, false
-- The child ends here; where it was is the caller's to clear.
local function stop(id, unique, word, parent, outcome)
  local note = 'parent ' .. string.gsub(parent, '[\\"]', '\\%0') .. ' ' .. BAD[string.sub(outcome, 1, 1)]
  redis.call('ZADD', word == 'd' and k_dead or k_cancelled, int(now), id)
  if word == 'd' then
    append_runs({id, '{"o":"dependency_failed","t":' .. int(now) .. ',"e":"DependencyFailed","m":"' .. note
      .. '","p":"' .. CAUSE .. '"}\n'})
    note_failure(id, 'd', CAUSE .. '|DependencyFailed: a parent did not complete', blame)
    apply('HSET', k_causes, blame.causes)
    apply('ZADD', k_errors, blame.errors)
    blame.causes, blame.errors = {}, {}
  else append_runs({id, '{"o":"cancelled","t":' .. int(now) .. ',"n":"' .. note .. '"}\n'}) end
  release_unique(id, unique)
  tell_children(id)
  tally(word == 'd' and 'dead' or 'cancelled')
end
-- What comes along with a claim counts for the size of replies; one large child must not slow all.
local MOST_BLOB = 524288
local function weigh(id, stored, biggest)
  local size = #stored
  for _, parent in ipairs(parents_of('/', id)) do size = size + redis.call('HSTRLEN', k_outcomes, parent) end
  size = math.min(size, MOST_BLOB)
  if size > 40000 and size > biggest then redis.call('HSET', k_policy, 'max_blob', size) end
end
-- The last parent is done: at its place among the others, its wait and its time to expire begin now.
-- Returns whether it is still in `waiting`, collected with its group.
local function set_free(id, stored, policy)
  local priority, place, expires, rest = string.match(stored, '^1|(%d+)|(%d+)|(%d+)|(.*)$')
  place, expires = tonumber(place), tonumber(expires)
  if expires > 0 and place < now then
    stored = '1|' .. priority .. '|' .. int(place) .. '|' .. int(expires + now - place) .. '|' .. rest
    redis.call('HSET', k_tasks, id, stored)
  end
  weigh(id, stored, tonumber(policy[2]) or 0)
  is_freed = true
  if place > now then
    redis.call('ZADD', k_delayed, int(place), id)
    return false
  end
  local tried = string.match(redis.call('HGET', k_tries, id) or '', '^(%d+|%d+)') or '0|0'
  redis.call('HSET', k_tries, id, tried .. '|' .. int(now))
  local step = tonumber(policy[1])
  if join(id, stored, step) then return true end
  redis.call('ZADD', k_pending, int(score_of(stored, step)), id)
  return false
end
