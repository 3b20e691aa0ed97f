#!lua flags=allow-oom
-- moves: what an operator does to tasks: each id is checked and moved or left, alone.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead kept trash
-- KEYS trashed runs tries cancels unique needs dependents outbox policy counters causes errors
-- KEYS requests audit events wake minute
-- ARGV now:ms verb:word expect:state by:json operation:id request:id purge:ms due:ms tasks:int
-- then the ids
--   verb retry (dead, retry, cancelled -> pending, attempts fresh), run (delayed, retry -> pending),
--   cancel (unfinished -> cancelled; active -> intent), delete (all but active -> trash; purge 0:
--   gone for good), restore (trash -> where it was), reschedule (pending, delayed, retry -> delayed)
--   request: names this very call; a repeat returns what the first did; "" never repeats
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
--@include acts
local before, words = a_request ~= '' and redis.call('HGET', k_requests, a_request), {}
if before then
  local parents, said = string.match(before, '^0|%d+|([^|]*)|(.*)$')
  for word in string.gmatch(said, '[^,]+') do words[#words + 1] = word end
  return {now, parents, unpack(words)}
end
for _, key in ipairs({k_tasks, k_trashed, k_runs, k_tries, k_cancels, k_policy, k_counters, k_minute, k_causes}) do
  redis.call('HLEN', key)
end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_kept, k_needs, k_outbox, k_errors}) do redis.call('ZCARD', key) end
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local lines, moved, intents = {}, 0, 0
local function act(id)
  local stored = redis.call('HGET', k_tasks, id)
  local from, key, score, state, member = find(id, stored)
  if not from or not stored then return 'unknown' end
  if not TAKES[a_verb][state] or (a_expect ~= '' and a_expect ~= state) then return state end
  if state == 'active' then
    redis.call('HSET', k_cancels, id, a_by)
    intents = intents + 1
    return 'intent'
  end
  local _, unique = names_of(stored)
  if owes_key(id, state) then
    if take_unique(id, unique) then return 'unique' end
  elseif a_verb == 'cancel' or a_verb == 'delete' then
    release_unique(id, unique)
    tell_children(id)
  end
  if ACTS[a_verb](id, stored, from, score) ~= key then redis.call('ZREM', key, member) end
  if purge > 0 or a_verb ~= 'delete' then
    add(lines, id, '{"o":"' .. a_verb .. '","t":' .. int(now) .. ',"f":"' .. state .. '","n":' .. a_by .. '}\n')
  end
  moved = moved + 1
  return 'moved'
end
for i = 1, tonumber(a_tasks) do words[i] = act(ARGV[9 + i]) end
append_runs(lines)
if moved + intents > 0 then
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', a_verb, 'by', a_by, 'operation', a_operation,
    'count', moved + intents, 'first', ARGV[10])
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', a_verb, 'by', a_by, 'count', moved + intents,
    'id', ARGV[10])
end
if a_request ~= '' then
  redis.call('HSET', k_requests, a_request,
    '0|' .. int(now) .. '|' .. table.concat(deliver, ',') .. '|' .. table.concat(words, ','))
end
if a_verb == 'cancel' then tally('cancelled', moved) end
count(counts)
if woken then wake() end
return {now, table.concat(deliver, ','), unpack(words)}
