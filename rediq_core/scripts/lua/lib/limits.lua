-- limits: pause, concurrency over all workers, and rate, as they stand at this instant.
-- Tokens are fractions kept as text: what is missing by less than this is rounding.
local GRAIN = 0.000001
-- Returns how many may be claimed now and when to ask again if policy is what limits it (else 0).
local function allowed(want, policy)
  if policy[3] then
    local till = tonumber(policy[4]) or 0
    if till == 0 or till > now then return 0, till > 0 and till or -1 end
    redis.call('HDEL', k_policy, 'paused', 'by', 'why', 'until')
  end
  local room, hint = want, 0
  if policy[5] then
    local free = tonumber(policy[5]) - redis.call('ZCARD', k_active)
    if free < 1 then return 0, -1 end
    room = math.min(room, free)
  end
  if policy[6] then
    local rate, per, burst = tonumber(policy[6]), tonumber(policy[7]), tonumber(policy[8])
    local tokens = math.min(burst, (tonumber(policy[9]) or burst) + (now - (tonumber(policy[10]) or now)) * rate / per)
    local whole = math.max(math.floor(tokens + GRAIN), 0)
    -- Half a burst is worth coming back for: fewer calls, and the bucket does not run over meanwhile.
    local worth = math.max(1, math.min(room, math.floor(burst / 2)))
    if whole < math.max(room, 1) then hint = now + math.ceil((whole + worth - tokens - GRAIN) * per / rate) end
    room = math.min(room, whole)
    redis.call('HSET', k_policy, 'tokens', string.format('%.9f', tokens), 'tokens_ms', int(now))
  end
  return room, hint
end
