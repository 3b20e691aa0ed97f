#!lua flags=allow-oom
-- reap: give back what dead incarnations held, a chunk of `active` a call.
-- KEYS tasks pending suspects active claims leases waiting cancelled dead runs tries progress cancels
-- KEYS unique dependents outbox groups groups_due policy counters causes errors prints events wake minute
-- ARGV now:ms lease:ms start:rank limit:int charge:bit
--   start: 0 for the latest claims and to end leases, then what the last call returned. The walk goes
--   from the end to the front: what others settle or claim meanwhile moves nothing past it.
-- then each incarnation that its own parent knows to be dead; none: those whose lease expired
-- RETURNS [now, next start or -1, deliver, id, outcome, incarnation, …]
--   outcome pending, suspect, dead, cancelled; charge 0: a bystander, no loss is counted
-- MOVES active->pending|waiting|dead|cancelled waiting->pending
--@include now
--@include tools
--@include place
--@include final
--@include causes
--@include runs
--@include wake
--@include count
--@include failure
--@include trace
--@include line
--@include groups
local MAX_LOSSES = 3
for _, key in ipairs({k_tasks, k_claims, k_runs, k_tries, k_progress, k_cancels, k_counters, k_minute, k_causes,
  k_prints}) do redis.call('HLEN', key) end
for _, key in ipairs({k_pending, k_suspects, k_active, k_leases, k_waiting, k_cancelled, k_dead, k_outbox, k_groups,
  k_groups_due, k_errors}) do
  redis.call('ZCARD', key)
end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_events)
local policy = redis.call('HMGET', k_policy, 'beat_ms', 'reap_after', 'step', 'trace_until')
follow(policy[4])
local start, limit = tonumber(a_start), tonumber(a_limit)
if start == 0 then
  for i = 6, #ARGV do redis.call('ZADD', k_leases, 'XX', 0, ARGV[i]) end
  -- The beat is only read here: a reaper that alone outlives everybody must not vouch for Redis.
  local last, after = tonumber(policy[1]) or 0, tonumber(policy[2]) or 0
  local was_away = last > 0 and (now - last > tonumber(a_lease) / 2 or last > now)
  if #ARGV == 5 and now >= after and not was_away then
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', k_leases, '(0', '(' .. int(now), 'LIMIT', 0, 1000)) do
      redis.call('ZADD', k_leases, 'XX', 0, name)
    end
  end
end
local last = start > 0 and start or redis.call('ZCARD', k_active)
local first = math.max(last - limit, 0)
local ids = last > 0 and redis.call('ZRANGE', k_active, first, last - 1) or {}
-- A lease at 0 is being reaped: it cannot be renewed, and whoever looks sees that work is left, until
-- a walk has reached the front. So a reaper that dies half way leaves nothing behind.
if first == 0 then redis.call('ZREMRANGEBYSCORE', k_leases, '-inf', 0) end
if #ids == 0 then return {now, -1, ''} end
local tokens, reply = redis.call('HMGET', k_claims, unpack(ids)), {}
local tries, stored = redis.call('HMGET', k_tries, unpack(ids)), nil
local puts = {pending = {}, suspects = {}, dead = {}, cancelled = {}, tries = {}, causes = {}, errors = {}}
local gone, lines, ends, cured = {}, {}, {}, {}
local function lose(id, incarnation, tried)
  local attempts, losses = string.match(tried or '0|0|0', '^(%d+)|(%d+)')
  losses = tonumber(losses) + tonumber(a_charge)
  local note, cancel = '"w":"' .. incarnation .. '","t":' .. int(now), redis.call('HGET', k_cancels, id)
  local blob = redis.call('HGET', k_tasks, id)
  if not blob then return 'gone' end
  if a_charge == '1' then tally('lost') end
  add(puts.tries, id, attempts .. '|' .. losses .. '|' .. int(now))
  local _, unique = names_of(blob)
  local outcome = 'pending'
  if cancel then
    add(puts.cancelled, int(now), id)
    add(cured, id)
    add(lines, id, '{"o":"cancelled",' .. note .. ',"n":' .. cancel .. '}\n')
    outcome = 'cancelled'
  elseif losses >= MAX_LOSSES then
    add(puts.dead, int(now), id)
    add(lines, id, '{"o":"poison",' .. note .. ',"l":' .. losses .. '}\n')
    note_failure(id, 'd', 'poison|Poison: lost its worker ' .. losses .. ' times', puts)
    outcome = 'dead'
  else
    add(lines, id, '{"o":"' .. (a_charge == '1' and 'lost' or 'released') .. '",' .. note .. ',"l":' .. losses .. '}\n')
    local step = tonumber(policy[3])
    if losses == MAX_LOSSES - 1 then add(puts.suspects, int(score_of(blob, step)), id) outcome = 'suspect'
    elseif not join(id, blob, step, true) then add(puts.pending, int(score_of(blob, step)), id) end
  end
  if outcome == 'dead' or outcome == 'cancelled' then
    add(ends, id, unique or '')
    tally(outcome)
  else tally('recovered') end
  trace(a_charge == '1' and 'lost' or 'released', id, incarnation)
  return outcome
end
for i = 1, #ids do
  local incarnation = tokens[i] and string.match(tokens[i], '^(.*):%d+$')
  if not incarnation or (tonumber(redis.call('ZSCORE', k_leases, incarnation) or 0)) == 0 then
    add(gone, ids[i])
    add(reply, ids[i], lose(ids[i], incarnation or '', tries[i]), incarnation or '')
  end
end
if #gone > 0 then
  for name, key in pairs({pending = k_pending, suspects = k_suspects, dead = k_dead, cancelled = k_cancelled,
    errors = k_errors}) do apply('ZADD', key, puts[name]) end
  apply('HSET', k_causes, puts.causes)
  clear_causes(cured)
  append_runs(lines)
  for i = 1, #ends, 2 do
    release_unique(ends[i], ends[i + 1])
    tell_children(ends[i])
  end
  -- A claim without a token is lost again if this stops here; a loss is never charged twice.
  redis.call('HDEL', k_claims, unpack(gone))
  redis.call('ZREM', k_active, unpack(gone))
  apply('HSET', k_tries, puts.tries)
  redis.call('HDEL', k_cancels, unpack(gone))
  redis.call('HDEL', k_progress, unpack(gone))
  count(counts)
  wake()
end
return {now, first > 0 and first or -1, table.concat(deliver, ','), unpack(reply)}
