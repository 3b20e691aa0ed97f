-- types: what exchange checks before it writes anything.
-- A wrong-type key must fail here, while nothing has changed: scripts are not rolled back.
local function check_types()
  for _, key in ipairs({k_tasks, k_claims, k_runs, k_tries, k_progress, k_cancels, k_policy, k_counters, k_minute,
    k_causes, k_prints}) do redis.call('HLEN', key) end
  for _, key in ipairs({k_pending, k_suspects, k_held, k_active, k_leases, k_delayed, k_retry, k_waiting,
    k_completed, k_cancelled, k_dead, k_kept, k_outbox, k_groups, k_groups_due, k_errors}) do redis.call('ZCARD', key) end
  redis.call('LLEN', k_wake)
  redis.call('XLEN', k_events)
end
