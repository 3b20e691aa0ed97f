#!lua flags=no-writes,allow-stale
-- examine: look at a piece of one key of a queue, and say of each member what is wrong with it.
-- KEYS tasks pending suspects held active claims leases delayed retry waiting completed cancelled dead
-- KEYS kept trash trashed runs tries progress cancels unique needs dependents outbox groups groups_due
-- KEYS policy counters causes errors
-- ARGV now:ms part:name cursor:text limit:int grace:ms
--   part: the key; cursor: "0" to begin, then what the last call returned, "0" at the end
--   limit: members, about; grace: how long a lease may be over before that is a fault
-- RETURNS [now, cursor, seen, size, member, fault, member, fault …]
-- MOVES none
--@include now
--@include place
--@include find
--@include line
--@include judge
--@include judge_groups
local key, reply = PARTS[a_part], {now, '0', 0, 0}
local kind = redis.call('TYPE', key).ok
local found = {'0', {}}
if kind == 'hash' then
  reply[4], found = redis.call('HLEN', key), redis.call('HSCAN', key, a_cursor, 'COUNT', a_limit)
elseif kind == 'zset' then
  reply[4], found = redis.call('ZCARD', key), redis.call('ZSCAN', key, a_cursor, 'COUNT', a_limit)
end
reply[2], reply[3] = found[1], #found[2] / 2
for i = 1, #found[2], 2 do
  local fault = JUDGES[a_part](found[2][i], found[2][i + 1])
  if fault then
    reply[#reply + 1] = found[2][i]
    reply[#reply + 1] = fault
  end
end
return reply
