#!lua flags=allow-oom
-- moves: what an operator does to tasks: each id is checked and moved or left, alone.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead kept trash
-- KEYS trashed runs tries cancels unique needs dependents outbox outcomes groups groups_due policy
-- KEYS counters causes errors requests audit events wake minute
-- ARGV now:ms verb:word expect:state by:json operation:id request:id purge:ms due:ms of:id
-- ARGV cutoff:ms row:id before:int total:int first:id tasks:int
-- then the ids
--   verb retry (dead, retry, cancelled -> pending, attempts fresh), run (delayed, retry -> pending),
--   cancel (unfinished -> cancelled; active -> intent), delete (all but active -> trash; purge 0:
--   gone for good, also from trash), restore (trash -> where it was), reschedule (pending, delayed, retry -> delayed)
--   operation: acts on each task once, however often and in whatever batches it is sent
--   request: names this very call; a repeat returns what the first did; "" never repeats
--   cutoff: leave what came into retry or delayed after that; 0 for all
--   of: restore only what this operation put into trash; "" for all
--   expect: act only on tasks in this state; "" for any the verb takes
--   row, before, first: what the operation's last call here said of its audit entry, how many tasks it did
--   before, and its first one; "", 0, "" for its first call; total: tasks it is meant for here, 0: these
-- RETURNS [now, deliver, row, word, word …] in the order of the ids
--   word moved, already (by this operation), intent, unknown, unique (its key is taken), or the state
--   it was left in
-- MOVES *->pending|waiting|delayed|cancelled|trash trash->* waiting->pending
--@include now
--@include tools
--@include place
--@include final
--@include causes
--@include kin
--@include forget
--@include runs
--@include wake
--@include count
--@include line
--@include groups
--@include unique
--@include find
--@include verdict
--@include revive
--@include former
--@include acts
--@include places
--@include booked
local before, words = a_request ~= '' and redis.call('HGET', k_requests, a_request), {}
if before then
  local parents, row, said = string.match(before, '^0|%d+|([^|]*)|([^|]*)|(.*)$')
  for word in string.gmatch(said, '[^,]+') do words[#words + 1] = word end
  return {now, parents, row, unpack(words)}
end
for _, key in ipairs({k_tasks, k_trashed, k_runs, k_tries, k_cancels, k_policy, k_counters, k_minute, k_causes}) do
  redis.call('HLEN', key)
end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_kept, k_needs, k_outbox, k_groups, k_groups_due, k_errors}) do redis.call('ZCARD', key) end
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local moved, intents, cutoff = 0, 0, tonumber(a_cutoff)
-- When a task came into retry or delayed is told by the last line of its timeline alone, where runs are
-- measured by the worker's clock: that gets a second's grace.
local function came_later(id, state)
  if cutoff == 0 or (state ~= 'retry' and state ~= 'delayed') then return false end
  local last = string.match(redis.call('HGET', k_runs, id) or '', '([^\n]*)\n?$')
  local at, ran = string.match(last, '"t":(%d+)'), string.match(last, '"d":(%d+)')
  at = at or (string.match(last, '"c":(%d+)') or 0) + (ran or 0)
  return tonumber(at) > cutoff + 1000
end
local function line_of(state)
  local mark = a_operation ~= '' and ',"i":"' .. a_operation .. '"' or ''
  return '{"o":"' .. a_verb .. '","t":' .. int(now) .. ',"f":"' .. state .. '","n":' .. a_by .. mark .. '}\n'
end
-- For good, by way of the trash: where this stops half way, the sweep or a repeat goes on.
local function purge_now(id, found)
  leave_all_but(found, k_trash)
  redis.call('HDEL', k_trashed, id)
  forget({id}, ended_as(found))
  redis.call('ZREM', k_trash, id)
  moved = moved + 1
  return 'moved'
end
-- The line first and the old places last: a script that stops between finds its way on the repeat.
local function act(id)
  local stored = redis.call('HGET', k_tasks, id)
  local found = places_of_task(id, stored)
  if #found == 0 then return 'unknown' end
  local place, mark = place_to_leave(found), mark_of(id)
  local is_taken = takes(place)
  if mark == 'past' or (mark and not is_taken) then return 'already' end
  if purges and place.state == 'trash' and redis.call('HEXISTS', k_trashed, id) == 0 then return purge_now(id, found) end
  if not stored then return 'unknown' end
  if not is_taken or not is_of(id) or (not mark and came_later(id, place.state)) then return place.state end
  if place.state == 'active' then
    redis.call('HSET', k_cancels, id, a_by)
    intents = intents + 1
    return 'intent'
  end
  local _, unique = names_of(stored)
  if owes_key(id, place.state) and keep_unique(id, unique) then return 'unique' end
  if not purges and not mark then append_runs({id, line_of(place.state)}) end
  if place.name == 'pending' or place.name == 'waiting' then leave_group(id, stored, step) end
  local key = ACTS[a_verb](id, stored, place, found, unique)
  if a_verb == 'cancel' or a_verb == 'delete' then
    release_unique(id, unique)
    tell_children(id)
  end
  if purges then return purge_now(id, found) end
  leave_all_but(found, key)
  moved = moved + 1
  return 'moved'
end
for i = 1, tonumber(a_tasks) do words[i] = act(ARGV[15 + i]) end
local row = book(moved + intents, ARGV[16])
if a_request ~= '' then
  redis.call('HSET', k_requests, a_request,
    '0|' .. int(now) .. '|' .. table.concat(deliver, ',') .. '|' .. row .. '|' .. table.concat(words, ','))
end
if a_verb == 'cancel' then tally('cancelled', moved) end
count(counts)
if woken then wake() end
return {now, table.concat(deliver, ','), row, unpack(words)}
