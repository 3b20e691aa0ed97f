-- store: what enqueue writes for the tasks it takes: places at once for all of them, then the tasks.
-- Places first: a place without its task is passed over, a task without a place would be lost.
local function write()
  for name, key in pairs({pending = k_pending, delayed = k_delayed, waiting = k_waiting, needs = k_needs}) do
    apply('ZADD', key, puts[name])
    puts[name] = {}
  end
  apply('HSET', k_tasks, stores)
  tally('enqueued', #stores / 2)
  stores = {}
end
-- A repeat may come from another span, and is the same task all the same.
local function untraced(tail)
  local head, payload = string.match(tail, '^([^\n]*)(\n.*)$')
  if not head then return tail end
  head = string.gsub(head, ',?"t":"[^"]*"}$', '}')
  head = string.gsub(head, '|{}$', '|')
  return head .. payload
end
local function same(stored, priority, tail)
  local old, rest = string.match(stored, '^1|(%d+)|%d+|%d+|(.*)$')
  return old == priority and (rest == tail or untraced(rest) == untraced(tail))
end
local function store(id, priority, place, expires, tail)
  local stored = '1|' .. priority .. '|' .. int(place) .. '|' .. int(expires) .. '|' .. tail
  if #stored > 40000 and #stored > biggest then
    biggest = #stored
    redis.call('HSET', k_policy, 'max_blob', biggest)
  end
  add(stores, id, stored)
  seen[id] = stored
  if room then room = room - 1 end
  return stored
end
