# Prometheus beside a topology: CONFIG is its configuration, RULES its rule file.
set -eu
printf '%s' "$CONFIG" > /etc/prometheus/topology.yml
printf '%s' "$RULES" > /etc/prometheus/rules.yml
exec prometheus --config.file=/etc/prometheus/topology.yml --storage.tsdb.path=/data --storage.tsdb.retention.time=1d
