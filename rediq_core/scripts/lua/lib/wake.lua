-- wake: at most one marker per queue; a hint for consumers that block on it, never a claim.
local function wake()
  if redis.call('LLEN', k_wake) == 0 then redis.call('RPUSH', k_wake, '1') end
end
