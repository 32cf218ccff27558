-- Applies a write if the conversation is as it was judged.
-- ARGV: the guard that is expected, the tombstone that is expected or '*', the time to live in
-- milliseconds or 0, then steps. Returns 1 if it was applied, 0 if the conversation is another one by now.
-- Answers DAMAGED, with nothing changed, where a value that the write depends on was edited.
local record, turns, window, firsts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local messages, places, chunks, refs = KEYS[5], KEYS[6], KEYS[7], KEYS[10]
if (redis.call('HGET', record, 'guard') or '') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '*' and (redis.call('GET', KEYS[11]) or '') ~= ARGV[2] then return 0 end

-- A script that fails in its middle is not rolled back: every value that a write reads, and the type of
-- every key that it changes, is looked at before the first change.
local kinds = {'hash', 'hash', 'zset', 'zset', 'hash', 'zset', 'hash', 'hash', 'hash', 'zset'}
local known_kinds = {}
local function is_ours(key)
  if known_kinds[key] == nil then
    local kind = redis.call('TYPE', KEYS[key]).ok
    known_kinds[key] = kind == 'none' or kind == kinds[key]
  end
  return known_kinds[key]
end
local function are_ours(...)
  for _, key in ipairs({...}) do
    if not is_ours(key) then return false end
  end
  return true
end
local function decode(json)
  local ok, value = pcall(cjson.decode, json)
  return ok and type(value) == 'table' and value or nil
end
-- What is kept about a message: nil where there is none, false where it cannot be read.
local function header_of(place)
  local header = redis.call('HGET', messages, 'h:' .. place)
  if not header then return nil end
  local known = decode(header)
  if not known or type(known.id) ~= 'string' then return false end
  known.chunks, known.refs = known.chunks or 0, known.refs or {}
  if type(known.chunks) ~= 'number' or known.chunks > 65536 then return false end
  if type(known.refs) ~= 'table' then return false end
  for _, ref in ipairs(known.refs) do
    if type(ref) ~= 'string' then return false end
  end
  return known, header
end
-- What is kept about a slot, and the turn behind it; nil where it cannot be read.
local function slot_of(slot)
  local row = redis.call('HGET', turns, 's:' .. slot)
  local line = row and string.find(row, '\n', 1, true)
  local known = line and decode(string.sub(row, 1, line - 1))
  if not known or not pcall(cjson.encode, known) then return nil end
  if known.id ~= nil and type(known.id) ~= 'string' then return nil end
  if known.key ~= nil and type(known.key) ~= 'string' then return nil end
  return known, string.sub(row, line)
end

local checks = {}
function checks.prune(at)
  return at + 2, is_ours(8)
end
function checks.clear(at)
  known_kinds[tonumber(ARGV[at + 1])] = true
  return at + 2, true
end
function checks.call(at)
  local name = ARGV[at + 1]
  -- They take a key of any type.
  local any = name == 'UNLINK' or name == 'PERSIST' or name == 'SET'
  return at + 4 + tonumber(ARGV[at + 3]), any or is_ours(tonumber(ARGV[at + 2]))
end
function checks.replace(at)
  return at + 2, are_ours(5, 7, 10) and header_of(ARGV[at + 1]) ~= false
end
function checks.cut(at)
  local from, to = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if not are_ours(2, 3, 4, 5, 6, 7, 10) then return at + 4, false end
  for position = from, to - 1 do
    if header_of('0:' .. string.format('%d', position)) == false then return at + 4, false end
  end
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', firsts, from, '+inf')) do
    if not slot_of(slot) then return at + 4, false end
  end
  return at + 4, true
end

-- Removes what belongs to a message beside its place.
local function strip(place)
  local known = header_of(place)
  if not known then return nil end
  for i = 0, known.chunks - 1 do
    redis.call('HDEL', chunks, known.id .. '/' .. string.format('%d', i))
  end
  for _, ref in ipairs(known.refs) do
    redis.call('ZREM', refs, ref .. '\0' .. known.id)
  end
  return known
end

local steps = {}
-- Removes an entry of the log.
function steps.prune(at)
  local name = 'v:' .. ARGV[at + 1]
  local entry = redis.call('HGET', KEYS[8], name)
  local known = entry and decode(entry)
  if known and type(known.id) == 'string' then redis.call('HDEL', KEYS[8], 'i:' .. known.id) end
  redis.call('HDEL', KEYS[8], name)
  return at + 2
end
-- Removes a key of another type.
function steps.clear(at)
  local key = tonumber(ARGV[at + 1])
  if redis.call('TYPE', KEYS[key]).ok ~= kinds[key] then redis.call('UNLINK', KEYS[key]) end
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
    local known, header = header_of(old)
    local score = redis.call('ZSCORE', places, old)
    if branch == '' then
      strip(old)
      if known then redis.call('HDEL', messages, 'i:' .. known.id) end
    elseif known then
      redis.call('HSET', messages, 'h:' .. new, header, 'm:' .. new,
        redis.call('HGET', messages, 'm:' .. old) or '')
      redis.call('HSET', messages, 'i:' .. known.id, new)
      if score then redis.call('ZADD', places, score, new) end
    end
    redis.call('HDEL', messages, 'h:' .. old, 'm:' .. old)
    redis.call('ZREM', places, old)
  end
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', firsts, from, '+inf')) do
    local known, turn = slot_of(slot)
    redis.call('ZREM', firsts, slot)
    redis.call('ZREM', window, slot)
    if branch == '' then
      redis.call('HDEL', turns, 's:' .. slot)
      if known.id then redis.call('HDEL', turns, 't:' .. known.id) end
      if known.key then redis.call('HDEL', turns, 'k:' .. known.key) end
    else
      known.branch = tonumber(branch)
      redis.call('HSET', turns, 's:' .. slot, cjson.encode(known) .. turn)
    end
  end
  return at + 4
end

local at = 4
while at <= #ARGV do
  local fits
  at, fits = checks[ARGV[at]](at)
  if not fits then return redis.error_reply('DAMAGED a value is not of this library') end
end
at = 4
while at <= #ARGV do at = steps[ARGV[at]](at) end
if ARGV[3] ~= '0' then
  for i = 1, 10 do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
end
return 1
