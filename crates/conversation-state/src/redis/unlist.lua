-- Removes a conversation that is gone from its indexes, unless another one of its id was named there
-- since. KEYS: the indexes that name it, then two indexes each, by creation and by change; the first of them
-- was looked at. ARGV: id, its score in that index.
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
redis.call('DEL', KEYS[1])
return 1
