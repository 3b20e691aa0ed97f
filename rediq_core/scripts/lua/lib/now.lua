-- now: server time in ms, or the caller's in tests.
local now = tonumber(a_now)
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
