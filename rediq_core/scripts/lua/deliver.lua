#!lua flags=allow-oom
-- deliver: tell children of this queue how their parents ended, or that they were taken up again.
-- KEYS tasks pending suspects held active delayed retry waiting cancelled dead kept runs tries unique
-- KEYS needs dependents outbox outcomes early groups groups_due policy counters causes errors prints
-- KEYS events wake minute
-- ARGV now:ms outcomes:int
-- then the outcomes, then for each edge: kind child parent number
--   kind o: the parent ended with the outcome of that number; r: it was taken up again; j: judge the
--   child, which waits for nothing, by what is known
-- RETURNS [now, codes, deliver]
--   codes, one letter an edge: t told, v told and died of it, b taken up again
-- MOVES waiting->pending|delayed|dead|cancelled dead->waiting
--@include now
--@include tools
--@include place
--@include final
--@include causes
--@include runs
--@include wake
--@include count
--@include line
--@include groups
--@include unique
--@include failure
--@include kin
--@include verdict
--@include bound
-- How long the end of a parent is kept for a child that is not there yet, in a queue that is not
-- there yet either, in seconds; else the sweep drops it.
local EARLY_TTL = 900
for _, key in ipairs({k_tasks, k_runs, k_tries, k_policy, k_counters, k_minute, k_causes, k_prints}) do
  redis.call('HLEN', key)
end
for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting, k_cancelled, k_dead,
  k_kept, k_outbox, k_early, k_groups, k_groups_due, k_errors}) do redis.call('ZCARD', key) end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_events)
local policy = redis.call('HMGET', k_policy, 'step', 'max_blob', 'registered')
local is_expiring = false
local function is_victim(child) return redis.call('HGET', k_causes, child) == CAUSE end
-- What is to be done comes first and the need goes last: a script that stops between does it again.
local function tell(child, parent, outcome)
  local stored, member = redis.call('HGET', k_tasks, child), child .. '>' .. parent
  if not stored then
    if redis.call('ZADD', k_early, 'NX', int(now), member) == 1 then refer(parent, outcome) end
    is_expiring = not policy[3]
    return 't'
  end
  local word = verdict(flags_of(stored), outcome)
  if redis.call('ZSCORE', k_needs, member) then
    if not redis.call('ZSCORE', k_needs, '/' .. member) then
      refer(parent, outcome)
      redis.call('ZADD', k_needs, 0, '/' .. member)
    end
    if redis.call('ZSCORE', k_waiting, child) then
      local _, unique = names_of(stored)
      local is_last = #kin(k_needs, child, 2) == 1
      if word then stop(child, unique, word, parent, outcome) end
      if word or (is_last and not set_free(child, stored, policy)) then redis.call('ZREM', k_waiting, child) end
    end
    redis.call('ZREM', k_needs, member)
  end
  return word == 'd' and is_victim(child) and 'v' or 't'
end
local function take_up(child, parent)
  local stored, member = redis.call('HGET', k_tasks, child), child .. '>' .. parent
  if not stored or not is_victim(child) then return 'b' end
  if not redis.call('ZSCORE', k_dead, child) then
    if redis.call('ZSCORE', k_waiting, child) then clear_causes({child}) end
    return 'b'
  end
  if redis.call('ZSCORE', k_needs, '/' .. member) then
    redis.call('ZADD', k_needs, 0, member)
    redis.call('ZREM', k_needs, '/' .. member)
    unrefer(parent)
  end
  if judge(child, flags_of(stored)) then return 'b' end
  local _, unique = names_of(stored)
  if take_unique(child, unique) then return 'b' end
  redis.call('ZADD', k_waiting, int(now), child)
  append_runs({child, '{"o":"revived","t":' .. int(now) .. '}\n'})
  redis.call('HDEL', k_tries, child)
  redis.call('ZREM', k_kept, child)
  if any_edges and #kin(k_dependents, '>' .. child, 1) > 0 then
    redis.call('ZADD', k_outbox, int(now), child)
    deliver[#deliver + 1] = child
  end
  redis.call('ZREM', k_dead, child)
  clear_causes({child})
  return 'b'
end
local function judge_stray(child)
  local stored = redis.call('HGET', k_tasks, child)
  if not stored or not redis.call('ZSCORE', k_waiting, child) or #kin(k_needs, child, 1) > 0 then return 't' end
  local word, parent, outcome = judge(child, flags_of(stored))
  local _, unique = names_of(stored)
  if word then stop(child, unique, word, parent, outcome) end
  if word or not set_free(child, stored, policy) then redis.call('ZREM', k_waiting, child) end
  return 't'
end
local codes, first = {}, 2 + tonumber(a_outcomes)
for i = first + 1, #ARGV, 4 do
  local kind, child, parent, number = unpack(ARGV, i, i + 3)
  if kind == 'o' then codes[#codes + 1] = tell(child, parent, ARGV[2 + tonumber(number)])
  elseif kind == 'r' then codes[#codes + 1] = take_up(child, parent)
  else codes[#codes + 1] = judge_stray(child) end
end
if is_expiring then
  redis.call('EXPIRE', k_early, EARLY_TTL)
  redis.call('EXPIRE', k_outcomes, EARLY_TTL)
end
count(counts)
if is_freed or is_group_new then wake() end
return {now, table.concat(codes), table.concat(deliver, ',')}
