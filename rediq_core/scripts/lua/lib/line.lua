-- line: who is in line of a group, by `groups`; reads only. What a group is, is said in groups.
local RIPE = 1e15
-- Returns `type/group`, the task's member in `groups`, and its type; nothing for a task of its own.
local function group_of(id, stored)
  local kind, _, group = names_of(stored)
  if not group or group == '' then return end
  local name = kind .. '/' .. group
  return name, string.format('%s>%016.0f>%s', name, score_of(stored), id), kind
end
local function id_of(member) return string.match(member, '^[^>]*>%d+>(.*)$') end
local function heads(name, n)
  return redis.call('ZRANGEBYLEX', k_groups, '[' .. name .. '>', '(' .. name .. '?', 'LIMIT', 0, n)
end
