-- settle: apply what finished runs became, in batches; tokens are checked before anything changes.
-- Returns one code letter per settle; see the header of exchange. Places first, `active` and `claims`
-- last: a script that stops half way leaves the token good, and the same settle again completes it.
local soonest
-- A task that lost its lease more often than this runs alone; reap decides the same.
local LOSSES_IN_COMPANY = 1
local finished = {c = 0, d = 0, x = 0}
local function settle_all(base, settles, step, is_grouped)
  if settles == 0 then return '' end
  local ids, codes, gone, ends, cured, lines, seen = {}, {}, {}, {}, {}, {}, {}
  local puts = {c = {}, r = {}, d = {}, s = {}, p = {}, x = {}, h = {}, tries = {}, untried = {}, kept = {},
    causes = {}, errors = {}, suspects = {}}
  for i = 1, settles do ids[i] = ARGV[base + i * 7 - 6] end
  local tokens, cancels = redis.call('HMGET', k_claims, unpack(ids)), nil
  if redis.call('HLEN', k_cancels) > 0 then cancels = redis.call('HMGET', k_cancels, unpack(ids)) end
  for i = 1, settles do
    local at = base + i * 7 - 6
    local id, token, target, line, tries, failure, unique = unpack(ARGV, at, at + 6)
    if tokens[i] ~= token or seen[id] then
      local past = redis.call('HGET', k_runs, id)
      local is_past = seen[id] == token or (past and string.find(past, '"' .. token .. '"', 1, true))
      codes[i] = is_past and '2' or '0'
    else
      codes[i], seen[id] = '1', token
      gone[#gone + 1] = id
      add(lines, id, line)
      local kind, ms = string.sub(target, 1, 1), tonumber(string.sub(target, 2)) or 0
      if kind ~= 'c' and cancels and cancels[i] then
        kind, ms, codes[i], failure = 'x', 0, '3', ''
        add(lines, id, '{"o":"cancelled","t":' .. int(now) .. ',"n":' .. cancels[i] .. '}\n')
      end
      tally(WORDS[kind])
      local score = now
      if kind == 'r' or kind == 's' then
        score = now + ms
        soonest = math.min(soonest or score, score)
      end
      if kind == 'p' or kind == 'h' then
        local stored = redis.call('HGET', k_tasks, id)
        local losses = tonumber(string.match(tries, '|(%d+)$')) or 0
        if stored and kind == 'h' then add(puts.h, 0, names_of(stored) .. '>' .. id)
        elseif stored and losses > LOSSES_IN_COMPANY then add(puts.suspects, int(score_of(stored, step)), id)
        elseif stored and not (is_grouped and join(id, stored, step, true)) then
          add(puts.p, int(score_of(stored, step)), id)
        end
      else
        add(puts[kind], int(score), id)
      end
      if finished[kind] then
        finished[kind] = finished[kind] + 1
        add(ends, id, unique)
        if ms > 0 then add(puts.kept, int(now + ms), id) end
      end
      if tries == '' then add(puts.untried, id)
      else add(puts.tries, id, tries .. '|' .. (kind == 'd' and '0' or int(score))) end
      if failure ~= '' then
        tally('failed')
        note_failure(id, kind, failure, puts)
      else
        cured[#cured + 1] = id
        trace(WORDS[kind], id, token)
      end
    end
  end
  if #gone == 0 then return table.concat(codes) end
  for kind, key in pairs({c = k_completed, r = k_retry, d = k_dead, s = k_delayed, p = k_pending, x = k_cancelled,
    h = k_held, suspects = k_suspects, kept = k_kept, errors = k_errors}) do apply('ZADD', key, puts[kind]) end
  apply('HSET', k_tries, puts.tries)
  if redis.call('HLEN', k_tries) > 0 then apply('HDEL', k_tries, puts.untried) end
  apply('HSET', k_causes, puts.causes)
  clear_causes(cured)
  append_runs(lines)
  for i = 1, #ends, 2 do
    release_unique(ends[i], ends[i + 1])
    tell_children(ends[i])
  end
  redis.call('ZREM', k_active, unpack(gone))
  redis.call('HDEL', k_claims, unpack(gone))
  if cancels then redis.call('HDEL', k_cancels, unpack(gone)) end
  if redis.call('HLEN', k_progress) > 0 then redis.call('HDEL', k_progress, unpack(gone)) end
  return table.concat(codes)
end
