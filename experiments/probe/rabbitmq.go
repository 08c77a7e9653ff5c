package probe

import (
	"bytes"
	"context"
)

// rabbitMetrics are the numbers of messages in queues, by queue. Of a quorum queue only the node that leads it has them.
const rabbitMetrics = "/metrics/detailed?family=queue_coarse_metrics"

// rabbitLeads asks all broker nodes, on their Prometheus port, whether they lead a queue. A node that was frozen while another took
// over may go on saying so for a while.
func (w Watch) rabbitLeads(ctx context.Context) (map[string]bool, error) {
	return w.leads(ctx, RabbitMQ, 15692, func(ctx context.Context, n *httpNode) (bool, error) {
		body, err := n.body(ctx, rabbitMetrics)
		return bytes.Contains(body, []byte("\nrabbitmq_detailed_queue_messages_ready{")), err
	})
}
