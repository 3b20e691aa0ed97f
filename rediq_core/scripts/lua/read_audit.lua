#!lua flags=no-writes,allow-stale
-- read_audit: what operators did to a queue, latest first.
-- KEYS audit
-- ARGV now:ms since:ms until:ms limit:int
--   since, until: 0 for no bound
-- RETURNS [now, entry, entry …]; an entry: id, flat fields and values
-- MOVES none
--@include now
local from, till = a_since == '0' and '-' or a_since, a_until == '0' and '+' or a_until
return {now, unpack(redis.call('XREVRANGE', k_audit, till, from, 'COUNT', a_limit))}
