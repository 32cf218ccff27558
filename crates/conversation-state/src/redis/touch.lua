-- Names a conversation in indexes before its record is written: they may name too much, never too
-- little. KEYS: the counter of changes, the indexes that name it, then two indexes each, by creation and by
-- change. ARGV: id, time of creation, whether it is being deleted, then the names of the
-- indexes that depend on the conversation. Returns the number of the change.
-- Deletions need no memory: a script that has written something is not refused for want of memory.
if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[3], '')
  -- What is of another type names no index, and would keep a deletion from its end.
  if redis.call('TYPE', KEYS[2]).ok ~= 'set' then redis.call('DEL', KEYS[2]) end
end
local change = redis.call('INCR', KEYS[1])
for i = 3, #KEYS, 2 do
  redis.call('ZADD', KEYS[i], '-' .. ARGV[2], ARGV[1])
  redis.call('ZADD', KEYS[i + 1], change, ARGV[1])
end
-- Those of earlier records too: an index still names what a later one does not.
for i = 4, #ARGV do redis.call('SADD', KEYS[2], ARGV[i]) end
return change
