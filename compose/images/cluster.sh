# A node of the Redis Cluster with the feed and the leaderboard. What it has learnt of the others stays on its volume, so that it finds
# them again after a restart. The first node makes the cluster once, when all others answer: three masters, each with a replica.
#
#   IP       this node's address
#   NODES    the addresses of all nodes, with blanks, the first one's first
#
# A dead master is replaced after node-timeout (1 s), gossip, and an election of 0.5 to 1 s: about 2.5 s, for its third of the keys only.
# Half the timeout would make it 2 s, and failovers by mistake on a busy machine likely.
set -eu

cli() { timeout 2 redis-cli "$@" 2>/dev/null; }

make() {
	for n in $NODES; do
		until [ "$(cli -h "$n" ping)" = PONG ]; do sleep 0.2; done
	done
	cli cluster info | grep -q '^cluster_slots_assigned:0' || return 0
	with=
	for n in $NODES; do with="$with $n:6379"; done
	# shellcheck disable=SC2086
	timeout 60 redis-cli --cluster create $with --cluster-replicas 1 --cluster-yes
}

case "$NODES " in
"$IP "*) make & ;;
esac
exec redis-server --bind 0.0.0.0 --protected-mode no --dir /var/lib/redis --save '' --appendonly yes --appendfsync everysec \
	--repl-diskless-sync-delay 0 --repl-timeout 5 --repl-ping-replica-period 1 \
	--cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 --cluster-announce-ip "$IP" \
	--cluster-require-full-coverage no --cluster-allow-reads-when-down yes --cluster-replica-validity-factor 0 --cluster-migration-barrier 1 \
	--maxmemory 64mb --maxmemory-policy noeviction
