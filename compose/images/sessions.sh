# A node of the session store. It asks the sentinels who is master before it starts: a node that comes back as a master by itself
# accepts sessions for ten seconds that are then thrown away.
#
#   IP FIRST    this node's address, and that of the first master
#   SENTINELS   their addresses, with blanks
set -eu
master=$FIRST
for s in $SENTINELS; do
	found=$(timeout 0.5 redis-cli -h "$s" -p 26379 sentinel get-master-addr-by-name sessions 2>/dev/null | head -n 1) || found=
	case $found in
	*.*.*.*) master=$found; break ;;
	esac
done
set --
[ "$master" = "$IP" ] || set -- --replicaof "$master" 6379
exec redis-server --bind 0.0.0.0 --protected-mode no --dir /var/lib/redis --save '' --appendonly yes --appendfsync everysec \
	--repl-diskless-sync yes --repl-diskless-sync-delay 0 --repl-backlog-size 16mb --repl-timeout 5 --repl-ping-replica-period 1 \
	--maxmemory 64mb --maxmemory-policy volatile-ttl "$@"
