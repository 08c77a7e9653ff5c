package probe

import (
	"bytes"
	"context"
)

// rabbitMetrics are the numbers of messages in queues, by queue. Of a quorum queue only the node that leads it has them.
const rabbitMetrics = "/metrics/detailed?family=queue_coarse_metrics"

// rabbitLeads asks all broker nodes, on their Prometheus port, whether they lead a queue. A node that was frozen while another took
// over may say so until it has cleaned up, for up to two minutes. The error joins the reasons of those that are missing.
func (w Watch) rabbitLeads(ctx context.Context) (map[string]bool, error) {
	type lead struct {
		node string
		yes  bool
	}
	all, err := askAll(ctx, w.of(RabbitMQ), func(ctx context.Context, e Endpoint) (lead, error) {
		n, err := newHTTPNode(e, 15692)
		if err != nil {
			return lead{}, err
		}
		defer n.close()
		body, err := n.body(ctx, rabbitMetrics)
		return lead{e.Name, bytes.Contains(body, []byte("\nrabbitmq_detailed_queue_messages_ready{"))}, err
	})
	leads := map[string]bool{}
	for _, l := range all {
		leads[l.node] = l.yes
	}
	return leads, err
}
