-- runs: append lines to timelines; above 16 KiB the oldest lines go, but never the last one, nor the
-- one with the result. Pairs: id, line, id, line …
local MAX_RUNS = 16384
local function shorten(text)
  local cut, last = string.find(text, '\n', #text - MAX_RUNS, true), string.match(text, '^.*\n()[^\n]*\n$')
  local start = cut and cut < #text and cut + 1 or last or 1
  local result = string.find(text, '{"o":"completed"', 1, true)
  return string.sub(text, result and result < start and result or start)
end
local function append_runs(pairs_of)
  if #pairs_of == 0 then return end
  local ids, texts = {}, {}
  for i = 1, #pairs_of, 2 do
    if not texts[pairs_of[i]] then ids[#ids + 1] = pairs_of[i]; texts[pairs_of[i]] = '' end
    texts[pairs_of[i]] = texts[pairs_of[i]] .. pairs_of[i + 1]
  end
  local before, writes = redis.call('HMGET', k_runs, unpack(ids)), {}
  for i = 1, #ids do
    local text = (before[i] or '') .. texts[ids[i]]
    writes[#writes + 1] = ids[i]
    writes[#writes + 1] = #text > MAX_RUNS and shorten(text) or text
  end
  redis.call('HSET', k_runs, unpack(writes))
end
