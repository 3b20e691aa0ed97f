-- find: the zset a task is in, its score, and the state that zset stands for.
local ZSETS = {
  {'pending', k_pending, 'pending'}, {'suspects', k_suspects, 'pending'}, {'active', k_active, 'active'},
  {'delayed', k_delayed, 'delayed'}, {'retry', k_retry, 'retry'}, {'waiting', k_waiting, 'waiting'},
  {'completed', k_completed, 'completed'}, {'dead', k_dead, 'dead'}, {'cancelled', k_cancelled, 'cancelled'},
  {'trash', k_trash, 'trash'},
}
-- Returns the zset's name, its key, the score, the state, and the member (held ones differ from id).
local function find(id, stored)
  for _, zset in ipairs(ZSETS) do
    local score = redis.call('ZSCORE', zset[2], id)
    if score then return zset[1], zset[2], score, zset[3], id end
  end
  local member = (stored and names_of(stored) or '') .. '>' .. id
  local score = redis.call('ZSCORE', k_held, member)
  if score then return 'held', k_held, score, 'pending', member end
end
