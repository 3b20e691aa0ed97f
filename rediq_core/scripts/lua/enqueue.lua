#!lua
-- enqueue: take 1 to 500 tasks into one queue; each is taken or refused alone.
-- KEYS tasks pending suspects held active delayed retry waiting cancelled dead runs tries unique needs
-- KEYS dependents outbox outcomes early groups groups_due policy counters causes errors prints events
-- KEYS wake minute
-- ARGV now:ms flags:letters tasks:int
-- then for each task: id options tail
--   flags R: the queue is in the global set of queues, so mark it registered
--   options: priority, then any of ;u (it has a unique key) ;d<delay ms> ;a<due ms> ;e<expires ms after due> ;f<unique for ms>
--   ;o<t: return the owner, p: replace it> ;g (it is collected in a group) ;n<parent,parent…: what it depends on>
--   tail: timeout|flags|type|unique|group|options\npayload
-- RETURNS [status, now, codes, deliver, owner, owner …]
--   status 1 done, 0 unregistered: nothing done, add the queue to the set and repeat with R
--   codes, one letter a task: 1 taken, 2 the caller's own repeat, 3 id known with other content,
--   4 unique key taken (an owner follows), 5 queue full, 6 owner is active, not replaced (owner follows)
-- MOVES (new)->pending|delayed|waiting|dead|cancelled pending|delayed|retry|waiting->cancelled waiting->pending
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
--@include trace
--@include kin
--@include verdict
--@include bound
for _, key in ipairs({k_tasks, k_runs, k_tries, k_policy, k_counters, k_causes, k_prints, k_minute}) do
  redis.call('HLEN', key)
end
for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting, k_cancelled, k_dead, k_early,
  k_outbox, k_groups, k_groups_due, k_errors}) do redis.call('ZCARD', key) end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_events)
local policy = redis.call('HMGET', k_policy, 'registered', 'paused', 'step', 'max_len', 'max_blob', 'grouped', 'trace_until')
follow(policy[7])
if not policy[1] then
  if not string.find(a_flags, 'R', 1, true) then return {0, now, '', ''} end
  redis.call('HSET', k_policy, 'registered', '1')
  redis.call('PERSIST', k_early)
  redis.call('PERSIST', k_outcomes)
end
local step, room, biggest = tonumber(policy[3]), nil, tonumber(policy[5]) or 0
if policy[4] then
  room = tonumber(policy[4])
  for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting}) do
    room = room - redis.call('ZCARD', key)
  end
end
local ids, codes, owners, seen = {}, {}, {}, {}
local stores, puts = {}, {pending = {}, delayed = {}, waiting = {}, needs = {}}
for i = 1, tonumber(a_tasks) do ids[i] = ARGV[i * 3 + 1] end
local known, nearest, is_sooner, is_ready = redis.call('HMGET', k_tasks, unpack(ids)), nil, false, false
local function head(zset)
  local first = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')
  return #first > 0 and tonumber(first[2]) or math.huge
end
--@include store
--@include adopt
local function take(id, options, tail)
  local priority = string.match(options, '^%d+')
  if priority == options then
    store(id, priority, now, 0, tail)
    add(puts.pending, int(now + tonumber(priority) * (step or STEP)), id)
    is_ready = true
    return '1'
  end
  local unique = string.match(tail, '^%d+|[^|]*|[^|]*|([^|]*)|')
  if unique and unique ~= '' then
    -- The owner may be of this very call: it must be there to be found, or replaced.
    if seen[unique .. '|'] then write() end
    seen[unique .. '|'] = true
  end
  local code, owner = take_unique(id, unique, tonumber(string.match(options, ';f(%d+)')), string.match(options, ';o(%a)'))
  if code then owners[#owners + 1] = owner return code end
  local due = now + (tonumber(string.match(options, ';d(%d+)')) or 0)
  due = tonumber(string.match(options, ';a(%d+)')) or due
  local expires = tonumber(string.match(options, ';e(%d+)'))
  local place = due > now and due or now
  local stored = store(id, priority, place, expires and place + expires or 0, tail)
  local has_group = string.find(options, ';g', 1, true)
  if has_group and not policy[6] then
    redis.call('HSET', k_policy, 'grouped', '1')
    policy[6] = '1'
  end
  local parents = string.match(options, ';n(.*)$')
  local fate = parents and adopt(id, parents, flags_of(stored), unique)
  if parents and not fate then weigh(id, stored, biggest) end
  if fate == 'w' then add(puts.waiting, int(now), id)
  elseif fate then return '1'
  elseif due > now then
    add(puts.delayed, int(due), id)
    nearest = nearest or math.min(head(k_delayed), head(k_retry))
    is_sooner = is_sooner or due < nearest
  elseif not (has_group and join(id, stored, step)) then
    add(puts.pending, int(place + tonumber(priority) * (step or STEP)), id)
    is_ready = true
  end
  return '1'
end
for i = 1, #ids do
  local id, options, tail = ids[i], ARGV[i * 3 + 2], ARGV[i * 3 + 3]
  local stored = known[i] or seen[id]
  if stored then codes[i] = same(stored, string.match(options, '^%d+'), tail) and '2' or '3'
  elseif room and room < 1 then codes[i] = '5'
  else codes[i] = take(id, options, tail) end
  if codes[i] == '1' then trace('enqueued', id) end
end
write()
if is_sooner or is_group_new or ((is_ready or is_group_ready) and not policy[2]) then wake() end
count(counts)
return {1, now, table.concat(codes), table.concat(deliver, ','), unpack(owners)}
