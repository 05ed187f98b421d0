-- Makes ARGV[1] balances of ARGV[2] units each, named as redis-benchmark fills in __rand_int__.
for number = 0, ARGV[1] - 1 do
    redis.call('HSET', string.format('balance:%012d', number), 'on_hand', ARGV[2], 'held', 0)
end
