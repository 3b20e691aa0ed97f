#!lua flags=allow-oom
-- repair: judge members of one key again, and put right those that are still wrong.
-- KEYS tasks pending suspects held active claims leases delayed retry waiting completed cancelled dead
-- KEYS kept trash trashed runs tries progress cancels unique needs dependents outbox groups
-- KEYS groups_due policy counters causes errors audit events wake
-- ARGV now:ms part:name grace:ms by:json
-- then the members
-- RETURNS [now, word, word …] in the order of the members
--   word sound, mended, or the fault that this script does not put right
-- MOVES (nowhere)->pending|delayed|completed waiting->pending|delayed *->(one of two places)
--@include now
--@include tools
--@include place
--@include find
--@include runs
--@include wake
--@include line
--@include groups
--@include judge
--@include judge_groups
local is_ready = false
--@include mend
for _, key in ipairs({k_tasks, k_claims, k_trashed, k_runs, k_tries, k_progress, k_cancels, k_unique, k_policy,
  k_counters, k_causes}) do redis.call('HLEN', key) end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_leases, k_kept, k_needs, k_dependents, k_outbox, k_groups,
  k_groups_due, k_errors}) do redis.call('ZCARD', key) end
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local key, reply, mended = PARTS[a_part], {now}, 0
local is_hash = redis.call('TYPE', key).ok == 'hash'
for i = 5, #ARGV do
  local member = ARGV[i]
  local value
  if is_hash then value = redis.call('HGET', key, member) else value = redis.call('ZSCORE', key, member) end
  local fault = value and JUDGES[a_part](member, value)
  if not fault then reply[#reply + 1] = 'sound'
  elseif MENDS[fault] and MENDS[fault](key, member, value) then
    reply[#reply + 1] = 'mended'
    mended = mended + 1
  else reply[#reply + 1] = fault end
end
append_runs(lines)
if mended > 0 then
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', 'repair', 'by', a_by, 'operation', '',
    'count', mended, 'first', ARGV[5], 'part', a_part)
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', 'repair', 'by', a_by, 'count', mended, 'id', ARGV[5])
end
if is_ready then wake() end
return reply
