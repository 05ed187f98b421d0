-- The reservation in Redis, in one call: holds ARGV[1] units of the balance KEYS[1] until ARGV[2];
-- gives the reservation's id, or nil where too few are left.
local wanted, deadline = tonumber(ARGV[1]), ARGV[2]
local balance = redis.call('HMGET', KEYS[1], 'on_hand', 'held')
if tonumber(balance[1] or 0) - tonumber(balance[2] or 0) < wanted then
    return false
end
redis.call('HINCRBY', KEYS[1], 'held', wanted)
local id = redis.call('INCR', 'reservations')
redis.call('HSET', 'reservation:' .. id,
    'sku', KEYS[1], 'quantity', wanted, 'state', 'HELD', 'expire_time', deadline)
redis.call('XADD', 'events', '*',
    'type', 'ClaimMade', 'sku', KEYS[1], 'reservation', id, 'quantity', wanted)
redis.call('XADD', 'events', '*',
    'type', 'ReservationCreated', 'sku', KEYS[1], 'reservation', id, 'quantity', wanted)
return id
