#!lua flags=no-writes,allow-stale
-- read_history: two minutes as they were counted, and hours or days as they were rolled up.
-- KEYS hours days minute_before minute
-- ARGV now:ms table:hours|days
-- then the numbers of the hours or days
-- RETURNS [now, mark, minute before, minute, rolled up …]
--   mark: up to this minute all are rolled, -1 if none is; the minutes as flat field, value lists; one
--   text "field n field n …" for each number asked for, "" where nothing was counted
-- MOVES none
--@include now
local mark = tonumber(redis.call('HGET', k_hours, 'rolled') or nil) or -1
local reply = {now, mark, redis.call('HGETALL', k_minute_before), redis.call('HGETALL', k_minute)}
if #ARGV > 2 then
  local rows = redis.call('HMGET', a_table == 'days' and k_days or k_hours, unpack(ARGV, 3))
  for i = 1, #ARGV - 2 do reply[#reply + 1] = rows[i] or '' end
end
return reply
