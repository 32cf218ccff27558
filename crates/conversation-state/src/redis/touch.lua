-- Names a conversation in indexes before its record is written: they may name too much, never too
-- little. KEYS: the counter of changes, then two indexes each, by creation and by change.
-- ARGV: id, time of creation, whether this is done without memory left. Returns the number of the
-- change.
-- A script that has written something is not refused for want of memory.
if ARGV[3] == '1' then redis.call('ZREM', KEYS[2], '') end
local change = redis.call('INCR', KEYS[1])
for i = 2, #KEYS, 2 do
  redis.call('ZADD', KEYS[i], '-' .. ARGV[2], ARGV[1])
  redis.call('ZADD', KEYS[i + 1], change, ARGV[1])
end
return change
