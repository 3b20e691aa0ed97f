-- forget: remove every trace of finished or deleted tasks but their place in a zset.
local function forget(ids)
  if #ids == 0 then return end
  clear_causes(ids)
  redis.call('HDEL', k_tasks, unpack(ids))
  redis.call('HDEL', k_runs, unpack(ids))
  redis.call('HDEL', k_tries, unpack(ids))
  redis.call('ZREM', k_kept, unpack(ids))
end
