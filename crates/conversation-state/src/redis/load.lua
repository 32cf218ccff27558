-- Reads a window: one moment of one conversation.
-- ARGV: kind of window, two numbers, a turn, whether branches are read, a second turn, the field
-- of an idempotency key, keys of planners.
local record, turns, window = KEYS[1], KEYS[2], KEYS[3]
local messages, places, chunks, planner = KEYS[5], KEYS[6], KEYS[7], KEYS[9]
local kind, first, last, branches = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[5] == '1'
local head = redis.call('HMGET', record, 'json', 'turn', 'count', 'branch')
local now = redis.call('TIME')
if not head[1] then return {'', now[1], now[2]} end
local count = tonumber(head[3])
local wanted, slots, seen = {}, {}, {}
local function slot_of(id)
  local slot = id and id ~= '' and redis.call('HGET', turns, 't:' .. id)
  if slot and not seen[slot] then seen[slot] = true; slots[#slots + 1] = slot end
  return slot
end
local function by_slot(slot, all)
  for _, place in ipairs(redis.call('ZRANGEBYSCORE', places, slot, slot)) do
    if all or string.sub(place, 1, 2) == '0:' then wanted[#wanted + 1] = place end
  end
end
local function by_position(branch, from, to)
  for position = from, to - 1 do
    local place = branch .. ':' .. string.format('%d', position)
    local slot = redis.call('ZSCORE', places, place)
    if slot then
      wanted[#wanted + 1] = place
      slot = string.format('%d', slot)
      if not seen[slot] then seen[slot] = true; slots[#slots + 1] = slot end
    end
  end
end
if kind == 'turns' then
  for _, slot in ipairs(redis.call('ZREVRANGE', window, 0, first - 1)) do
    seen[slot] = true
    slots[#slots + 1] = slot
    by_slot(slot, branches)
  end
elseif kind == 'turn' then
  local slot = slot_of(ARGV[4])
  if slot then by_slot(slot, true) end
else
  local from, to = first, last
  if kind == 'newest' then from, to = math.max(count - first, 0), count end
  by_position('0', from, math.min(to, count))
  -- A branch may reach beyond the end of the history.
  if branches then
    for _, place in ipairs(redis.call('ZRANGE', places, 0, -1)) do
      local colon = string.find(place, ':', 1, true)
      local position = tonumber(string.sub(place, colon + 1))
      local below = kind == 'newest' or position < last
      if string.sub(place, 1, 2) ~= '0:' and position >= from and below then
        wanted[#wanted + 1] = place
        local slot = string.format('%d', redis.call('ZSCORE', places, place))
        if not seen[slot] then seen[slot] = true; slots[#slots + 1] = slot end
      end
    end
  end
end
slot_of(head[2])
slot_of(ARGV[6])
local rows = {}
for _, slot in ipairs(slots) do
  local row = redis.call('HGET', turns, 's:' .. slot)
  if row then rows[#rows + 1] = slot; rows[#rows + 1] = row end
end
local read = {}
for _, place in ipairs(wanted) do
  local header = redis.call('HGET', messages, 'h:' .. place) or '{}'
  -- One that cannot be read costs nothing but what it says about its message.
  local ok, known = pcall(cjson.decode, header)
  if not ok or type(known) ~= 'table' then known = {} end
  local id = type(known.id) == 'string' and known.id or ''
  local many = type(known.chunks) == 'number' and known.chunks or 0
  if id == '' or many > 65536 then many = 0 end
  local parts = {redis.call('HGET', messages, 'm:' .. place) or ''}
  for i = 0, many - 1 do
    parts[#parts + 1] = redis.call('HGET', chunks, id .. '/' .. string.format('%d', i)) or ''
  end
  read[#read + 1] = place
  read[#read + 1] = id
  read[#read + 1] = parts
end
local keyed = ''
if ARGV[7] ~= '' then
  local id = redis.call('HGET', turns, ARGV[7])
  local slot = id and redis.call('HGET', turns, 't:' .. id)
  keyed = slot and redis.call('HGET', turns, 's:' .. slot) or ''
end
local planned = {}
for i = 8, #ARGV do
  local value = redis.call('HGET', planner, ARGV[i])
  if value then planned[#planned + 1] = ARGV[i]; planned[#planned + 1] = value end
end
return {head[1], now[1], now[2], rows, read, keyed, planned}
