#!lua
-- import: put exported tasks back as they were, each taken or refused alone; ids stay what they are.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead kept runs tries
-- KEYS unique needs dependents outbox policy counters causes errors prints audit events wake minute
-- ARGV now:ms flags:letters by:json operation:id tasks:int
-- then for each task: id state stored-head stored-tail score attempts runs failure keep
--   flags R: the queue is in the global set of queues, so mark it registered
--   state: pending delayed retry completed cancelled dead; stored-head: priority|place|expires, place 0: now
--   score: due or finished ms, 0: now; failure: fingerprint|summary or ""; keep: ms after it finished, or 0
-- RETURNS [status, now, codes]
--   status 1 done, 0 unregistered: nothing done; codes, one letter a task: 1 taken, 3 id known, 4 its
--   unique key is taken
-- MOVES (new)->pending|delayed|retry|completed|cancelled|dead
--@include now
--@include tools
--@include place
--@include final
--@include causes
--@include runs
--@include failure
--@include wake
--@include count
--@include unique
for _, key in ipairs({k_tasks, k_runs, k_tries, k_policy, k_counters, k_causes, k_prints, k_minute}) do
  redis.call('HLEN', key)
end
for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_delayed, k_retry, k_waiting, k_completed, k_cancelled,
  k_dead, k_kept, k_needs, k_outbox, k_errors}) do redis.call('ZCARD', key) end
redis.call('LLEN', k_wake)
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
local policy = redis.call('HMGET', k_policy, 'registered', 'step', 'max_blob')
if not policy[1] then
  if not string.find(a_flags, 'R', 1, true) then return {0, now, ''} end
  redis.call('HSET', k_policy, 'registered', '1')
end
local PLACES = {pending = k_pending, delayed = k_delayed, retry = k_retry, completed = k_completed,
  cancelled = k_cancelled, dead = k_dead}
local FINAL = {completed = true, cancelled = true, dead = true}
local step, biggest, taken, first = tonumber(policy[2]), tonumber(policy[3]) or 0, 0, nil
local line = '{"o":"imported","t":' .. int(now) .. ',"n":' .. a_by .. '}\n'
local function put(id, state, head, tail, score, attempts, runs, failure, keep)
  if redis.call('HEXISTS', k_tasks, id) == 1 then return '3' end
  local priority, place, expires = string.match(head, '^(%d+)|(%d+)|(%d+)$')
  if place == '0' then place = int(now) end
  local stored = '1|' .. priority .. '|' .. place .. '|' .. expires .. '|' .. tail
  local _, unique = names_of(stored)
  if not FINAL[state] and take_unique(id, unique) then return '4' end
  if #stored > 40000 and #stored > biggest then
    biggest = #stored
    redis.call('HSET', k_policy, 'max_blob', biggest)
  end
  local at = tonumber(score) > 0 and tonumber(score) or now
  append_runs({id, runs .. line})
  if attempts ~= '0' then redis.call('HSET', k_tries, id, attempts .. '|0|' .. int(at)) end
  if failure ~= '' then
    local puts = {causes = {}, errors = {}}
    note_failure(id, state == 'dead' and 'd' or 'r', failure, puts)
    apply('HSET', k_causes, puts.causes)
    apply('ZADD', k_errors, puts.errors)
  end
  if keep ~= '0' and FINAL[state] then redis.call('ZADD', k_kept, int(at + tonumber(keep)), id) end
  -- The place first: a place without its task is passed over, a task without a place would be lost.
  redis.call('ZADD', PLACES[state], int(state == 'pending' and score_of(stored, step) or at), id)
  redis.call('HSET', k_tasks, id, stored)
  taken, first = taken + 1, first or id
  return '1'
end
local codes = {}
for i = 1, tonumber(a_tasks) do codes[i] = put(unpack(ARGV, i * 9 - 3, i * 9 + 5)) end
if taken > 0 then
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', 'import', 'by', a_by, 'operation', a_operation,
    'count', taken, 'first', first)
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', 'import', 'by', a_by, 'count', taken, 'id', first)
  tally('imported', taken)
  count(counts)
  wake()
end
return {1, now, table.concat(codes)}
