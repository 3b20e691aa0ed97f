-- causes: why tasks are in retry or dead is forgotten when they leave these states for good.
local function clear_causes(ids)
  if #ids == 0 or redis.call('HLEN', k_causes) == 0 then return end
  local prints, members = redis.call('HMGET', k_causes, unpack(ids)), {}
  for i = 1, #ids do
    if prints[i] then members[#members + 1] = prints[i] .. '>' .. ids[i] end
  end
  if #members > 0 then
    redis.call('ZREM', k_errors, unpack(members))
    redis.call('HDEL', k_causes, unpack(ids))
  end
end
