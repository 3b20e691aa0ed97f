-- claim: types checked before any write, promotion of what is due, and the claim under live policy.
local MAX_BYTES = 4194304
-- A wrong-type key must fail here, while nothing has changed: scripts are not rolled back.
local function check_types()
  for _, key in ipairs({k_tasks, k_claims, k_runs, k_tries, k_progress, k_cancels, k_policy, k_counters, k_minute,
    k_causes, k_prints}) do redis.call('HLEN', key) end
  for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_leases, k_delayed, k_retry, k_completed,
    k_cancelled, k_dead, k_kept, k_outbox, k_errors}) do redis.call('ZCARD', key) end
  redis.call('LLEN', k_wake)
  redis.call('XLEN', k_events)
end
local function bound(limit, max_blob)
  if not max_blob or max_blob == 0 then return limit end
  return math.max(1, math.min(limit, math.floor(MAX_BYTES / max_blob)))
end
local function promote_from(zset, step, limit)
  local head = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  if #head == 0 then return 0 end
  if tonumber(head[2]) > now then return tonumber(head[2]) end
  local ids = redis.call('ZRANGEBYSCORE', zset, '-inf', int(now), 'LIMIT', 0, limit)
  local stored, ready = redis.call('HMGET', k_tasks, unpack(ids)), {}
  for i = 1, #ids do
    if stored[i] then add(ready, int(score_of(stored[i], step)), ids[i]) end
  end
  apply('ZADD', k_pending, ready)
  redis.call('ZREM', zset, unpack(ids))
  head = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  return #head > 0 and math.max(tonumber(head[2]), now) or 0
end
-- Returns when the next one is due, in ms, or 0.
local function promote(step, max_blob)
  local limit = bound(200, max_blob)
  local delayed, retry = promote_from(k_delayed, step, limit), promote_from(k_retry, step, limit)
  if delayed == 0 or retry == 0 then return delayed + retry end
  return math.min(delayed, retry)
end
-- Returns how many may be claimed now and when to ask again if policy is what limits it (else 0).
local function allowed(want, policy)
  if policy[3] then
    local till = tonumber(policy[4]) or 0
    if till == 0 or till > now then return 0, till end
    redis.call('HDEL', k_policy, 'paused', 'by', 'why', 'until')
  end
  local room, hint = want, 0
  if policy[5] then room = math.min(room, tonumber(policy[5]) - redis.call('ZCARD', k_active)) end
  if room < 1 and want > 0 then return 0, -1 end
  if policy[6] then
    local rate, per, burst = tonumber(policy[6]), tonumber(policy[7]), tonumber(policy[8])
    local tokens = math.min(burst, (tonumber(policy[9]) or burst) + (now - (tonumber(policy[10]) or now)) * rate / per)
    if tokens < room then hint = now + math.ceil((math.floor(tokens) + 1 - tokens) * per / rate) end
    room = math.min(room, math.floor(tokens))
    redis.call('HSET', k_policy, 'tokens', string.format('%.6f', tokens), 'tokens_ms', int(now))
  end
  return room, hint
end
local function take_held(room, ids)
  for kind in string.gmatch(a_types, '%S+') do
    if #ids >= room then return end
    local members = redis.call('ZRANGEBYLEX', k_held, '[' .. kind .. '>', '(' .. kind .. '?', 'LIMIT', 0, room - #ids)
    for _, member in ipairs(members) do
      redis.call('ZREM', k_held, member)
      ids[#ids + 1] = string.match(member, '>(.*)$')
    end
  end
end
local function expire(id, stored)
  local _, unique = names_of(stored)
  redis.call('ZADD', k_cancelled, int(now), id)
  append_runs({id, '{"o":"expired","t":' .. int(now) .. '}\n'})
  release_unique(id, unique)
  tell_children(id)
  tally('cancelled')
end
-- Returns id, stored, tries, … of what was claimed, and when to ask again if policy held back (-1: unknown).
local function claim(want, policy)
  local room, hint = allowed(want, policy)
  if room < 1 then return {}, hint end
  room = bound(room, tonumber(policy[12]))
  local ids = {}
  if string.find(a_flags, 's', 1, true) then
    local suspect = redis.call('ZPOPMIN', k_suspects)
    if #suspect > 0 then ids[1], room = suspect[1], 1 end
  end
  if a_types ~= '' then take_held(room, ids) end
  if #ids < room then
    local popped = redis.call('ZPOPMIN', k_pending, room - #ids)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  end
  if #ids == 0 then return {}, 0 end
  local stored, claimed, actives, claims = redis.call('HMGET', k_tasks, unpack(ids)), {}, {}, {}
  local tries = redis.call('HLEN', k_tries) > 0 and redis.call('HMGET', k_tries, unpack(ids)) or {}
  for i = 1, #ids do
    local _, _, expires = header(stored[i] or '')
    if expires and expires > 0 and expires <= now then expire(ids[i], stored[i])
    elseif stored[i] then
      add(claimed, ids[i], stored[i], tries[i] or '')
      add(actives, int(now), ids[i])
      add(claims, ids[i], a_caller .. ':' .. a_seq)
    end
  end
  apply('ZADD', k_active, actives)
  apply('HSET', k_claims, claims)
  if policy[6] then redis.call('HINCRBYFLOAT', k_policy, 'tokens', -(#actives / 2)) end
  if policy[5] and hint == 0 and redis.call('ZCARD', k_active) >= tonumber(policy[5]) then hint = -1 end
  return claimed, hint
end
local function repeat_reply(codes, listed)
  local claimed = {}
  for id in string.gmatch(listed, '[^,]+') do
    if redis.call('HGET', k_claims, id) == a_caller .. ':' .. a_seq then
      add(claimed, id, redis.call('HGET', k_tasks, id), redis.call('HGET', k_tries, id) or '')
    end
  end
  return {2, now, 0, redis.call('ZCARD', k_pending), redis.call('ZCARD', k_held),
    redis.call('ZCARD', k_suspects), codes, '', unpack(claimed)}
end
