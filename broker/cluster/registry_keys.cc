#include "broker/cluster/registry_keys.h"

namespace tenfold::broker::registry_keys {

const RedisScript renew{
    R"(local left = redis.call('PTTL', KEYS[1])
local own = 1
if left <= tonumber(ARGV[7]) then own = 2 end
if redis.call('GET', KEYS[1]) == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  own = 2
  if redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]).err then own = 0 end
end
if own ~= 0 and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then redis.pcall('SADD', KEYS[2], ARGV[1]) end
local epoch = redis.call('GET', KEYS[3])
if not epoch then
  epoch = ''
  if not redis.pcall('SET', KEYS[4], '1', 'PX', ARGV[6]).err and not redis.pcall('SET', KEYS[3], ARGV[5]).err then
    epoch = ARGV[5]
  end
end
local answer = {epoch, own, redis.call('PTTL', KEYS[4])}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local key = ARGV[4] .. id
  local value = redis.call('GET', key)
  local ttl = redis.call('PTTL', key)
  if ttl > tonumber(ARGV[3]) then
    redis.call('PEXPIRE', key, ARGV[3])
    ttl = tonumber(ARGV[3])
  end
  if value and ttl > 0 then
    answer[#answer + 1] = id
    answer[#answer + 1] = value
    answer[#answer + 1] = ttl
  else
    redis.call('SREM', KEYS[2], id)
  end
end
return answer
)",
    "c0e4032d623fdf101fe60f82c542c716b1499d41"};

const RedisScript change{
    R"(local value = redis.call('GET', KEYS[1]) or ''
if value ~= ARGV[1] then
  if value == ARGV[2] then return {1} end
  return {0, value}
end
if ARGV[5] == '1' and (redis.call('EXISTS', KEYS[3]) == 0 or redis.call('EXISTS', KEYS[4]) == 1) then return {2} end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if ARGV[4] ~= '' then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'e', ARGV[4]) end
return {1}
)",
    "06932e05161793c6487f45f9909b13eb8852ac0f"};

}  // namespace tenfold::broker::registry_keys
