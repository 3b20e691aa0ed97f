-- kin: what binds a task to its parents and its children, each in the slot of the one it is about.
-- needs: child>parent has not finished, /child>parent has. dependents: parent>queue/child is to be
-- told, >parent>queue/child died of it, /parent>queue/child was told. outcomes: parent is how it
-- ended (one for all its children here), >parent how many refer to it, /parent the end of a task of
-- this queue that was forgotten before its children were told. An outcome is letter|type|result.
local any_outcomes = redis.call('HLEN', k_outcomes) > 0
local any_needs = redis.call('ZCARD', k_needs) > 0
local any_edges = redis.call('ZCARD', k_dependents) > 0
local function kin(zset, name, limit)
  return redis.call('ZRANGEBYLEX', zset, '[' .. name .. '>', '(' .. name .. '?', 'LIMIT', 0, limit)
end
local function other(member) return string.match(member, '([^>]*)$') end
local function parents_of(prefix, id)
  local parents = kin(k_needs, prefix .. id, 1000)
  for i = 1, #parents do parents[i] = other(parents[i]) end
  return parents
end
local function is_bound(id) return any_needs and #kin(k_needs, id, 1) > 0 end
local function refer(parent, outcome)
  redis.call('HSET', k_outcomes, parent, outcome)
  redis.call('HINCRBY', k_outcomes, '>' .. parent, 1)
  any_outcomes = true
end
local function unrefer(parent)
  if redis.call('HINCRBY', k_outcomes, '>' .. parent, -1) < 1 then
    redis.call('HDEL', k_outcomes, parent, '>' .. parent)
  end
end
-- How a finished task ended, for its children.
local function end_of(id, stored, letter)
  local result = ''
  if letter == 'c' then
    for line in string.gmatch(redis.call('HGET', k_runs, id) or '', '[^\n]+') do
      if string.sub(line, 1, 16) == '{"o":"completed"' then result = string.match(line, '"r":(.*)}$') or '' end
    end
  end
  return letter .. '|' .. (stored and names_of(stored) or '') .. '|' .. result
end
-- Before tasks are forgotten: their edges go, and children that nobody told yet can still be told.
local function forget_kin(ids, letter)
  local is_owing = redis.call('ZCARD', k_outbox) > 0
  for i = 1, #ids do
    local id = ids[i]
    if is_owing and redis.call('ZSCORE', k_outbox, id) then
      redis.call('HSET', k_outcomes, '/' .. id, end_of(id, redis.call('HGET', k_tasks, id), letter or 'x'))
      any_outcomes = true
    end
    if any_edges then
      apply('ZREM', k_dependents, kin(k_dependents, '>' .. id, 10000))
      apply('ZREM', k_dependents, kin(k_dependents, '/' .. id, 10000))
    end
    if any_needs then
      for _, parent in ipairs(parents_of('/', id)) do unrefer(parent) end
      apply('ZREM', k_needs, kin(k_needs, '/' .. id, 1000))
      apply('ZREM', k_needs, kin(k_needs, id, 1000))
    end
  end
end
