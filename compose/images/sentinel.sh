# A sentinel of the session store. It rewrites its own configuration, which is made only once: what it has learnt survives a restart.
#
#   FIRST    address of the first master
set -eu
conf=/var/lib/redis/sentinel.conf
[ -s $conf ] || cat > $conf <<Y
port 26379
bind 0.0.0.0
protected-mode no
dir /tmp
sentinel monitor sessions $FIRST 6379 2
sentinel down-after-milliseconds sessions 1000
sentinel failover-timeout sessions 3000
sentinel parallel-syncs sessions 2
Y
exec redis-server $conf --sentinel
