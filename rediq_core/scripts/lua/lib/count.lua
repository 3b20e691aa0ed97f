-- count: add to the lifetime and to the minute counters, once per call and field.
local function count(fields)
  local any = false
  for field, n in pairs(fields) do
    if n > 0 then
      any = true
      redis.call('HINCRBY', k_counters, field, n)
      redis.call('HINCRBY', k_minute, field, n)
    end
  end
  if any then redis.call('EXPIRE', k_minute, 93600) end
end
