#!lua flags=allow-oom
-- drop: forget an empty queue: its limits, its pause, its counters and history. A queue with tasks stays.
-- KEYS tasks pending suspects held active claims leases delayed retry waiting completed cancelled dead kept
-- KEYS trash trashed runs tries progress cancels unique needs dependents outbox outcomes early groups
-- KEYS groups_due policy requests counters hours days causes errors prints fired audit events wake
-- ARGV now:ms
-- RETURNS [code, now, tasks]
--   code 1 gone (also if it was before), 0 it has tasks, 2 it has parents whose children wait to be told
-- MOVES none
--@include now
-- What something else wrote under these names is not deleted unseen.
for _, key in ipairs({k_claims, k_trashed, k_runs, k_tries, k_progress, k_cancels, k_unique, k_outcomes, k_policy,
  k_requests, k_counters, k_hours, k_days, k_causes, k_prints, k_fired}) do redis.call('HLEN', key) end
for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_leases, k_delayed, k_retry, k_waiting, k_completed,
  k_cancelled, k_dead, k_kept, k_trash, k_needs, k_dependents, k_outbox, k_early, k_groups, k_groups_due, k_errors}) do
  redis.call('ZCARD', key)
end
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local tasks = redis.call('HLEN', k_tasks)
if tasks > 0 then return {0, now, tasks} end
if redis.call('ZCARD', k_outbox) > 0 then return {2, now, redis.call('ZCARD', k_outbox)} end
for _, key in ipairs(KEYS) do
  -- What children of other queues may still ask for or leave here lives on for a while.
  if key == k_outcomes or key == k_early then redis.call('EXPIRE', key, 600)
  else redis.call('DEL', key) end
end
return {1, now, 0}
