-- settle: apply what finished runs became, in batches; tokens are checked before anything changes.
-- Returns one code letter per settle; see the header of exchange.
local function settle_all(base, settles, step)
  if settles == 0 then return '' end
  local ids, codes, gone, finals, cured, lines = {}, {}, {}, {}, {}, {}
  local puts = {c = {}, r = {}, d = {}, s = {}, p = {}, x = {}, h = {}, tries = {}, untried = {}, kept = {},
    causes = {}, errors = {}}
  for i = 1, settles do ids[i] = ARGV[base + i * 7 - 6] end
  local tokens, cancels = redis.call('HMGET', k_claims, unpack(ids)), nil
  if redis.call('HLEN', k_cancels) > 0 then cancels = redis.call('HMGET', k_cancels, unpack(ids)) end
  for i = 1, settles do
    local at = base + i * 7 - 6
    local id, token, target, line, tries, failure, unique = unpack(ARGV, at, at + 6)
    if tokens[i] ~= token then
      local past = redis.call('HGET', k_runs, id)
      codes[i] = past and string.find(past, '"' .. token .. '"', 1, true) and '2' or '0'
    else
      codes[i] = '1'
      gone[#gone + 1] = id
      add(lines, id, line)
      local kind, ms = string.sub(target, 1, 1), tonumber(string.sub(target, 2)) or 0
      if kind ~= 'c' and cancels and cancels[i] then
        kind, codes[i], failure = 'x', '3', ''
        add(lines, id, '{"o":"cancelled","t":' .. int(now) .. ',"n":' .. cancels[i] .. '}\n')
      end
      tally(WORDS[kind])
      local score = now
      if kind == 'r' or kind == 's' then score = now + ms end
      if kind == 'p' or kind == 'h' then
        local stored = redis.call('HGET', k_tasks, id)
        if kind == 'p' then add(puts.p, int(score_of(stored, step)), id)
        else add(puts.h, 0, names_of(stored) .. '>' .. id) end
      else
        add(puts[kind], int(score), id)
      end
      if kind == 'c' or kind == 'd' or kind == 'x' then
        release_unique(id, unique)
        tell_children(id)
        if ms > 0 then add(puts.kept, int(now + ms), id) end
      end
      if tries == '' then add(puts.untried, id)
      else add(puts.tries, id, tries .. '|' .. (kind == 'd' and '0' or int(score))) end
      if failure ~= '' then
        tally('failed')
        note_failure(id, kind, failure, puts)
      else cured[#cured + 1] = id end
    end
    tokens[i] = nil
  end
  if #gone == 0 then return table.concat(codes) end
  clear_causes(cured)
  redis.call('ZREM', k_active, unpack(gone))
  redis.call('HDEL', k_claims, unpack(gone))
  if cancels then redis.call('HDEL', k_cancels, unpack(gone)) end
  if redis.call('HLEN', k_progress) > 0 then redis.call('HDEL', k_progress, unpack(gone)) end
  for kind, key in pairs({c = k_completed, r = k_retry, d = k_dead, s = k_delayed, p = k_pending,
    x = k_cancelled, h = k_held, kept = k_kept, errors = k_errors}) do apply('ZADD', key, puts[kind]) end
  apply('HSET', k_tries, puts.tries)
  if redis.call('HLEN', k_tries) > 0 then apply('HDEL', k_tries, puts.untried) end
  apply('HSET', k_causes, puts.causes)
  append_runs(lines)
  local ages = {}
  for number in string.gmatch(a_keep, '%d+') do ages[#ages + 1] = tonumber(number) end
  local limit = #gone + 20
  if #puts.c > 0 then trim(k_completed, 'trim_completed', ages[1], ages[2], ages[5], limit) end
  if #puts.d > 0 then trim(k_dead, 'trim_dead', ages[3], ages[4], ages[5], limit) end
  if #puts.x > 0 then trim(k_cancelled, 'trim_cancelled', ages[1], ages[2], ages[5], limit) end
  return table.concat(codes)
end
