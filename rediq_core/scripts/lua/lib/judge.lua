-- judge: what is wrong with one member of one key of a queue, by a word; nothing if it is sound.
-- Every rule holds after each whole script, so at the instant of this one it holds everywhere.
local PARTS = {
  tasks = k_tasks, pending = k_pending, suspects = k_suspects, held = k_held, active = k_active, delayed = k_delayed,
  retry = k_retry, waiting = k_waiting, completed = k_completed, cancelled = k_cancelled, dead = k_dead, trash = k_trash,
  claims = k_claims, leases = k_leases, trashed = k_trashed, runs = k_runs, tries = k_tries, progress = k_progress,
  cancels = k_cancels, kept = k_kept, unique = k_unique, causes = k_causes, errors = k_errors, outbox = k_outbox,
  counters = k_counters, policy = k_policy,
}
local NUMBERS = {concurrency = 1, rate = 1, rate_ms = 1, burst = 1, tokens = 1, tokens_ms = 1, step = 1,
  max_len = 1, max_blob = 1, beat_ms = 1, reap_after = 1, swept_ms = 1, ['until'] = 1}
local grace = tonumber(a_grace)
-- Returns the names of all places of a task, and for each its key and member.
local function places_of(id, stored)
  local names, keys, members = {}, {}, {}
  local function add_place(name, key, member)
    if redis.call('ZSCORE', key, member) then
      names[#names + 1], keys[#keys + 1], members[#members + 1] = name, key, member
    end
  end
  for _, zset in ipairs(ZSETS) do add_place(zset[1], zset[2], id) end
  add_place('held', k_held, names_of(stored) .. '>' .. id)
  return names, keys, members
end
local function is_of_task(id)
  if redis.call('HEXISTS', k_tasks, id) == 0 then return 'leftover' end
end
local function is_of_active(id)
  if not redis.call('ZSCORE', k_active, id) then return 'leftover' end
end
local function place(id)
  if redis.call('HEXISTS', k_tasks, id) == 0 then return 'orphan' end
end
local JUDGES = {
  pending = place, suspects = place, delayed = place, retry = place, completed = place, dead = place, cancelled = place,
  runs = is_of_task, tries = is_of_task, kept = is_of_task, progress = is_of_active, cancels = is_of_active,
  claims = is_of_active,
}
function JUDGES.tasks(id, stored)
  local names = places_of(id, stored)
  if #names == 0 then return 'homeless' end
  if #names > 1 then return 'double' end
  if not string.match(stored, '^1|%d+|%d+|%d+|%d+|[^|\n]*|[^|\n]+|[^|\n]*|[^|\n]*|') then return 'damaged' end
end
function JUDGES.held(member)
  local kind, id = string.match(member, '^([^>]*)>(.*)$')
  local stored = id and redis.call('HGET', k_tasks, id)
  if not stored or names_of(stored) ~= kind then return 'orphan' end
end
function JUDGES.active(id)
  local fault = place(id)
  if fault then return fault end
  local token = redis.call('HGET', k_claims, id)
  if not token then return 'unclaimed' end
  local till = redis.call('ZSCORE', k_leases, string.match(token, '^(.*):%d+$') or '')
  if not till then return 'unleased' end
  if tonumber(till) + grace < now then return 'expired' end
end
local function has_edge(key, from)
  return #redis.call('ZRANGEBYLEX', key, '[' .. from .. '>', '(' .. from .. '?', 'LIMIT', 0, 1) > 0
end
function JUDGES.waiting(id)
  local stored = redis.call('HGET', k_tasks, id)
  if not stored then return 'orphan' end
  if has_edge(k_needs, id) then return end
  local group, member = group_of(id, stored)
  if not group then return 'stranded' end
  if not redis.call('ZSCORE', k_groups, member) then return 'ungrouped' end
end
function JUDGES.trash(id)
  if redis.call('HEXISTS', k_tasks, id) == 0 then return 'orphan' end
  if redis.call('HEXISTS', k_trashed, id) == 0 then return 'unlisted' end
end
function JUDGES.trashed(id)
  if not redis.call('ZSCORE', k_trash, id) then return 'leftover' end
end
function JUDGES.leases(_, till)
  if tonumber(till) + grace < now then return 'expired' end
end
function JUDGES.unique(_, value)
  local owner = string.match(value, '^(.*)|%d+$')
  local stored = owner and redis.call('HGET', k_tasks, owner)
  if not stored then return 'stale' end
  local name = places_of(owner, stored)[1]
  if name == 'completed' or name == 'dead' or name == 'cancelled' or name == 'trash' then return 'stale' end
end
function JUDGES.causes(id, print)
  if redis.call('HEXISTS', k_tasks, id) == 0 then return 'leftover' end
  if not redis.call('ZSCORE', k_errors, print .. '>' .. id) then return 'unlisted' end
end
function JUDGES.errors(member)
  local print, id = string.match(member, '^([^>]*)>(.*)$')
  if not id or redis.call('HGET', k_causes, id) ~= print then return 'leftover' end
end
function JUDGES.outbox(parent)
  -- Children to be told, or children that died of it and live again with it.
  if not has_edge(k_dependents, parent) and not has_edge(k_dependents, '>' .. parent) then return 'leftover' end
end
-- What was counted ever is at least what there is.
local function least(field)
  if field == 'enqueued' then return redis.call('HLEN', k_tasks) end
  if field == 'completed' then return redis.call('ZCARD', k_completed) end
  if field == 'dead' then return redis.call('ZCARD', k_dead) end
  return field == 'cancelled' and redis.call('ZCARD', k_cancelled) or 0
end
function JUDGES.counters(field, value)
  if not string.match(value, '^%d+$') then return 'unreadable' end
  if tonumber(value) < least(field) then return 'drift' end
end
function JUDGES.policy(field, value)
  if NUMBERS[field] and not tonumber(value) then return 'unreadable' end
end
