#!lua flags=allow-oom
-- record: write what an operation is and how far it came; it decides nothing about tasks.
-- KEYS ops op
-- ARGV now:ms id:id began:ms ttl:s most:int
-- then the record's fields: name value
--   began: 0 for a record that is there; most: so many operations are kept
-- RETURNS now
-- MOVES none
--@include now
redis.call('ZCARD', k_ops)
redis.call('HLEN', k_op)
redis.call('HSET', k_op, unpack(ARGV, 6))
if a_began ~= '0' then
  redis.call('EXPIRE', k_op, a_ttl)
  redis.call('ZADD', k_ops, a_began, a_id)
  redis.call('ZREMRANGEBYRANK', k_ops, 0, -tonumber(a_most) - 1)
end
return now
