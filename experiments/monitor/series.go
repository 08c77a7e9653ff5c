package monitor

// Names of the series that rules about clients and probes read. A judge makes the first four from what clients felt, under the
// names that the load balancer and the app use.
const (
	Responses = "haproxy_frontend_http_responses_total"
	Requests  = "app_requests_total"
	Duration  = "app_request_duration_seconds" // with _bucket, _count and _sum
	Lag       = "gauntlet_replication_lag_seconds"
	Depth     = "gauntlet_queue_depth"
	Hits      = "gauntlet_cache_hit_ratio"
	CPU       = "gauntlet_web_cpu_ratio"
)

// SeriesOf names the series that a probe's metric becomes, and the label that its target becomes; "" if it becomes none. The age
// of the last heartbeat, while there is no primary, is the lag of the whole cluster.
func SeriesOf(metric string) (name, label string) {
	switch metric {
	case "replication_lag", "heartbeat_age":
		return Lag, "instance"
	case "queue_depth":
		return Depth, "queue"
	case "web_cpu":
		return CPU, "instance"
	case "cache_hits":
		return Hits, "instance"
	}
	return "", ""
}
