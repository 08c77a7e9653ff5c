# One PostgreSQL server without failover: unpacks the template the first time and becomes the server, as user postgres.
set -eu
data=/var/lib/postgresql/data/pg
install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
asPostgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
if [ ! -s $data/PG_VERSION ]; then
	rm -rf $data.new
	asPostgres install -d -m 0700 $data.new
	asPostgres tar -C $data.new -xf /var/lib/postgresql/template.tar
	mv $data.new $data
fi
printf 'local all all trust\nhost all all 0.0.0.0/0 trust\n' > /tmp/pg_hba.conf
chmod 0644 /tmp/pg_hba.conf
rm -f $data/postmaster.pid # of a server that died with the last container: no process outlives that
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D $data \
	-c hba_file=/tmp/pg_hba.conf -c listen_addresses='*' -c unix_socket_directories=/tmp -c shared_buffers=64MB -c max_connections=100 \
	-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2 -c checkpoint_timeout=5min
