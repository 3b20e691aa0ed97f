-- wake_all: a marker for each process that asked here lately, since only some of them know a type.
local MOST_MARKERS = 100
local function wake_all()
  local most = math.min(redis.call('HLEN', k_requests), MOST_MARKERS)
  for _ = redis.call('LLEN', k_wake) + 1, most do redis.call('RPUSH', k_wake, '1') end
end
