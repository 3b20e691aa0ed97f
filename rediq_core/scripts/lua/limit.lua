#!lua flags=allow-oom
-- limit: set limits of a queue over all workers, take overrides back, or declare those of a file.
-- KEYS policy audit events wake
-- ARGV now:ms mode:word by:text rev:int
-- then for each limit: name value
--   mode set: override these, until a reset; reset: these (all if none is named) follow the file again;
--   declare: the file says exactly these; one of a lower rev than the last is passed over
--   name concurrency, rate (count|per ms|burst), aging (ms), max_len; value "": no limit
-- RETURNS [now, declared or not, policy]; policy as flat field, value list
-- MOVES none
--@include now
--@include wake
local NAMES = {'concurrency', 'rate', 'aging', 'max_len'}
local FIELDS = {rate = {'rate', 'rate_ms', 'burst'}, aging = {'step'}}
redis.call('XLEN', k_audit)
redis.call('XLEN', k_events)
redis.call('LLEN', k_wake)
local given, words = {}, {}
for i = 5, #ARGV, 2 do
  given[ARGV[i]] = ARGV[i + 1]
  words[#words + 1] = ARGV[i] .. '=' .. ARGV[i + 1]
end
local before = redis.call('HMGET', k_policy, 'declared', 'declared_rev', 'overridden')
local declared, overridden = {}, {}
for word in string.gmatch(before[3] or '', '%S+') do overridden[word] = true end
if a_mode == 'declare' then
  if tonumber(a_rev) < (tonumber(before[2]) or 0) then return {now, 0, redis.call('HGETALL', k_policy)} end
  local text = table.concat(words, ' ')
  if before[1] ~= text or before[2] ~= a_rev then redis.call('HSET', k_policy, 'declared', text, 'declared_rev', a_rev) end
  before[1] = text
end
for name, value in string.gmatch(before[1] or '', '(%S+)=(%S*)') do declared[name] = value end
local has_changed = false
-- Writes what is in force. A bucket goes on with the tokens it has; a new step has every place computed again.
local function apply(name, value)
  local fields, values = FIELDS[name] or {name}, {}, 1
  for part in string.gmatch(value, '[^|]+') do values[#values + 1] = part end
  local old = redis.call('HMGET', k_policy, unpack(fields))
  for at, field in ipairs(fields) do
    local new = values[at]
    if (old[at] or nil) ~= new then
      has_changed = true
      -- First: a repeat of what stopped in between would find the new step and nothing to do.
      if name == 'aging' then redis.call('HSET', k_policy, 'rescore', 'start') end
      if new then redis.call('HSET', k_policy, field, new) else redis.call('HDEL', k_policy, field) end
    end
  end
  if name == 'rate' and value == '' then redis.call('HDEL', k_policy, 'tokens', 'tokens_ms') end
end
for _, name in ipairs(NAMES) do
  if a_mode == 'set' and given[name] then
    overridden[name] = true
    apply(name, given[name])
  elseif a_mode == 'reset' and overridden[name] and (#words == 0 or given[name]) then
    overridden[name] = nil
    apply(name, declared[name] or '')
  elseif a_mode == 'declare' and not overridden[name] then
    apply(name, declared[name] or '')
  end
end
local left = {}
for _, name in ipairs(NAMES) do if overridden[name] then left[#left + 1] = name end end
if #left > 0 then redis.call('HSET', k_policy, 'overridden', table.concat(left, ' '))
elseif before[3] then redis.call('HDEL', k_policy, 'overridden') end
if a_mode ~= 'declare' or has_changed then
  local verb = a_mode == 'set' and 'limit' or a_mode .. ' limits'
  redis.call('XADD', k_audit, 'MAXLEN', '~', 10000, '*', 'verb', verb, 'by', a_by, 'limits', table.concat(words, ' '))
  redis.call('XADD', k_events, 'MAXLEN', '~', 2000, '*', 'kind', verb, 'by', a_by)
  wake()
end
return {now, 1, redis.call('HGETALL', k_policy)}
