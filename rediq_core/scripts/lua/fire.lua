#!lua
-- fire: put due occurrences of one schedule into its queue, each once, or note why not.
-- KEYS tasks pending suspects held active delayed retry waiting unique dependents groups groups_due
-- KEYS policy counters fired audit wake minute
-- ARGV now:ms flags:letters schedule:name upto:epoch missed:int seen:ms by:json options:text tail:text fires:int
-- then for each, in order: epoch due:ms id
--   flags R: the queue is in the global set of queues, so mark it registered; S: not while the one
--   before has not finished; M: run by hand, whatever was decided before
--   upto: everything up to this epoch is decided by this call; missed: how many of it pass by
--   seen: when the caller read that they are due; what is older than 30 s decides nothing any more
--   options, tail: as enqueue takes them
-- RETURNS [status, now, codes]
--   status 1 done, 0 unregistered: nothing done, add the queue to the set and repeat with R, 2 stale
--   codes, one letter an occurrence: 1 enqueued, 2 it is there, 4 unique key taken, 5 queue full,
--   7 the one before has not finished, 0 decided before this call
-- MOVES (new)->pending|delayed|waiting waiting->pending
--@include now
--@include tools
--@include place
--@include final
--@include wake
--@include count
--@include line
--@include groups
--@include unique
for _, key in ipairs({k_tasks, k_policy, k_counters, k_fired, k_minute}) do redis.call('HLEN', key) end
for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting, k_groups, k_groups_due}) do
  redis.call('ZCARD', key)
end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_audit)
local function has(flag) return string.find(a_flags, flag, 1, true) ~= nil end
local fires, by_hand, skips = tonumber(a_fires), has('M'), has('S')
if not by_hand and now - tonumber(a_seen) > 30000 then return {2, now, ''} end
local before = redis.call('HMGET', k_fired, a_schedule, a_schedule .. '>last', a_schedule .. '>log')
local decided, last, log = tonumber(before[1]) or -1, before[2], before[3] or ''
if not by_hand and decided >= tonumber(a_upto) then return {1, now, string.rep('0', fires)} end
local policy = redis.call('HMGET', k_policy, 'registered', 'paused', 'step', 'max_len', 'max_blob')
if not policy[1] then
  if not has('R') then return {0, now, ''} end
  redis.call('HSET', k_policy, 'registered', '1')
end
local room
if policy[4] then
  room = tonumber(policy[4])
  for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting}) do
    room = room - redis.call('ZCARD', key)
  end
end
local function option(letter) return tonumber(string.match(a_options, ';' .. letter .. '(%d+)')) end
local priority, unique = string.match(a_options, '^%d+'), string.match(a_tail, '^%d+|[^|]*|[^|]*|([^|]*)|')
local expires, biggest, is_ready = option('e'), tonumber(policy[5]) or 0, false
local function is_open(id)
  local stored = id and redis.call('HGET', k_tasks, id)
  return stored and place_of(id, names_of(stored) .. '>' .. id) ~= nil
end
local function take(id, due)
  if redis.call('HEXISTS', k_tasks, id) == 1 then return '2' end
  if skips and is_open(last) then return '7' end
  if room and room < 1 then return '5' end
  -- Whoever holds the key keeps it: an occurrence replaces nothing.
  if take_unique(id, unique, option('f')) then return '4' end
  local place = due + (option('d') or 0)
  local stored = '1|' .. priority .. '|' .. int(place) .. '|' .. int(expires and place + expires or 0) .. '|' .. a_tail
  if #stored > 40000 and #stored > biggest then
    biggest = #stored
    redis.call('HSET', k_policy, 'max_blob', biggest)
  end
  -- The place first: a place without its task is passed over, a task without a place would be lost.
  local step = tonumber(policy[3])
  if string.find(a_options, ';g', 1, true) then redis.call('HSET', k_policy, 'grouped', '1') end
  if place > now then redis.call('ZADD', k_delayed, int(place), id)
  elseif not join(id, stored, step) then redis.call('ZADD', k_pending, int(score_of(stored, step)), id) end
  redis.call('HSET', k_tasks, id, stored)
  if room then room = room - 1 end
  is_ready = true
  tally('enqueued')
  return '1'
end
local WORDS = {['1'] = 'fired', ['2'] = 'fired', ['4'] = 'unique', ['5'] = 'full', ['7'] = 'overlap'}
local codes, lines = {}, {}
if tonumber(a_missed) > 0 then add(lines, a_upto .. '|' .. int(now) .. '|missed|' .. a_missed .. '\n') end
for i = 1, fires do
  local epoch, due, id = ARGV[i * 3 + 8], tonumber(ARGV[i * 3 + 9]), ARGV[i * 3 + 10]
  local code = not by_hand and tonumber(epoch) <= decided and '0' or take(id, due)
  if code == '1' or code == '2' then last = id end
  if code ~= '0' then
    add(lines, epoch .. '|' .. int(now) .. '|' .. (by_hand and 'run' or WORDS[code]) .. '|' .. a_by .. '\n')
  end
  codes[i] = code
end
log = log .. table.concat(lines)
if #log > 4096 then log = string.sub(log, string.find(log, '\n', #log - 4096, true) + 1) end
if last then redis.call('HSET', k_fired, a_schedule .. '>last', last) end
redis.call('HSET', k_fired, a_schedule .. '>log', log)
if by_hand then
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', 'run schedule', 'by', a_by, 'schedule', a_schedule)
else
  if tonumber(a_missed) > 0 then redis.call('HINCRBY', k_fired, a_schedule .. '>missed', a_missed) end
  redis.call('HSET', k_fired, a_schedule, a_upto)
end
count(counts)
if is_ready and not policy[2] then wake() end
return {1, now, table.concat(codes)}
