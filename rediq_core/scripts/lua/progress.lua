#!lua flags=allow-oom
-- progress: what running handlers say, kept only while their token holds.
-- KEYS claims progress
-- ARGV now:ms
-- then for each task: id token percent message
-- RETURNS how many were kept
-- MOVES none
--@include now
local kept = 0
redis.call('HLEN', k_progress)
for i = 2, #ARGV, 4 do
  if redis.call('HGET', k_claims, ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', k_progress, ARGV[i], ARGV[i + 2] .. '|' .. int(now) .. '|' .. ARGV[i + 3])
    kept = kept + 1
  end
end
return kept
