-- claim: take what may run, in order, under a token; a repeat finds what the first request took.
-- What a claim takes leaves its place last, when it is active and the request is noted.
local leaving = {suspects = {}, held = {}, pending = 0}
local function leave(step)
  apply('ZREM', k_suspects, leaving.suspects)
  apply('ZREM', k_held, leaving.held)
  if leaving.pending > 0 then redis.call('ZREMRANGEBYRANK', k_pending, 0, leaving.pending - 1) end
  leave_line(step)
end
local function take_held(room, ids)
  for kind in string.gmatch(a_types, '%S+') do
    if #ids >= room then return end
    local members = redis.call('ZRANGEBYLEX', k_held, '[' .. kind .. '>', '(' .. kind .. '?', 'LIMIT', 0, room - #ids)
    for _, member in ipairs(members) do
      add(leaving.held, member)
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
  leaving.pending = leaving.pending - redis.call('ZREM', k_pending, id)
  tally('cancelled')
  trace('expired', id)
end
-- In a queue with groups what leaves pending is named: their next heads enter it at the same time.
local function choose(room, limit, is_grouped)
  local ids = {}
  if string.find(a_flags, 's', 1, true) then
    ids = redis.call('ZRANGE', k_suspects, 0, 0)
    if #ids > 0 then leaving.suspects, room = {ids[1]}, 1 end
  end
  if a_types ~= '' then take_held(room, ids) end
  if #ids < room then
    local first = redis.call('ZRANGE', k_pending, 0, room - #ids - 1)
    leaving.pending = #first
    local from = #ids + 1
    for i = 1, #first do ids[#ids + 1] = first[i] end
    if is_grouped then
      leaving.pending = 0
      return with_members(ids, from, limit)
    end
  end
  return ids
end
-- Returns id, stored, tries, … of what was claimed, and when to ask again if policy held back (-1: unknown).
local function claim(want, policy, lease_ms)
  local room, hint = allowed(want, policy)
  if room < 1 then return {}, hint end
  local max_blob = tonumber(policy[12])
  local ids = choose(bound(room, max_blob), bound(100, max_blob), policy[13])
  if #ids == 0 then return {}, 0 end
  local stored, claimed, actives, claims = redis.call('HMGET', k_tasks, unpack(ids)), {}, {}, {}
  local tries = redis.call('HLEN', k_tries) > 0 and redis.call('HMGET', k_tries, unpack(ids)) or {}
  for i = 1, #ids do
    local _, _, expires = header(stored[i] or '')
    local is_fresh = not tries[i] or string.find(tries[i], '^0|0')
    if expires > 0 and expires <= now and is_fresh then expire(ids[i], stored[i])
    elseif stored[i] then
      add(claimed, ids[i], stored[i], with_ends(ids[i], stored[i], tries[i] or ''))
      add(actives, int(now), ids[i])
      add(claims, ids[i], a_caller .. ':' .. a_seq)
      trace('started', ids[i], a_caller)
    end
  end
  if #claimed > 0 then redis.call('ZADD', k_leases, int(now + lease_ms), a_caller) end
  apply('ZADD', k_active, actives)
  apply('HSET', k_claims, claims)
  if policy[6] then
    redis.call('HINCRBYFLOAT', k_policy, 'tokens', -(#actives / 2))
    -- A group is admitted whole and leaves the bucket in debt, if it must.
    if hint > 0 then hint = hint + math.ceil(math.max(#actives / 2 - room, 0) * tonumber(policy[7]) / tonumber(policy[6])) end
  end
  if policy[5] and hint == 0 and redis.call('ZCARD', k_active) >= tonumber(policy[5]) then hint = -1 end
  return claimed, hint
end
-- Also takes what it finds out of the places it came from: the first request may have stopped there.
local function repeat_reply(due, codes, listed)
  local claimed, step = {}, tonumber(redis.call('HGET', k_policy, 'step') or nil)
  for id in string.gmatch(listed, '[^,]+') do
    local stored = redis.call('HGET', k_tasks, id)
    if stored and redis.call('HGET', k_claims, id) == a_caller .. ':' .. a_seq then
      add(claimed, id, stored, with_ends(id, stored, redis.call('HGET', k_tries, id) or ''))
      redis.call('ZREM', k_pending, id)
      redis.call('ZREM', k_suspects, id)
      redis.call('ZREM', k_held, names_of(stored) .. '>' .. id)
      local name, member, kind = group_of(id, stored)
      if name then
        add(opened.ids, id)
        add(opened.members, member)
        opened.kinds[name] = kind
      end
    end
  end
  leave_line(step)
  return {2, now, next_group(tonumber(due)), redis.call('ZCARD', k_pending), redis.call('ZCARD', k_held),
    redis.call('ZCARD', k_suspects), codes, table.concat(redis.call('ZRANGE', k_outbox, 0, 99), ','), unpack(claimed)}
end
