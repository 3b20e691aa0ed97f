-- forget: remove every trace of finished or deleted tasks but their place in a zset. `letter` says how
-- they ended, for children that nobody told yet: c completed, d dead, else cancelled.
local function forget(ids, letter)
  if #ids == 0 then return end
  clear_causes(ids)
  forget_kin(ids, letter)
  redis.call('HDEL', k_tasks, unpack(ids))
  redis.call('HDEL', k_runs, unpack(ids))
  redis.call('HDEL', k_tries, unpack(ids))
  redis.call('ZREM', k_kept, unpack(ids))
end
