-- former: where a task in trash was, and until when it holds its unique key.
local UNFINISHED = {pending = 1, suspects = 1, held = 1, delayed = 1, retry = 1, waiting = 1}
-- Returns the zset, the score, the operation that deleted it, the cause, and the end of its unique key.
local function former_place(id)
  return string.match(redis.call('HGET', k_trashed, id) or '', '^(%a+)|([^|]*)|([^|]*)|([^|]*)|?(%d*)$')
end
local function is_of(id)
  if a_of == '' then return true end
  local _, _, operation = former_place(id)
  return operation == a_of
end
local function till_of(id, unique)
  local held = unique and unique ~= '' and redis.call('HGET', k_unique, unique)
  local owner, till = string.match(held or '', '^(.*)|(%d+)$')
  return owner == id and till ~= '0' and '|' .. till or ''
end
