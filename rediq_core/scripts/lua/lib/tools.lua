-- tools: small steps that the other parts are written in.
local counts = {}
local function add(list, a, b, c)
  local n = #list
  list[n + 1] = a
  if b ~= nil then list[n + 2] = b end
  if c ~= nil then list[n + 3] = c end
end
local function tally(field, n) counts[field] = (counts[field] or 0) + (n or 1) end
local function apply(command, key, list)
  if #list > 0 then redis.call(command, key, unpack(list)) end
end
