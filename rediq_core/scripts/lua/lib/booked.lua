-- booked: what a call of an operator leaves in the audit and among the events. An operation of many calls
-- has one audit entry in a queue, which each call replaces by one with what was done so far, and one
-- event, at its first call, with what it is meant for.
local function book(done, first)
  if done == 0 then return a_row end
  if a_row ~= '' then
    redis.call('XDEL', k_audit, a_row)
    first = a_first
  end
  local so_far, meant = tonumber(a_before) + done, tonumber(a_total)
  local row = redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', a_verb, 'by', a_by, 'operation',
    a_operation, 'count', so_far, 'first', first)
  if a_row == '' then
    redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', a_verb, 'by', a_by, 'count',
      meant > 0 and meant or done, 'id', first)
  end
  return row
end
