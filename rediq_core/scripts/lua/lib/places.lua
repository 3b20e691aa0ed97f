-- places: every zset a task is in, and which of them an operator's verb starts from. More than one
-- means that a script stopped half way; whatever is done to the task next tidies that.
local function places_of_task(id, stored)
  local found = {}
  for _, zset in ipairs(ZSETS) do
    local score = redis.call('ZSCORE', zset[2], id)
    if score then found[#found + 1] = {name = zset[1], key = zset[2], score = score, state = zset[3], member = id} end
  end
  local member = (stored and names_of(stored) or '') .. '>' .. id
  local score = redis.call('ZSCORE', k_held, member)
  if score then found[#found + 1] = {name = 'held', key = k_held, score = score, state = 'pending', member = member} end
  return found
end
local function takes(place) return TAKES[a_verb][place.state] and (a_expect == '' or a_expect == place.state) end
-- A claimed task is active whatever else there is of it: its worker holds it.
local function place_to_leave(found)
  local chosen
  for _, place in ipairs(found) do
    if place.state == 'active' then return place end
    if not chosen and takes(place) then chosen = place end
  end
  return chosen or found[1]
end
local function leave_all_but(found, key)
  for _, place in ipairs(found) do
    if place.key ~= key then redis.call('ZREM', place.key, place.member) end
  end
end
-- What this operation wrote into a task's timeline: 'last' if nothing happened since, 'past' if
-- something did (its deed is done, and is not done twice), nil if it was not there yet.
local function mark_of(id)
  if a_operation == '' then return end
  local text, mark = redis.call('HGET', k_runs, id), '"i":"' .. a_operation .. '"'
  if not text or not string.find(text, mark, 1, true) then return end
  return string.find(string.match(text, '([^\n]*)\n?$'), mark, 1, true) and 'last' or 'past'
end
