package roles

import (
	"context"
	"errors"
)

const (
	etcdLeader   = "etcd-leader"
	etcdFollower = "etcd-follower"
)

// askEtcd asks the API of version 3, and the one of version 2 where that is missing.
func askEtcd(ctx context.Context, n node) ([]string, error) {
	port := n.port("", 2379)
	var v3 struct {
		Header struct {
			Member string `json:"member_id"`
		} `json:"header"`
		Leader string `json:"leader"`
	}
	err := n.json(ctx, port, "/v3/maintenance/status", "{}", "", "", &v3)
	if err == nil {
		return etcdRole(v3.Leader == v3.Header.Member && v3.Leader != ""), nil
	}
	var status *statusError
	if !errors.As(err, &status) {
		return nil, err
	}
	var v2 struct {
		State string `json:"state"`
	}
	if err := n.json(ctx, port, "/v2/stats/self", "", "", "", &v2); err != nil {
		return nil, err
	}
	return etcdRole(v2.State == "StateLeader"), nil
}

func etcdRole(leads bool) []string {
	if leads {
		return []string{etcdLeader}
	}
	return []string{etcdFollower}
}
