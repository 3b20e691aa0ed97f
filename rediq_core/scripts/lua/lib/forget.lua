-- forget: remove every trace of finished or deleted tasks but their place in a zset.
local function clear_causes(ids)
  if #ids == 0 or redis.call('HLEN', k_causes) == 0 then return end
  local prints, members = redis.call('HMGET', k_causes, unpack(ids)), {}
  for i = 1, #ids do
    if prints[i] then members[#members + 1] = prints[i] .. '>' .. ids[i] end
  end
  if #members > 0 then
    redis.call('ZREM', k_errors, unpack(members))
    redis.call('HDEL', k_causes, unpack(ids))
  end
end
local function forget(ids)
  if #ids == 0 then return end
  clear_causes(ids)
  redis.call('HDEL', k_tasks, unpack(ids))
  redis.call('HDEL', k_runs, unpack(ids))
  redis.call('HDEL', k_tries, unpack(ids))
  redis.call('ZREM', k_kept, unpack(ids))
end
