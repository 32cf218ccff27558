-- Applies a write if the conversation is as it was judged.
-- ARGV: the guard that is expected, the tombstone that is expected or '*', the time to live in
-- milliseconds or 0, then steps. Returns 1 if it was applied.
local record, turns, window, firsts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local messages, places, chunks, refs = KEYS[5], KEYS[6], KEYS[7], KEYS[10]
if (redis.call('HGET', record, 'guard') or '') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '*' and (redis.call('GET', KEYS[11]) or '') ~= ARGV[2] then return 0 end

-- Removes what belongs to a message beside its place.
local function strip(place)
  local header = redis.call('HGET', messages, 'h:' .. place)
  if not header then return nil end
  local known = cjson.decode(header)
  for i = 0, (known.chunks or 0) - 1 do
    redis.call('HDEL', chunks, known.id .. '/' .. string.format('%d', i))
  end
  for _, ref in ipairs(known.refs or {}) do
    redis.call('ZREM', refs, ref .. '\0' .. known.id)
  end
  return known
end

local steps = {}
-- Removes an entry of the log.
function steps.prune(at)
  local name = 'v:' .. ARGV[at + 1]
  local entry = redis.call('HGET', KEYS[8], name)
  if entry then redis.call('HDEL', KEYS[8], name, 'i:' .. cjson.decode(entry).id) end
  return at + 2
end
-- n arguments of any command on one of the keys.
function steps.call(at)
  local n = tonumber(ARGV[at + 3])
  redis.call(ARGV[at + 1], KEYS[tonumber(ARGV[at + 2])], unpack(ARGV, at + 4, at + 3 + n))
  return at + 4 + n
end
function steps.replace(at)
  strip(ARGV[at + 1])
  return at + 2
end
-- Cuts positions from..to-1 off, and slots that begin there.
function steps.cut(at)
  local from, to, branch = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  for position = from, to - 1 do
    local name = string.format('%d', position)
    local old, new = '0:' .. name, branch .. ':' .. name
    local header = redis.call('HGET', messages, 'h:' .. old)
    local score = redis.call('ZSCORE', places, old)
    if branch == '' then
      local known = strip(old)
      if known then redis.call('HDEL', messages, 'i:' .. known.id) end
    elseif header then
      redis.call('HSET', messages, 'h:' .. new, header, 'm:' .. new,
        redis.call('HGET', messages, 'm:' .. old) or '')
      redis.call('HSET', messages, 'i:' .. cjson.decode(header).id, new)
      if score then redis.call('ZADD', places, score, new) end
    end
    redis.call('HDEL', messages, 'h:' .. old, 'm:' .. old)
    redis.call('ZREM', places, old)
  end
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', firsts, from, '+inf')) do
    local row = redis.call('HGET', turns, 's:' .. slot)
    local line = string.find(row, '\n', 1, true)
    local known = cjson.decode(string.sub(row, 1, line - 1))
    redis.call('ZREM', firsts, slot)
    redis.call('ZREM', window, slot)
    if branch == '' then
      redis.call('HDEL', turns, 's:' .. slot)
      if known.id then redis.call('HDEL', turns, 't:' .. known.id) end
      if known.key then redis.call('HDEL', turns, 'k:' .. known.key) end
    else
      known.branch = tonumber(branch)
      redis.call('HSET', turns, 's:' .. slot, cjson.encode(known) .. string.sub(row, line))
    end
  end
  return at + 4
end

local at = 4
while at <= #ARGV do at = steps[ARGV[at]](at) end
if ARGV[3] ~= '0' then
  for i = 1, 10 do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
end
return 1
