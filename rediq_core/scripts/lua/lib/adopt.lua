-- adopt: a new task and its parents, named by comma. What became of those that ended before it came
-- lies in `early`.
-- Returns 'w' if it must wait, 'd' or 'x' if it has ended by a parent, nil if nothing keeps it.
local function adopt(id, parents, flags, unique)
  local fate, by, outcome
  for parent in string.gmatch(parents, '[^,]+') do
    local member = id .. '>' .. parent
    -- Met already if an enqueue of this task stopped half way.
    if redis.call('ZSCORE', k_early, member) or (any_needs and redis.call('ZSCORE', k_needs, '/' .. member)) then
      redis.call('ZADD', k_needs, 0, '/' .. member)
      redis.call('ZREM', k_early, member)
      local how = redis.call('HGET', k_outcomes, parent) or 'm||'
      local word = verdict(flags, how)
      if word and not by then fate, by, outcome = word, parent, how end
    else
      add(puts.needs, 0, member)
      fate = fate or 'w'
    end
  end
  if by then stop(id, unique, fate, by, outcome) end
  return fate
end
