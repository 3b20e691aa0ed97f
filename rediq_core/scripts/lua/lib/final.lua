-- final: what every arrival in a final state (or trash) owes to others: its unique key, the children
-- that wait for it, its place in `needs`. `deliver` collects parents whose children must be told.
local deliver = {}
local has_unique = redis.call('HLEN', k_unique) > 0
local has_dependents = redis.call('ZCARD', k_dependents) > 0
local function release_unique(id, unique)
  if has_unique and unique and unique ~= '' then
    local owner = redis.call('HGET', k_unique, unique)
    if owner and string.match(owner, '^(.*)|%d+$') == id then redis.call('HDEL', k_unique, unique) end
  end
end
local function tell_children(id)
  if not has_dependents then return end
  local edge = redis.call('ZRANGEBYLEX', k_dependents, '[' .. id .. '>', '(' .. id .. '?', 'LIMIT', 0, 1)
  if #edge > 0 then
    redis.call('ZADD', k_outbox, now, id)
    deliver[#deliver + 1] = id
  end
end
