package roles

import (
	"context"
	"fmt"
)

const rabbitmqLeader = "rabbitmq-leader"

// queue is one queue as the management API shows it.
type queue struct {
	Name   string `json:"name"`
	Vhost  string `json:"vhost"`
	Node   string `json:"node"`   // where a classic queue, or the leader of a mirrored or quorum queue is
	Leader string `json:"leader"` // of quorum queues and streams
}

// askRabbitMQ asks which queues the node leads, in its own view.
func askRabbitMQ(ctx context.Context, n node) ([]string, error) {
	port := n.port("RABBITMQ_MANAGEMENT_PORT_NUMBER", 15672)
	user := n.setting("user", "guest", "RABBITMQ_DEFAULT_USER", "RABBITMQ_USERNAME")
	password := n.setting("password", "guest", "RABBITMQ_DEFAULT_PASS", "RABBITMQ_PASSWORD")
	var self struct {
		Node string `json:"node"`
	}
	if err := n.json(ctx, port, "/api/overview?columns=node", "", user, password, &self); err != nil {
		return nil, fmt.Errorf("its management API (rabbitmq_management) does not tell: %w", err)
	}
	var queues []queue
	if err := n.json(ctx, port, "/api/queues?columns=name,vhost,node,leader", "", user, password, &queues); err != nil {
		return nil, err
	}
	return ledBy(self.Node, queues), nil
}

// ledBy are the roles of a node that leads some of the queues.
func ledBy(node string, queues []queue) []string {
	var out []string
	for _, q := range queues {
		leader := q.Leader
		if leader == "" {
			leader = q.Node
		}
		if leader == "" || leader != node {
			continue
		}
		if out == nil {
			out = append(out, rabbitmqLeader)
		}
		name := q.Name
		if q.Vhost != "/" {
			name = q.Vhost + "/" + name
		}
		out = append(out, rabbitmqLeader+":"+name)
	}
	return out
}
