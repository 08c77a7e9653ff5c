# Run while the image is built: makes an empty cluster with the app's role and database and packs it.
set -eu
dir=/var/lib/postgresql/template
asPostgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
asPostgres initdb -D $dir -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums --auth=trust
asPostgres pg_ctl -D $dir -w -o "-c listen_addresses= -c unix_socket_directories=/tmp" start
asPostgres psql -h /tmp -U postgres -v ON_ERROR_STOP=1 -c "create role app login password 'app'" -c "create role repl login replication password 'repl'" -c 'create database app owner app'
asPostgres pg_ctl -D $dir -w -m fast stop
tar -C $dir -cf $dir.tar .
rm -rf $dir
