#!lua
-- register: write down children at parents of this queue, or answer how those parents ended.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead trash trashed
-- KEYS runs needs dependents outbox outcomes
-- ARGV now:ms edges:int
-- then for each edge: parent, queue/child
-- RETURNS [now, answer, answer …]
--   answer "" written down, ? unknown here and nothing written, else the outcome letter|type|result:
--   c completed, d dead, x cancelled or deleted
-- MOVES none
--@include now
--@include tools
--@include place
--@include find
--@include kin
--@include ended
for _, key in ipairs({k_tasks, k_trashed, k_runs}) do redis.call('HLEN', key) end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
for _, key in ipairs({k_held, k_outbox}) do redis.call('ZCARD', key) end
local reply, answers, edges = {now}, {}, {}
for i = 3, tonumber(a_edges) * 2 + 1, 2 do
  local parent = ARGV[i]
  answers[parent] = answers[parent] or ended(parent) or '?'
  if answers[parent] == '' then add(edges, 0, parent .. '>' .. ARGV[i + 1]) end
  reply[#reply + 1] = answers[parent]
end
apply('ZADD', k_dependents, edges)
return reply
