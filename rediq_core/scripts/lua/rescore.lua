#!lua flags=allow-oom
-- rescore: give pending tasks their places by the present step, a bounded piece a call.
-- KEYS tasks pending suspects policy
-- ARGV now:ms limit:int
-- RETURNS [now, tasks that got a new place, is there more]
--   what is left to do lies in the policy (rescore: start, then where a scan goes on), so anybody may
--   go on with it; done twice, a piece changes nothing
-- MOVES none
--@include now
--@include place
for _, key in ipairs({k_tasks, k_policy}) do redis.call('HLEN', key) end
for _, key in ipairs({k_pending, k_suspects}) do redis.call('ZCARD', key) end
local policy = redis.call('HMGET', k_policy, 'rescore', 'step', 'max_blob')
if not policy[1] then return {now, 0, 0} end
local step, biggest, limit, moved = tonumber(policy[2] or nil), tonumber(policy[3]) or 0, tonumber(a_limit), 0
-- Headers are read with their payloads: no more of them than a call may touch.
if biggest > 0 then limit = math.max(1, math.min(limit, math.floor(4194304 / biggest))) end
local function place(zset, id, old)
  local stored = redis.call('HGET', k_tasks, id)
  if not stored then return end
  local score = int(score_of(stored, step))
  if tonumber(score) ~= tonumber(old) then
    redis.call('ZADD', zset, 'XX', score, id)
    moved = moved + 1
  end
end
local cursor = policy[1]
if cursor == 'start' then
  cursor = '0'
  local alone = redis.call('ZRANGE', k_suspects, 0, limit - 1, 'WITHSCORES')
  for i = 1, #alone, 2 do place(k_suspects, alone[i], alone[i + 1]) end
end
local found = redis.call('ZSCAN', k_pending, cursor, 'COUNT', limit)
for i = 1, #found[2], 2 do place(k_pending, found[2][i], found[2][i + 1]) end
if found[1] == '0' then redis.call('HDEL', k_policy, 'rescore')
else redis.call('HSET', k_policy, 'rescore', found[1]) end
return {now, moved, found[1] == '0' and 0 or 1}
