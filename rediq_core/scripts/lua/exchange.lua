#!lua flags=allow-oom
-- exchange: settle finished runs, promote what is due, claim under policy: the hot path in one call.
-- KEYS tasks pending suspects held active claims leases delayed retry waiting completed cancelled
-- KEYS dead kept runs tries progress cancels unique needs dependents outbox outcomes groups
-- KEYS groups_due policy
-- KEYS requests counters causes errors prints events wake minute
-- ARGV now:ms caller:incarnation seq:int want:int lease:ms flags:letters keep:numbers types:words
-- ARGV histogram:pairs settles:int
-- then for each settle: id token target line tries failure unique
--   flags f: caller holds nothing yet, so its lease begins with what it claims here; e: after these
--   settles it holds nothing else, so without a claim its lease ends; s: may take a suspect
--   keep: completed age, count; dead age, count; min_keep
--   target c completed, r retry, d dead, s snooze (delayed), p release, h held; then delay or keep ms
--   failure "" or fingerprint|summary
-- RETURNS [status, now, due, pending, held, suspects, codes, deliver, id, stored, tries, …]
--   tries: of a task with parents [tries, parent, how it ended, …]
--   status 1 done, 2 repeat of the last request, 3 lease lost, 4 request older than the last
--   codes, one letter a settle: 1 applied, 2 already (this token settled before), 3 cancelled
--   instead, 0 lost; due: when something may be claimable, 0 if nothing is in sight
-- MOVES active->completed|retry|dead|delayed|pending|cancelled delayed|retry->pending|waiting pending|waiting->active
--@include now
--@include tools
--@include place
--@include beat
--@include final
--@include causes
--@include kin
--@include forget
--@include runs
--@include trim
--@include wake
--@include wake_all
--@include count
--@include failure
--@include line
--@include groups
--@include trace
--@include settle
--@include types
--@include members
--@include promote
--@include limits
--@include ends
--@include claim
local lease_ms, want, settles = tonumber(a_lease), tonumber(a_want), tonumber(a_settles)
local row = redis.call('HGET', k_requests, a_caller)
if row then
  local seq, due, codes, ids = string.match(row, '^(%d+)|%d+|(%d+)|([^|]*)|(.*)$')
  if tonumber(seq) == tonumber(a_seq) then return repeat_reply(due, codes, ids) end
  if tonumber(seq) > tonumber(a_seq) then return {4, now, 0, 0, 0, 0, '', ''} end
end
check_types()
local policy = redis.call('HMGET', k_policy, 'beat_ms', 'reap_after', 'paused', 'until', 'concurrency',
  'rate', 'rate_ms', 'burst', 'tokens', 'tokens_ms', 'step', 'max_blob', 'grouped', 'trace_until')
local reap_after = beat(policy[1], policy[2], lease_ms)
local expiry = redis.call('ZSCORE', k_leases, a_caller)
local is_alive = string.find(a_flags, 'f', 1, true) or may_renew(expiry, reap_after)
if is_alive and expiry then redis.call('ZADD', k_leases, int(now + lease_ms), a_caller) end
local step, is_grouped = tonumber(policy[11]), policy[13]
follow(policy[14])
local codes = settle_all(10, settles, step, is_grouped)
local due = promote(step, tonumber(policy[12]), is_grouped)
local is_sooner = soonest and soonest == due
local claimed, hint = claim(is_alive and want or 0, policy, lease_ms)
if hint > 0 and (due == 0 or hint < due) then due = hint end
local ids = {}
for i = 1, #claimed, 3 do ids[#ids + 1] = claimed[i] end
trim_finished(finished)
redis.call('HSET', k_requests, a_caller,
  a_seq .. '|' .. int(now) .. '|' .. int(due) .. '|' .. codes .. '|' .. table.concat(ids, ','))
leave(step)
if is_grouped then due = next_group(due) end
if is_alive and #claimed == 0 and string.find(a_flags, 'e', 1, true) then redis.call('ZREM', k_leases, a_caller) end
for field, n in string.gmatch(a_histogram, '(%S+) (%d+)') do counts[field] = tonumber(n) end
count(counts)
local left = redis.call('ZCARD', k_pending)
if counts.held then wake_all()
elseif is_sooner or is_group_new or (left > 0 and hint == 0) then wake() end
return {is_alive and 1 or 3, now, due, left, redis.call('ZCARD', k_held),
  redis.call('ZCARD', k_suspects), codes, table.concat(deliver, ','), unpack(claimed)}
