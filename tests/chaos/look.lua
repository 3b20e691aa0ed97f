#!lua flags=no-writes
-- look: what contradicts itself in the keys of a queue, at this instant.
-- KEYS one for each place in ARGV, then tasks claims leases counters unique needs
-- ARGV names of the places
-- RETURNS a sentence for each contradiction
local places = ARGV
local at, faults, size = {}, {}, {}
local function fault(word, id) faults[#faults + 1] = word .. ' ' .. id end
local function members(i) return redis.call('ZRANGE', KEYS[i], 0, -1) end
for i, name in ipairs(places) do
  local ids = members(i)
  size[name] = #ids
  for _, id in ipairs(ids) do
    if name == 'held' then id = string.match(id, '>(.*)$') end
    if at[id] then fault('in ' .. at[id] .. ' and ' .. name .. ':', id) end
    at[id] = name
  end
end
local n = #places
local tasks = redis.call('HKEYS', KEYS[n + 1])
local known = {}
for _, id in ipairs(tasks) do
  known[id] = true
  if not at[id] then fault('in no place:', id) end
end
for id, name in pairs(at) do
  if not known[id] then fault('unknown but in ' .. name .. ':', id) end
end
local claims, leases = redis.call('HGETALL', KEYS[n + 2]), {}
local rows = redis.call('ZRANGE', KEYS[n + 3], 0, -1, 'WITHSCORES')
for i = 1, #rows, 2 do leases[rows[i]] = tonumber(rows[i + 1]) end
local claimed = 0
for i = 1, #claims, 2 do
  claimed = claimed + 1
  if at[claims[i]] ~= 'active' then fault('claimed but ' .. (at[claims[i]] or 'nowhere') .. ':', claims[i]) end
  if not leases[string.match(claims[i + 1], '^(.*):')] then fault('active without a lease:', claims[i]) end
end
if claimed ~= size.active then fault('active without a token:', size.active - claimed) end
local counters, counts = redis.call('HGETALL', KEYS[n + 4]), {}
for i = 1, #counters, 2 do counts[counters[i]] = tonumber(counters[i + 1]) end
local real = {enqueued = #tasks, completed = size.completed, dead = size.dead, cancelled = size.cancelled}
for name, number in pairs(real) do
  if (counts[name] or 0) ~= number then
    fault(name .. ' counts ' .. (counts[name] or 0) .. ' and is ' .. number, '')
  end
end
local keys = redis.call('HGETALL', KEYS[n + 5])
for i = 1, #keys, 2 do
  local owner = string.match(keys[i + 1], '^(.*)|')
  local place = at[owner]
  if not place or place == 'completed' or place == 'dead' or place == 'cancelled' then
    fault('key ' .. keys[i] .. ' held by a task that is ' .. (place or 'nowhere') .. ':', owner)
  end
end
for _, id in ipairs(members(7)) do
  if #redis.call('ZRANGEBYLEX', KEYS[n + 6], '[' .. id .. '>', '(' .. id .. '?', 'LIMIT', 0, 1) == 0 then
    fault('waits for nobody:', id)
  end
end
return faults
