#!lua flags=allow-oom
-- announce: write a worker's row, and its beat while it lives; forget beats that nobody shows any more.
-- KEYS workers worker
-- ARGV now:ms id:id beats:0|1 ttl:s shown:ms
-- then the row's fields: name value
--   ttl: of the row after this; shown: how long after its last beat a lost worker is shown
-- RETURNS now
-- MOVES none
--@include now
redis.call('ZCARD', k_workers)
redis.call('HLEN', k_worker)
if a_beats == '1' then
  redis.call('ZADD', k_workers, int(now), a_id)
  redis.call('HSET', k_worker, 'beat_ms', int(now))
  redis.call('ZREMRANGEBYSCORE', k_workers, '-inf', '(' .. int(now - tonumber(a_shown)))
end
redis.call('HSET', k_worker, unpack(ARGV, 6))
redis.call('EXPIRE', k_worker, a_ttl)
return now
