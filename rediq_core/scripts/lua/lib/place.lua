-- place: the score in `pending`, from the header line alone, the same whenever a task enters. A header
-- that cannot be read gets defaults: whoever claims the task buries it, and no script stops at it.
local STEP = 10000000000000
local function header(stored)
  local priority, place, expires = string.match(stored, '^1|(%d+)|(%d+)|(%d+)|')
  return tonumber(priority) or 50, tonumber(place) or 0, tonumber(expires) or 0
end
local function score_of(stored, step)
  local priority, place = header(stored)
  return place + priority * (step or STEP)
end
local function names_of(stored)
  local kind, unique, group = string.match(stored, '^1|%d+|%d+|%d+|%d+|[^|]*|([^|]*)|([^|]*)|([^|\n]*)|')
  return kind or '', unique, group
end
