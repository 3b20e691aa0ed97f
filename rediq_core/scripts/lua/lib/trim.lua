-- trim: a few finished tasks over their age or count go, oldest first. The count takes none younger
-- than `min_keep` and none in `kept`, which go when their own time is over. `name` is the policy
-- field that remembers how far the kept ones reach, so that they are not looked at each time; the
-- sweep starts it again at 0.
local function trim_kept(zset, limit)
  local over = redis.call('ZRANGEBYSCORE', k_kept, '-inf', int(now), 'LIMIT', 0, limit)
  local gone = {}
  for i = 1, #over do
    if redis.call('ZREM', zset, over[i]) == 1 then gone[#gone + 1] = over[i] end
  end
  forget(gone)
end
local function trim(zset, name, age_ms, max_count, min_keep_ms, limit)
  local count = redis.call('ZCARD', zset)
  if count == 0 then return end
  local kept_count, from = redis.call('ZCARD', k_kept), '-inf'
  if kept_count > 0 then
    trim_kept(zset, limit)
    from = redis.call('HGET', k_policy, name) or from
  end
  local old = redis.call('ZRANGEBYSCORE', zset, from, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  local gone, last = {}, nil
  for i = 1, #old, 2 do
    local finished = tonumber(old[i + 1])
    local too_many = count - kept_count - #gone > max_count and finished <= now - min_keep_ms
    if not too_many and finished > now - age_ms then break end
    if kept_count == 0 or not redis.call('ZSCORE', k_kept, old[i]) then gone[#gone + 1] = old[i] end
    last = old[i + 1]
  end
  if kept_count > 0 and last then
    redis.call('HSET', k_policy, name, (#gone == 0 and last == from) and '(' .. last or last)
  end
  if #gone > 0 then
    redis.call('ZREM', zset, unpack(gone))
    forget(gone)
  end
end
