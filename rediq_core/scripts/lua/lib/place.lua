-- place: the score in `pending`, from the header line alone, the same whenever a task enters.
local STEP = 10000000000000
local function header(stored)
  local priority, place, expires = string.match(stored, '^1|(%d+)|(%d+)|(%d+)|')
  return tonumber(priority), tonumber(place), tonumber(expires)
end
local function score_of(stored, step)
  local priority, place = header(stored)
  return place + priority * (step or STEP)
end
local function names_of(stored)
  local kind, unique, group = string.match(stored, '^1|%d+|%d+|%d+|%d+|[^|]*|([^|]*)|([^|]*)|([^|\n]*)|')
  return kind, unique, group
end
