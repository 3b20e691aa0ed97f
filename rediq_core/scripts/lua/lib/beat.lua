-- beat: someone works on this queue. If nobody did for half a lease, Redis was away, and expired
-- leases say nothing about their owners: nothing is reaped, and leases may be renewed, until
-- `reap_after`. Reads policy fields beat_ms and reap_after; returns reap_after.
local function beat(beat_ms, reap_after, lease_ms)
  local last, after = tonumber(beat_ms) or 0, tonumber(reap_after) or 0
  if last > 0 and (now - last > lease_ms / 2 or last > now) then
    after = now + lease_ms
    redis.call('HSET', k_policy, 'beat_ms', int(now), 'reap_after', int(after))
  else
    redis.call('HSET', k_policy, 'beat_ms', int(now))
  end
  return after
end
-- A lease at 0 is being reaped and never comes back, whatever the time.
local function may_renew(expiry, reap_after)
  local till = tonumber(expiry) or 0
  return till > 0 and (till >= now or now < reap_after)
end
