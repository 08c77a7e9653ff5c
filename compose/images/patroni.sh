# Writes Patroni's configuration from the environment and becomes Patroni, as user postgres.
#
#   NAME IP          this member, and its fixed address
#   SCOPE            the cluster it belongs to, default ref; each shard is one
#   ETCD             host:port of each etcd node, comma-separated
#   TTL LOOP RETRY   the lease and its timing, in seconds
#   SYNC             true: an acknowledged write is on two nodes
#   MAX_LAG          bytes that a replica may lag behind and still be promoted
#   SOURCE           host:port of another cluster's primary, which this cluster follows from the start; none: it leads
#   PRE_PROMOTE      command that forbids a promotion by failing; none: all are allowed
#
# The driver is "etcd" (v2 API), not "etcd3": with 3.0 the latter lets a primary that was frozen take the lock back.
set -eu
standby= prePromote=
if [ -n "${SOURCE:-}" ]; then standby="standby_cluster: {host: '${SOURCE%:*}', port: ${SOURCE#*:}, create_replica_methods: [basebackup]}"; fi
if [ -n "${PRE_PROMOTE:-}" ]; then prePromote="pre_promote: $PRE_PROMOTE"; fi
cat > /tmp/patroni.yml <<Y
scope: ${SCOPE:-ref}
namespace: /service/
name: $NAME
restapi: {listen: '0.0.0.0:8008', connect_address: '$IP:8008'}
etcd: {hosts: '$ETCD'}
bootstrap:
  dcs:
    ttl: $TTL
    loop_wait: $LOOP
    retry_timeout: $RETRY
    maximum_lag_on_failover: $MAX_LAG
    synchronous_mode: $SYNC
    synchronous_mode_strict: false
    $standby
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {wal_level: replica, hot_standby: 'on', wal_log_hints: 'on', max_wal_senders: 10, max_replication_slots: 10, max_connections: 100, wal_keep_size: 256MB}
  method: template
  template: {command: sh /usr/local/bin/unpack.sh, no_params: true}
postgresql:
  listen: 0.0.0.0:5432
  connect_address: $IP:5432
  data_dir: /var/lib/postgresql/data/pg
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: /tmp/pgpass
  pg_hba: [local all all trust, host all all 0.0.0.0/0 trust, host replication all 0.0.0.0/0 trust]
  authentication: {replication: {username: repl, password: repl}, superuser: {username: postgres, password: postgres}}
  basebackup: [{checkpoint: fast}]
  $prePromote
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  parameters: {unix_socket_directories: /tmp, shared_buffers: 64MB, fsync: 'on', synchronous_commit: 'on', wal_receiver_status_interval: 1s, wal_receiver_timeout: 3s, wal_sender_timeout: 3s, wal_retrieve_retry_interval: 100ms, tcp_keepalives_idle: 1, tcp_keepalives_interval: 1, tcp_keepalives_count: 2, checkpoint_timeout: 5min}
watchdog: {mode: 'off'}
Y
# A replica asks every member, the dead one included, before it takes the lock: let the kernel find out fast that nobody is there.
ip ntable change name arp_cache dev eth0 retrans 100 delay_probe 100 ucast_probes 2 mcast_probes 2 base_reachable 2000
install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
exec setpriv --reuid=postgres --regid=postgres --init-groups patroni /tmp/patroni.yml
