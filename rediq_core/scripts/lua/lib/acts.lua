-- acts: what each verb of an operator does to one task whose state allows it. An act puts the task into
-- its new place and returns that zset; the caller then removes it from the old one.
local TAKES = {
  retry = {dead = 1, retry = 1, cancelled = 1}, run = {delayed = 1, retry = 1},
  cancel = {pending = 1, delayed = 1, retry = 1, waiting = 1, active = 1},
  delete = {pending = 1, delayed = 1, retry = 1, waiting = 1, completed = 1, cancelled = 1, dead = 1},
  restore = {trash = 1}, reschedule = {pending = 1, delayed = 1, retry = 1},
}
local step, due, purge = tonumber(redis.call('HGET', k_policy, 'step') or nil), tonumber(a_due), tonumber(a_purge)
local woken = false
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
local function enter_pending(id, stored)
  clear_causes({id})
  redis.call('HDEL', k_cancels, id)
  redis.call('ZADD', k_pending, int(score_of(to_end(id, stored, now), step)), id)
  woken = true
  return k_pending
end
local ACTS = {run = enter_pending}
function ACTS.retry(id, stored)
  redis.call('HDEL', k_tries, id)
  redis.call('ZREM', k_kept, id)
  return enter_pending(id, stored)
end
function ACTS.cancel(id)
  redis.call('ZADD', k_cancelled, int(now), id)
  clear_causes({id})
  return k_cancelled
end
function ACTS.delete(id, stored, from, score)
  if purge == 0 then
    forget({id})
    return
  end
  local print = redis.call('HGET', k_causes, id) or ''
  redis.call('HSET', k_trashed, id, from .. '|' .. score .. '|' .. a_operation .. '|' .. print)
  redis.call('ZADD', k_trash, int(now + purge), id)
  clear_causes({id})
  return k_trash
end
local UNFINISHED = {pending = 1, suspects = 1, held = 1, delayed = 1, retry = 1, waiting = 1}
local function former_place(id)
  return string.match(redis.call('HGET', k_trashed, id) or '', '^(%a+)|([^|]*)|([^|]*)|(.*)$')
end
function ACTS.restore(id, stored)
  local name, score, _, print = former_place(id)
  if not name or name == 'pending' or name == 'suspects' then score = int(score_of(stored, step)) end
  local key = key_of(name or 'pending')
  redis.call('ZADD', key, score, name == 'held' and names_of(stored) .. '>' .. id or id)
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
-- A task that comes back unfinished takes its unique key again.
local function owes_key(id, state)
  return a_verb == 'retry' or (a_verb == 'restore' and state == 'trash' and UNFINISHED[former_place(id) or 'pending'])
end
