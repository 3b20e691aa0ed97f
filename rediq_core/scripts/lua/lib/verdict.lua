-- verdict: what the ends of its parents mean for a child. Flags of its header: D it has parents, r it
-- runs whatever becomes of them, c a bad end cancels it; else a bad end makes it dead.
local function flags_of(stored) return string.match(stored, '^1|%d+|%d+|%d+|%d+|([^|]*)|') or '' end
-- Returns 'd' or 'x' if this end stops a child with these flags.
local function verdict(flags, outcome)
  if string.sub(outcome, 1, 1) == 'c' or string.find(flags, 'r', 1, true) then return end
  return string.find(flags, 'c', 1, true) and 'x' or 'd'
end
-- Returns the first verdict among the parents that have finished, and that parent and its outcome.
local function judge(id, flags)
  for _, parent in ipairs(parents_of('/', id)) do
    local outcome = redis.call('HGET', k_outcomes, parent) or 'm||'
    local word = verdict(flags, outcome)
    if word then return word, parent, outcome end
  end
end
