-- Remembers references as unnamed since now, and says since when they are. Forgets some of what was remembered
-- long ago: nothing lists it any more, and nothing else would forget it.
-- ARGV: how far the clock is ahead, for how long references are remembered, references.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
local some = redis.call('HRANDFIELD', KEYS[1], 100, 'WITHVALUES')
for i = 1, #some, 2 do
  local at = tonumber(some[i + 1])
  if not at or at < now - tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], some[i]) end
end
local seen = {}
for i = 3, #ARGV do
  redis.call('HSETNX', KEYS[1], ARGV[i], string.format('%.0f', now))
  seen[#seen + 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
return seen
