-- Remembers references as unnamed since now, and says since when they are.
-- ARGV: how far the clock is ahead, references.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
local seen = {}
for i = 2, #ARGV do
  redis.call('HSETNX', KEYS[1], ARGV[i], string.format('%.0f', now))
  seen[#seen + 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
return seen
