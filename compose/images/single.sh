# Runs Redis, PostgreSQL and the web server beside each other, as one machine does. If one of them ends, all end, and the
# restart policy starts them together. A stop lets the web server finish its requests first.
set -u
redis-server --bind 0.0.0.0 --protected-mode no --save '' --appendonly no --maxmemory 64mb --maxmemory-policy allkeys-lru &
redis=$!
sh /usr/local/bin/plain.sh &
postgres=$!
/gauntlet app web &
web=$!
stop() {
	trap - TERM INT
	kill -TERM $web
	wait $web
	kill -INT $postgres
	kill -TERM $redis
	wait
	exit 0
}
trap stop TERM INT
wait -n
echo "single.sh: a part ended with code $?; stopping the others" >&2
kill -TERM $web $redis
kill -INT $postgres
wait
exit 1
