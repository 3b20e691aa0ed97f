#!lua flags=allow-oom
-- roll: add what a minute counted to its hour and its day; what was added before is not added again.
-- KEYS hours days minute
-- ARGV now:ms number:int
--   number: of the minute that the key `minute` holds
-- RETURNS [now, mark, added]
--   mark: up to this minute, included, all are rolled; added 1 something, 0 nothing new, -1 the minute
--   is not over yet. The minute remembers what was taken from it (its field `rolled`), so a repeat,
--   a second sweeper, and what is counted late are all right.
-- MOVES none
--@include now
local MINUTES_KEPT, HOURS_KEPT, DAYS_KEPT = 1560, 192, 90
local number = tonumber(a_number)
for _, key in ipairs({k_hours, k_days, k_minute}) do redis.call('HLEN', key) end
local this_minute = math.floor(now / 60000)
local known = tonumber(redis.call('HGET', k_hours, 'rolled') or nil)
local mark = math.max(known or 0, this_minute - MINUTES_KEPT)
if number >= this_minute then return {now, mark, -1} end
local function parse(text)
  local counts = {}
  for field, n in string.gmatch(text or '', '(%S+) (%d+)') do counts[field] = tonumber(n) end
  return counts
end
local function write(key, field, counts)
  local words = {}
  for name, n in pairs(counts) do words[#words + 1] = name .. ' ' .. int(n) end
  table.sort(words)
  redis.call('HSET', key, field, table.concat(words, ' '))
end
-- A few more than are kept may stand there before the old ones go: this looks at every name.
local function trim(key, kept, newest)
  if redis.call('HLEN', key) <= kept + 8 then return end
  for _, name in ipairs(redis.call('HKEYS', key)) do
    local at = tonumber(name)
    if at and at <= newest - kept then redis.call('HDEL', key, name) end
  end
end
local flat, counted, fresh = redis.call('HGETALL', k_minute), {}, {}
local taken = parse(redis.call('HGET', k_minute, 'rolled'))
for i = 1, #flat, 2 do
  local field, n = flat[i], tonumber(flat[i + 1])
  if field ~= 'rolled' and n then
    counted[field] = n
    if n > (taken[field] or 0) then fresh[field] = n - (taken[field] or 0) end
  end
end
local is_new = next(fresh) ~= nil
if is_new then
  local places = {{k_hours, math.floor(number / 60), HOURS_KEPT}, {k_days, math.floor(number / 1440), DAYS_KEPT}}
  for _, place in ipairs(places) do
    local sums = parse(redis.call('HGET', place[1], place[2]))
    for field, n in pairs(fresh) do sums[field] = (sums[field] or 0) + n end
    write(place[1], place[2], sums)
    trim(place[1], place[3], place[2])
  end
  write(k_minute, 'rolled', counted)
end
if number == mark + 1 then mark = number end
if mark ~= known then redis.call('HSET', k_hours, 'rolled', int(mark)) end
return {now, mark, is_new and 1 or 0}
