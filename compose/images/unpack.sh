# Patroni calls this once, on the node that bootstraps the cluster, as user postgres.
set -eu
install -d -m 0700 /var/lib/postgresql/data/pg
tar -C /var/lib/postgresql/data/pg -xf /var/lib/postgresql/template.tar
