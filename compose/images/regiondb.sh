# A database of a region. Before the server can start, the way to it is closed; /gauntlet app gate opens it while the region may
# write, or while the server is a replica. Then becomes Patroni as patroni.sh does.
#
#   MEMBERS     addresses of the region's own databases, with commas: they always pass
#   APP_AGENT   host:port of the region's agent
#   APP_FENCE   false: a mutant, without a gate
#
# A packet that may not pass is answered with a reset, so that clients go elsewhere at once. What the server itself has sent, such as the
# acknowledgement that it owes since before it was frozen, is dropped.
set -eu
if [ "${APP_FENCE:-true}" = true ]; then
	nft -f - <<N
table inet gate {
	set open { type inet_service; flags timeout; }
	chain in {
		type filter hook input priority 0;
		iifname "lo" accept
		tcp dport 5432 ip saddr { $MEMBERS } accept
		tcp dport 5432 tcp dport @open accept
		tcp dport 5432 reject with tcp reset
	}
	chain out {
		type filter hook output priority 0;
		oifname "lo" accept
		tcp sport 5432 ip daddr { $MEMBERS } accept
		tcp sport 5432 tcp sport @open accept
		tcp sport 5432 tcp flags & rst == rst accept
		tcp sport 5432 drop
	}
}
N
fi
while :; do
	/gauntlet app gate || true
	sleep 0.2
done &
export PRE_PROMOTE='/gauntlet app check http://127.0.0.1:8009/promote'
exec sh /usr/local/bin/patroni.sh
