# The activity log's store of one region. It writes each entry to the kernel before it answers, and to the disk every second: the crash of
# the server loses nothing, that of the machine the last second, which the other region may have.
set -eu
exec redis-server --bind 0.0.0.0 --protected-mode no --dir /var/lib/redis --save '' --appendonly yes --appendfsync everysec \
	--maxmemory 192mb --maxmemory-policy noeviction --tcp-keepalive 10
