-- trace: while somebody follows a queue (policy `trace_until`), each transition is an event of its own.
-- Failures, deaths and what operators do are events always, and not written here again.
local is_followed = false
local function follow(till) is_followed = (tonumber(till) or 0) > now end
local function trace(kind, id, by)
  if is_followed then
    redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', kind, 'id', id, 'worker', by or '')
  end
end
