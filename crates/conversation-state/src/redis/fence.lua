-- Fences a user off, or says until when one is. ARGV: milliseconds or '', how far the clock is ahead.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[2])
local held = tonumber(redis.call('GET', KEYS[1]) or '0')
if ARGV[1] == '' then
  return held > now and string.format('%.0f', held) or ''
end
local till = math.max(held, now + tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', till))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(till - now, 1)))
return ''
