#!lua flags=allow-oom
-- renew: keep the leases of incarnations that hold something, beat, and look for expired ones.
-- KEYS leases policy cancels claims
-- ARGV now:ms lease:ms
-- then each incarnation to renew
-- RETURNS [now, next expiry, expired, statuses, id, cancel, id, cancel …]
--   statuses, one letter an incarnation: 1 renewed, 0 lost; expired: 1 if reap has work now
--   id, cancel: intents for tasks that these incarnations hold
-- MOVES none
--@include now
--@include tools
--@include beat
local lease_ms = tonumber(a_lease)
for _, key in ipairs({k_policy, k_cancels, k_claims}) do redis.call('HLEN', key) end
redis.call('ZCARD', k_leases)
local policy = redis.call('HMGET', k_policy, 'beat_ms', 'reap_after')
local reap_after = beat(policy[1], policy[2], lease_ms)
local statuses, mine, reply = {}, {}, {}
for i = 3, #ARGV do
  local expiry = redis.call('ZSCORE', k_leases, ARGV[i])
  if may_renew(expiry, reap_after) then
    redis.call('ZADD', k_leases, int(now + lease_ms), ARGV[i])
    statuses[#statuses + 1] = '1'
    mine[ARGV[i]] = true
  else
    statuses[#statuses + 1] = '0'
  end
end
if #statuses > 0 and redis.call('HLEN', k_cancels) > 0 then
  local intents = redis.call('HSCAN', k_cancels, '0', 'COUNT', 500)[2]
  for i = 1, #intents, 2 do
    local token = redis.call('HGET', k_claims, intents[i])
    if token and mine[string.match(token, '^(.*):%d+$')] then add(reply, intents[i], intents[i + 1]) end
  end
end
local first, expired, next_expiry = redis.call('ZRANGE', k_leases, 0, 0, 'WITHSCORES'), 0, 0
if #first > 0 then
  next_expiry = math.max(tonumber(first[2]), reap_after)
  if next_expiry < now then expired = 1 end
end
return {now, next_expiry, expired, table.concat(statuses), unpack(reply)}
