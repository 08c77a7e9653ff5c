package probe

import (
	"bufio"
	"net"
	"reflect"
	"sync"
	"testing"
)

// fakeRedis answers each connection's first line with a text.
func fakeRedis(t *testing.T, name, answer string) Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil && line == "ROLE\r\n" {
				_, _ = c.Write([]byte(answer))
			}
			c.Close()
		}
	})
	return Endpoint{Name: name, Kind: Redis, Ports: map[int]string{6379: l.Addr().String()}}
}

func TestRedisRoles(t *testing.T) {
	w := Watch{Endpoints: []Endpoint{
		fakeRedis(t, "feed2", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
		fakeRedis(t, "feed1", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
		fakeRedis(t, "feed4", "*5\r\n$5\r\nslave\r\n$9\r\n10.0.0.91\r\n:6379\r\n$9\r\nconnected\r\n:0\r\n"),
		fakeRedis(t, "sentinel", "*2\r\n$8\r\nsentinel\r\n*0\r\n"),
		fakeRedis(t, "loading", "-LOADING Redis is loading the dataset in memory\r\n"),
		fakeRedis(t, "broken", "*3\r\n"),
	}}
	got, err := w.Roles(t.Context())
	want := map[string][]string{RoleRedisMaster: {"feed1", "feed2"}, RoleRedisReplica: {"feed4"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
