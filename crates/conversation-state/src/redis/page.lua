-- Reads a part of an index, with scores. ARGV: order, first score, how many to skip, how many to read.
if ARGV[1] == 'until' then
  return redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[2], '-inf', 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])
end
local first = ARGV[2] == '' and '-inf' or ARGV[2]
return redis.call('ZRANGEBYSCORE', KEYS[1], first, '+inf', 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])
