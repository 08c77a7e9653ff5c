package probe

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
)

// fakeRabbit answers as RabbitMQ 3.10 does: the family is always there, its lines only on the node that leads a queue.
func fakeRabbit(t *testing.T, name, lines string) Endpoint {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != rabbitMetrics {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "# TYPE rabbitmq_detailed_queue_messages_ready gauge\n# HELP rabbitmq_detailed_queue_messages_ready Messages ready to be delivered to consumers\n"+lines)
	}))
	t.Cleanup(s.Close)
	return Endpoint{Name: name, Kind: RabbitMQ, Ports: map[int]string{15692: s.Listener.Addr().String()}}
}

func TestWhoLeadsAQueueIsTheLeader(t *testing.T) {
	w := Watch{Endpoints: []Endpoint{
		fakeRabbit(t, "rabbit1", ""),
		fakeRabbit(t, "rabbit2", `rabbitmq_detailed_queue_messages_ready{vhost="/",queue="jobs.work"} 0`+"\n"),
		{Name: "rabbit3", Kind: RabbitMQ, Ports: map[int]string{15692: "127.0.0.1:1"}},
	}}
	roles, err := w.Roles(t.Context())
	if want := map[string][]string{RoleRabbitLeader: {"rabbit2"}}; err != nil || !reflect.DeepEqual(roles, want) {
		t.Errorf("%v, %v; want %v", roles, err, want)
	}
}
