-- trim: a few finished tasks over their age or count go, oldest first. The count takes none younger
-- than `min_keep` and none in `kept`, which go when their own time is over. `name` is the policy
-- field that remembers how far the kept ones reach, so that they are not looked at each time; the
-- sweep starts it again now and then.
local function letter_of(zset) return zset == k_completed and 'c' or zset == k_dead and 'd' or 'x' end
local function trim_kept(zset, limit)
  local over = redis.call('ZRANGEBYSCORE', k_kept, '-inf', int(now), 'LIMIT', 0, limit)
  local gone = {}
  for i = 1, #over do
    if redis.call('ZSCORE', zset, over[i]) then gone[#gone + 1] = over[i] end
  end
  forget(gone, letter_of(zset))
  apply('ZREM', zset, gone)
end
-- Returns whether the limit is what ended it.
local function trim(zset, name, age_ms, max_count, min_keep_ms, limit)
  local count = redis.call('ZCARD', zset)
  if count == 0 then return false end
  local kept_count, from = redis.call('ZCARD', k_kept), '-inf'
  if kept_count > 0 then
    trim_kept(zset, limit)
    from = redis.call('HGET', k_policy, name) or from
  end
  local old = redis.call('ZRANGEBYSCORE', zset, from, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  local gone, last, is_cut = {}, nil, #old == limit * 2
  for i = 1, #old, 2 do
    local finished = tonumber(old[i + 1])
    local too_many = count - kept_count - #gone > max_count and finished <= now - min_keep_ms
    if not too_many and finished > now - age_ms then
      is_cut = false
      break
    end
    if kept_count == 0 or not redis.call('ZSCORE', k_kept, old[i]) then gone[#gone + 1] = old[i] end
    last = old[i + 1]
  end
  if kept_count > 0 and last then
    redis.call('HSET', k_policy, name, (#gone == 0 and last == from) and '(' .. last or last)
  end
  forget(gone, letter_of(zset))
  apply('ZREM', zset, gone)
  return is_cut
end
-- After settles that finished tasks, and now and then for queues where only age goes on.
local function trim_finished(finished)
  local keep, is_turn = {}, tonumber(a_seq) % 16 == 0
  for number in string.gmatch(a_keep, '%d+') do keep[#keep + 1] = tonumber(number) end
  local function visit(kind, zset, name, age_ms, max_count)
    if is_turn or finished[kind] > 0 then trim(zset, name, age_ms, max_count, keep[5], finished[kind] + 20) end
  end
  visit('c', k_completed, 'trim_completed', keep[1], keep[2])
  visit('d', k_dead, 'trim_dead', keep[3], keep[4])
  visit('x', k_cancelled, 'trim_cancelled', keep[1], keep[2])
end
