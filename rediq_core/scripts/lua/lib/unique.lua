-- unique: a key belongs to an unfinished task of this queue, and is released in the same script as
-- its owner's last transition. An owner that is not there or has finished cannot hold it.
local function place_of(id, member)
  for _, zset in ipairs({k_pending, k_delayed, k_retry, k_waiting, k_active, k_suspects}) do
    if redis.call('ZSCORE', zset, id) then return zset, id end
  end
  if redis.call('ZSCORE', k_held, member) then return k_held, member end
end
local function cancel_owner(id, unique, zset, member, stored)
  redis.call('ZADD', k_cancelled, int(now), id)
  append_runs({id, '{"o":"replaced","t":' .. int(now) .. '}\n'})
  tell_children(id)
  clear_causes({id})
  redis.call('ZREM', zset, member)
  if zset == k_pending or zset == k_waiting then leave_group(id, stored, tonumber(redis.call('HGET', k_policy, 'step') or nil)) end
  redis.call('HDEL', k_unique, unique)
  tally('cancelled')
end
-- Returns a refusal code and the owner's id, or nothing once the key is taken for `id`.
local function take_unique(id, unique, for_ms, on_duplicate)
  if not unique or unique == '' then return end
  local held, till = redis.call('HGET', k_unique, unique), for_ms and int(now + for_ms) or '0'
  if held then
    local owner, old_till = string.match(held, '^(.*)|(%d+)$')
    if owner == id then till = for_ms and till or old_till
    elseif old_till == '0' or tonumber(old_till) > now then
      local stored = redis.call('HGET', k_tasks, owner)
      local zset, member = place_of(owner, (stored and names_of(stored) or '') .. '>' .. owner)
      if stored and zset then
        if on_duplicate ~= 'p' then return '4', owner end
        if zset == k_active then return '6', owner end
        cancel_owner(owner, unique, zset, member, stored)
      end
    end
  end
  has_unique = true
  redis.call('HSET', k_unique, unique, id .. '|' .. till)
end
