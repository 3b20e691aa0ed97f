#!lua flags=no-writes,allow-stale
-- read_groups: a page of a queue's groups, the next to be ripe first, ripe ones last; or one of them.
-- KEYS groups groups_due policy
-- ARGV now:ms start:rank limit:int group:name
--   group: type/group for that one alone, "" for a page
-- RETURNS [now, next start or -1, group, due ms, members, first member, rule, …]
--   due 0: ripe; rule "" if no group handler declared one
-- MOVES none
--@include now
local RIPE = 1e15
local start, rows, entries = tonumber(a_start), {}, {a_group}
if a_group == '' then entries = redis.call('ZRANGE', k_groups_due, start, start + tonumber(a_limit) - 1) end
for _, name in ipairs(entries) do
  local from, to = '[' .. name .. '>', '(' .. name .. '?'
  local first = redis.call('ZRANGEBYLEX', k_groups, from, to, 'LIMIT', 0, 1)[1]
  if first then
    local due = tonumber(redis.call('ZSCORE', k_groups_due, name) or RIPE)
    due = math.min(due, tonumber(redis.call('ZSCORE', k_groups_due, name .. '<') or RIPE))
    for _, value in ipairs({name, due < RIPE and due or 0, redis.call('ZLEXCOUNT', k_groups, from, to),
      string.match(first, '^[^>]*>%d+>(.*)$'),
      redis.call('HGET', k_policy, 'group:' .. string.match(name, '^[^/]*')) or ''}) do rows[#rows + 1] = value end
  end
end
local after = start + #entries
local is_more = a_group == '' and after < redis.call('ZCARD', k_groups_due)
return {now, is_more and after or -1, unpack(rows)}
