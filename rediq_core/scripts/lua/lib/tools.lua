-- tools: small steps that the other parts are written in.
local counts = {}
local function add(list, a, b, c)
  local n = #list
  list[n + 1] = a
  if b ~= nil then list[n + 2] = b end
  if c ~= nil then list[n + 3] = c end
end
local function tally(field, n) counts[field] = (counts[field] or 0) + (n or 1) end
-- In chunks: Lua cannot unpack much more than 7,000 values.
local function apply(command, key, list)
  for i = 1, #list, 4000 do redis.call(command, key, unpack(list, i, math.min(i + 3999, #list))) end
end
