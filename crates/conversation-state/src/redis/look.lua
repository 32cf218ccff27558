-- Reads what a write depends on: one moment of one conversation.
-- KEYS: see keys.rs. ARGV: write id, base version, turn ids, keys, message ids; each list begins with
-- its length.
local record, turns, messages, writes, tombstone = KEYS[1], KEYS[2], KEYS[5], KEYS[8], KEYS[11]
local at = 3
local function list()
  local items = {}
  local n = tonumber(ARGV[at])
  for i = 1, n do items[i] = ARGV[at + i] end
  at = at + n + 1
  return items
end
local head = redis.call('HMGET', record, 'guard', 'json', 'turn', 'oldest', 'version')
local found = {}
local ids = list()
if head[3] then ids[#ids + 1] = head[3] end
for i, id in ipairs(ids) do
  local slot = redis.call('HGET', turns, 't:' .. id)
  local row = slot and redis.call('HGET', turns, 's:' .. slot)
  if row then found[#found + 1] = slot; found[#found + 1] = row end
end
local keyed = {}
for i, key in ipairs(list()) do
  local id = redis.call('HGET', turns, 'k:' .. key)
  if id then keyed[#keyed + 1] = key; keyed[#keyed + 1] = id end
end
local places = {}
for i, id in ipairs(list()) do
  local place = redis.call('HGET', messages, 'i:' .. id)
  if place then places[#places + 1] = id; places[#places + 1] = place end
end
-- The write itself, and the oldest entries of the log that may go.
local version = redis.call('HGET', writes, 'i:' .. ARGV[1])
local logged = version and redis.call('HGET', writes, 'v:' .. version)
local times = {}
if head[5] then
  local oldest, newest = tonumber(head[4]), tonumber(head[5]) - 999
  for v = oldest, math.min(newest, oldest + 16) do
    local entry = redis.call('HGET', writes, 'v:' .. string.format('%d', v))
    if entry then times[#times + 1] = entry end
  end
end
local now = redis.call('TIME')
return {
  head[1] or '', head[2] or '', now[1], now[2], redis.call('GET', tombstone) or '',
  found, keyed, places, logged or '', times,
}
