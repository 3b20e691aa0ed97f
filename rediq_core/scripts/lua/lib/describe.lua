-- describe: all that is known of one task, as a flat row of 10:
-- id, zset, score, stored, tries, runs, progress, claim, cancel, trashed; '' for what is not there.
local function describe(id, name, score)
  local stored = redis.call('HGET', k_tasks, id)
  if not name then
    if not stored then return end
    local key
    name, key, score = find(id, stored)
  end
  return {id, name or '', score or '', stored or '', redis.call('HGET', k_tries, id) or '',
    redis.call('HGET', k_runs, id) or '', redis.call('HGET', k_progress, id) or '',
    redis.call('HGET', k_claims, id) or '', redis.call('HGET', k_cancels, id) or '',
    redis.call('HGET', k_trashed, id) or ''}
end
