-- What is stored, where there are ARGV[1] balances: reservations, units held, events.
local held = 0
for number = 0, ARGV[1] - 1 do
    held = held + redis.call('HGET', string.format('balance:%012d', number), 'held')
end
-- Every key that is no balance, nor the counter, nor the stream of events.
local reservations = redis.call('DBSIZE') - ARGV[1] - 2
return { reservations, held, redis.call('XLEN', 'events') }
