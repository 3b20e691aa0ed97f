#!lua flags=no-writes,allow-stale
-- read_page: a page of one zset of a queue with everything about its tasks.
-- KEYS tasks pending suspects held active claims delayed retry waiting completed cancelled dead trash
-- KEYS trashed runs tries progress cancels
-- ARGV now:ms zset:name start:rank limit:int reverse:bit
-- RETURNS [now, total, read, row, row …]; read: members looked at; rows as in lib/describe
-- MOVES none
--@include now
--@include place
--@include find
--@include describe
local MAX_BYTES = 4194304
local key = k_held
for _, zset in ipairs(ZSETS) do if zset[1] == a_zset then key = zset[2] end end
local start, limit = tonumber(a_start), tonumber(a_limit)
local page = redis.call(a_reverse == '1' and 'ZREVRANGE' or 'ZRANGE', key, start, start + limit - 1, 'WITHSCORES')
local rows, bytes = {now, redis.call('ZCARD', key), 0}, 0
for i = 1, #page, 2 do
  local id = a_zset == 'held' and string.match(page[i], '>(.*)$') or page[i]
  local row = describe(id, a_zset, page[i + 1])
  bytes = bytes + #row[4] + #row[6]
  if bytes > MAX_BYTES and i > 1 then break end
  rows[#rows + 1] = row
  rows[3] = rows[3] + 1
end
return rows
