-- runs: append lines to timelines; above 16 KiB the oldest lines go. Pairs: id, line, id, line …
local MAX_RUNS = 16384
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
    if #text > MAX_RUNS then
      local cut = string.find(text, '\n', #text - MAX_RUNS, true)
      if cut and cut < #text then text = string.sub(text, cut + 1) end
    end
    writes[#writes + 1] = ids[i]
    writes[#writes + 1] = text
  end
  redis.call('HSET', k_runs, unpack(writes))
end
