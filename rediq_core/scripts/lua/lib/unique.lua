-- unique: a key belongs to an unfinished task of this queue, and is released in the same script as
-- its owner's last transition. An owner that is not there any more cannot hold it.
local function cancel_owner(id, stored)
  local kind, unique = names_of(stored)
  for _, zset in ipairs({k_pending, k_suspects, k_delayed, k_retry, k_waiting}) do redis.call('ZREM', zset, id) end
  redis.call('ZREM', k_held, kind .. '>' .. id)
  redis.call('ZADD', k_cancelled, int(now), id)
  append_runs({id, '{"o":"replaced","t":' .. int(now) .. '}\n'})
  redis.call('HDEL', k_unique, unique)
  tell_children(id)
  tally('cancelled')
end
-- Returns a refusal code and the owner's id, or nothing once the key is taken for `id`.
local function take_unique(id, unique, for_ms, on_duplicate)
  if not unique or unique == '' then return end
  local held = redis.call('HGET', k_unique, unique)
  if held then
    local owner, till = string.match(held, '^(.*)|(%d+)$')
    local stored = redis.call('HGET', k_tasks, owner)
    if stored and owner ~= id and (till == '0' or tonumber(till) > now) then
      if on_duplicate ~= 'p' then return '4', owner end
      if redis.call('ZSCORE', k_active, owner) then return '6', owner end
      cancel_owner(owner, stored)
    end
  end
  has_unique = true
  redis.call('HSET', k_unique, unique, id .. '|' .. (for_ms and int(now + for_ms) or '0'))
end
