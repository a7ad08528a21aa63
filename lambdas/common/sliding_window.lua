-- One request against one sliding window, in one step: nobody comes between the count and the grant.
-- KEYS[1]: a list of the times of the grants within the window, in microseconds, oldest first.
-- ARGV: the quota; the window in microseconds.
-- Returns whether it is granted (1, 0), what remains, the microseconds until one more is free, and the time.
local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Another node, or a clock that was set back, must not put a grant before an older one.
local newest = tonumber(redis.call('LINDEX', KEYS[1], -1) or 0)
if newest > now then now = newest end

local oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
while oldest <= now - window do
  redis.call('LPOP', KEYS[1])
  oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
end

local used = redis.call('LLEN', KEYS[1])
if used < quota then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
  return {1, quota - used - 1, oldest + window - now, now}
end
-- A quota that was lowered may leave more in the window than it allows.
local freeing = tonumber(redis.call('LINDEX', KEYS[1], used - quota))
return {0, 0, freeing + window - now, now}
