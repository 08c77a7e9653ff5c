package probe

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

// redisSays asks all Redis nodes what they say of themselves: master or slave, by name. A sentinel says neither and has no role. The
// error joins the reasons of those that are missing.
func (w Watch) redisSays(ctx context.Context) (map[string]string, error) {
	all, err := askAll(ctx, w.of(Redis), func(ctx context.Context, e Endpoint) ([2]string, error) {
		said, err := askRedis(ctx, e)
		return [2]string{e.Name, said}, err
	})
	says := map[string]string{}
	for _, one := range all {
		says[one[0]] = one[1]
	}
	return says, err
}

// askRedis is one conversation: the answer to ROLE is an array whose first element is the role, as "*3\r\n$6\r\nmaster\r\n...".
func askRedis(ctx context.Context, e Endpoint) (string, error) {
	addr, err := e.addr(6379)
	if err != nil {
		return "", err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write([]byte("ROLE\r\n")); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	var lines [3]string
	for i := range lines {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if lines[i] = strings.TrimRight(line, "\r\n"); i == 0 && !strings.HasPrefix(line, "*") {
			return "", fmt.Errorf("ROLE is answered by %q", lines[0])
		}
	}
	return lines[2], nil
}

// addRedis adds the roles of the Redis nodes, in the order of their names.
func addRedis(roles map[string][]string, says map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(says)) {
		switch says[name] {
		case "master":
			roles[RoleRedisMaster] = append(roles[RoleRedisMaster], name)
		case "slave":
			roles[RoleRedisReplica] = append(roles[RoleRedisReplica], name)
		}
	}
}
