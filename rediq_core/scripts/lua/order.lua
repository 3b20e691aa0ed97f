#!lua flags=allow-oom
-- order: put orders before a supervisor, and into the journal what an operator told a worker.
-- KEYS journal commands
-- ARGV now:ms ttl:s verb:text by:text worker:id
-- then each order: a line of JSON
--   verb: "" for what a queue's own books tell, such as a cancel
-- RETURNS how many orders lie there
-- MOVES none
--@include now
redis.call('XLEN', k_journal)
redis.call('LLEN', k_commands)
local lying = redis.call('RPUSH', k_commands, unpack(ARGV, 6))
redis.call('EXPIRE', k_commands, a_ttl)
if a_verb ~= '' then
  redis.call('XADD', k_journal, 'MAXLEN', '~', 10000, '*', 'verb', a_verb, 'by', a_by, 'worker', a_worker)
end
return lying
