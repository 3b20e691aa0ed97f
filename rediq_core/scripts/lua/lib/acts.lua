-- acts: what each verb of an operator does to one task whose state allows it. An act puts the task into
-- its new place and returns that zset; the caller then removes it from the old ones. Each may be done
-- again after it stopped half way.
local TAKES = {
  retry = {dead = 1, retry = 1, cancelled = 1}, run = {delayed = 1, retry = 1},
  cancel = {pending = 1, delayed = 1, retry = 1, waiting = 1, active = 1},
  delete = {pending = 1, delayed = 1, retry = 1, waiting = 1, completed = 1, cancelled = 1, dead = 1},
  restore = {trash = 1}, reschedule = {pending = 1, delayed = 1, retry = 1},
}
local step, due, purge = tonumber(redis.call('HGET', k_policy, 'step') or nil), tonumber(a_due), tonumber(a_purge)
local woken, purges = false, a_verb == 'delete' and purge == 0
if purges then TAKES.delete.trash = 1 end
local function key_of(name)
  for _, zset in ipairs(ZSETS) do if zset[1] == name then return zset[2] end end
  return k_held
end
-- Gives the task a new place; its time to expire moves along, and ends if the task may run at once.
local function to_end(id, stored, place)
  local priority, old, expires, rest = string.match(stored, '^1|(%d+)|(%d+)|(%d+)|(.*)$')
  if not priority then return stored end
  expires = (place > now and expires ~= '0') and int(place + expires - old) or '0'
  local again = '1|' .. priority .. '|' .. int(place) .. '|' .. expires .. '|' .. rest
  redis.call('HSET', k_tasks, id, again)
  return again
end
-- Into line: pending, or its group, which may make it pending at once. Returns the zset.
local function enter(id, stored)
  if join(id, stored, step) then return redis.call('ZSCORE', k_pending, id) and k_pending or k_waiting end
  redis.call('ZADD', k_pending, int(score_of(stored, step)), id)
  return k_pending
end
local function enter_pending(id, stored)
  clear_causes({id})
  redis.call('HDEL', k_cancels, id)
  woken = true
  return enter(id, to_end(id, stored, now))
end
local ACTS = {run = enter_pending}
function ACTS.retry(id, stored)
  redis.call('HDEL', k_tries, id)
  redis.call('ZREM', k_kept, id)
  revive_children(id)
  if not is_bound(id) then return enter_pending(id, stored) end
  clear_causes({id})
  redis.call('HDEL', k_cancels, id)
  redis.call('ZADD', k_waiting, int(now), id)
  return k_waiting
end
function ACTS.cancel(id)
  redis.call('ZADD', k_cancelled, int(now), id)
  clear_causes({id})
  return k_cancelled
end
function ACTS.delete(id, _, place, _, unique)
  if purges then
    redis.call('ZADD', k_trash, int(now), id)
    return k_trash
  end
  local row = place.name .. '|' .. place.score .. '|' .. a_operation .. '|'
  -- A row of this very act is kept: when it stopped half way, the cause was cleared already.
  if string.sub(redis.call('HGET', k_trashed, id) or '', 1, #row) ~= row then
    local print = redis.call('HGET', k_causes, id) or ''
    redis.call('HSET', k_trashed, id, row .. print .. till_of(id, unique))
  end
  redis.call('ZADD', k_trash, int(now + purge), id)
  clear_causes({id})
  return k_trash
end
function ACTS.restore(id, stored, place, found)
  local name, score, _, print = former_place(id)
  if not name then
    for _, other in ipairs(found) do
      if other.key ~= place.key then return other.key end
    end
  end
  local key = key_of(name or 'pending')
  -- Its parents may have ended while it was in the trash.
  local is_free = key == k_waiting and not is_bound(id)
  local fate = is_free and judge(id, flags_of(stored))
  if UNFINISHED[name or 'pending'] then revive_children(id) end
  if fate then
    key = fate == 'd' and k_dead or k_cancelled
    redis.call('ZADD', key, int(now), id)
  elseif key == k_pending or is_free then key = enter(id, stored)
  else
    if name == 'suspects' then score = int(score_of(stored, step)) end
    redis.call('ZADD', key, score, name == 'held' and names_of(stored) .. '>' .. id or id)
  end
  if print and print ~= '' then
    redis.call('HSET', k_causes, id, print)
    redis.call('ZADD', k_errors, 0, print .. '>' .. id)
  end
  redis.call('HDEL', k_trashed, id)
  woken = woken or UNFINISHED[name or 'pending'] ~= nil
  return key
end
function ACTS.reschedule(id, stored)
  to_end(id, stored, due)
  redis.call('ZADD', k_delayed, int(due), id)
  woken = true
  return k_delayed
end
-- A task that comes back unfinished takes its unique key again, for as long as it had it.
local function owes_key(id, state)
  return a_verb == 'retry' or (a_verb == 'restore' and state == 'trash' and UNFINISHED[former_place(id) or 'pending'])
end
local function keep_unique(id, unique)
  local _, _, _, _, till = former_place(id)
  local left = a_verb == 'restore' and tonumber(till or nil)
  return take_unique(id, unique, left and left - now or nil)
end
