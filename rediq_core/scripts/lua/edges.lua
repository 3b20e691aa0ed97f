#!lua flags=allow-oom
-- edges: write down which children of a parent were told, and give out the next that must be.
-- KEYS tasks pending suspects held active delayed retry waiting completed cancelled dead trash trashed
-- KEYS runs needs dependents outbox outcomes
-- ARGV now:ms parent:id limit:int
-- then for each child that was told: letter and queue/child; t told, v died of it, b taken up again,
--   u struck out: it was refused after it had been written down
--   limit 0: only write down; what is left stays in the outbox
-- RETURNS [now, kind, outcome, queue/child, …]
--   kind o: the parent ended with that outcome; r: it was taken up again, and what died of it with it
--   Without a child there is nothing left to tell, and the parent has left the outbox.
-- MOVES none
--@include now
--@include tools
--@include place
--@include find
--@include kin
--@include ended
-- How long a relay has for what it took before the sweep gives it to another, in ms.
local TELLING = 30000
for _, key in ipairs({k_tasks, k_trashed, k_runs}) do redis.call('HLEN', key) end
for _, zset in ipairs(ZSETS) do redis.call('ZCARD', zset[2]) end
redis.call('ZCARD', k_held)
redis.call('ZCARD', k_outbox)
local puts, gone, limit = {}, {}, tonumber(a_limit)
for i = 4, #ARGV do
  local letter, child = string.match(ARGV[i], '^(%a)(.*)$')
  local edge = a_parent .. '>' .. child
  if letter == 't' then add(puts, 0, '/' .. edge) end
  if letter == 'v' then add(puts, 0, '>' .. edge) end
  gone[#gone + 1] = letter == 'b' and '>' .. edge or edge
end
apply('ZADD', k_dependents, puts)
apply('ZREM', k_dependents, gone)
if limit == 0 then return {now, 'o', ''} end
local outcome = ended(a_parent) or 'm||'
local kind, edges, again = 'o', {}, {}
-- What died of a parent that lives again, or has completed since, is taken up before it is told: the
-- edge to tell it by is there first.
if outcome == '' or string.sub(outcome, 1, 1) == 'c' then
  edges = kin(k_dependents, '>' .. a_parent, limit)
  for i = 1, #edges do
    edges[i] = string.sub(edges[i], 2)
    add(again, 0, edges[i])
  end
  apply('ZADD', k_dependents, again)
end
if #edges > 0 then kind = 'r'
elseif outcome ~= '' then edges = kin(k_dependents, a_parent, limit) end
if #edges == 0 then
  redis.call('ZREM', k_outbox, a_parent)
  redis.call('HDEL', k_outcomes, '/' .. a_parent)
  return {now, kind, ''}
end
redis.call('ZADD', k_outbox, int(now + TELLING), a_parent)
for i = 1, #edges do edges[i] = other(edges[i]) end
return {now, kind, outcome, unpack(edges)}
