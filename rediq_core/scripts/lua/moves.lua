#!lua flags=allow-oom
-- moves: what an operator does to tasks: each id is checked and moved or left, alone.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead kept trash
-- KEYS trashed runs tries cancels unique needs dependents outbox policy counters causes errors
-- KEYS audit events wake minute
-- ARGV now:ms verb:word expect:state by:json operation:id purge:ms due:ms tasks:int
-- then the ids
--   verb retry (dead, retry, cancelled -> pending, attempts fresh), run (delayed, retry -> pending),
--   cancel (unfinished -> cancelled; active -> intent), delete (all but active -> trash; purge 0:
--   gone for good), restore (trash -> where it was), reschedule (pending, delayed, retry -> delayed)
--   expect: act only on tasks in this state; "" for any the verb takes
-- RETURNS [now, deliver, word, word …] in the order of the ids
--   word moved, intent, unknown, unique (its key is taken), or the state it was left in
-- MOVES *->pending|delayed|cancelled|trash trash->*
--@include now
--@include tools
--@include place
--@include final
--@include causes
--@include forget
--@include runs
--@include wake
--@include count
--@include unique
--@include find
local TAKES = {
  retry = {dead = 1, retry = 1, cancelled = 1}, run = {delayed = 1, retry = 1},
  cancel = {pending = 1, delayed = 1, retry = 1, waiting = 1, active = 1},
  delete = {pending = 1, delayed = 1, retry = 1, waiting = 1, completed = 1, cancelled = 1, dead = 1},
  restore = {trash = 1}, reschedule = {pending = 1, delayed = 1, retry = 1},
}
for _, key in ipairs({k_tasks, k_trashed, k_runs, k_tries, k_cancels, k_policy, k_counters, k_minute, k_causes}) do
  redis.call('HLEN', key)
end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_kept, k_needs, k_outbox, k_errors}) do redis.call('ZCARD', key) end
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local step, due, purge = tonumber(redis.call('HGET', k_policy, 'step') or nil), tonumber(a_due), tonumber(a_purge)
local words, lines, forgotten, woken, moved = {}, {}, {}, false, 0
local function key_of(name)
  for _, zset in ipairs(ZSETS) do if zset[1] == name then return zset[2] end end
  return k_held
end
local function to_end(id, stored, place)
  local priority, expires, rest = string.match(stored, '^1|(%d+)|%d+|(%d+)|(.*)$')
  local again = '1|' .. priority .. '|' .. int(place) .. '|' .. (place > now and expires or '0') .. '|' .. rest
  redis.call('HSET', k_tasks, id, again)
  return again
end
local function enter_pending(id, stored)
  redis.call('ZADD', k_pending, int(score_of(to_end(id, stored, now), step)), id)
  woken = true
end
local ACTS = {}
function ACTS.retry(id, stored, from)
  redis.call('HDEL', k_tries, id)
  redis.call('ZREM', k_kept, id)
  clear_causes({id})
  enter_pending(id, stored)
end
function ACTS.run(id, stored)
  clear_causes({id})
  enter_pending(id, stored)
end
function ACTS.cancel(id, stored)
  redis.call('ZADD', k_cancelled, int(now), id)
  clear_causes({id})
end
function ACTS.delete(id, stored, from, score)
  if purge == 0 then forgotten[#forgotten + 1] = id return end
  local print = redis.call('HGET', k_causes, id) or ''
  redis.call('HSET', k_trashed, id, from .. '|' .. score .. '|' .. a_operation .. '|' .. print)
  redis.call('ZADD', k_trash, int(now + purge), id)
  clear_causes({id})
end
function ACTS.restore(id, stored)
  local name, score, _, print = string.match(redis.call('HGET', k_trashed, id) or '', '^(%a+)|([^|]*)|([^|]*)|(.*)$')
  name = name or 'pending'
  local member = name == 'held' and names_of(stored) .. '>' .. id or id
  redis.call('ZADD', key_of(name), score or int(score_of(stored, step)), member)
  redis.call('HDEL', k_trashed, id)
  if print and print ~= '' then
    redis.call('HSET', k_causes, id, print)
    redis.call('ZADD', k_errors, 0, print .. '>' .. id)
  end
  if name == 'pending' then woken = true end
end
function ACTS.reschedule(id, stored)
  to_end(id, stored, due)
  redis.call('ZADD', k_delayed, int(due), id)
  woken = true
end
local OWNS = {pending = 1, delayed = 1, retry = 1, waiting = 1}
local function owes_key(from_trash)
  return a_verb == 'retry' or (a_verb == 'restore' and OWNS[from_trash])
end
local function act(id)
  local stored = redis.call('HGET', k_tasks, id)
  local from, key, score, state, member = find(id, stored)
  if not from or not stored then return 'unknown' end
  if not TAKES[a_verb][state] or (a_expect ~= '' and a_expect ~= state) then return state end
  if state == 'active' then
    redis.call('HSET', k_cancels, id, a_by)
    return 'intent'
  end
  local _, unique = names_of(stored)
  local former = state == 'trash' and string.match(redis.call('HGET', k_trashed, id) or '', '^(%a+)')
  if owes_key(former == 'suspects' and 'pending' or former == 'held' and 'pending' or former) then
    if take_unique(id, unique) then return 'unique' end
  elseif a_verb == 'cancel' or a_verb == 'delete' then
    release_unique(id, unique)
    tell_children(id)
  end
  redis.call('ZREM', key, member)
  ACTS[a_verb](id, stored, from, score)
  if purge > 0 or a_verb ~= 'delete' then
    add(lines, id, '{"o":"' .. a_verb .. '","t":' .. int(now) .. ',"f":"' .. state .. '","n":' .. a_by .. '}\n')
  end
  moved = moved + 1
  return 'moved'
end
for i = 1, tonumber(a_tasks) do words[i] = act(ARGV[8 + i]) end
append_runs(lines)
forget(forgotten)
if moved > 0 then
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', a_verb, 'by', a_by, 'operation', a_operation,
    'count', moved, 'first', ARGV[9])
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', a_verb, 'by', a_by, 'count', moved, 'id', ARGV[9])
end
if a_verb == 'cancel' then tally('cancelled', moved) end
count(counts)
if woken then wake() end
return {now, table.concat(deliver, ','), unpack(words)}
