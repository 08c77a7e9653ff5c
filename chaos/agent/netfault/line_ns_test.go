//go:build linux

package netfault

import (
	"os"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

const holderEnv = "GAUNTLET_NETFAULT_HOLD"

func hold() int { return 0 }

var _ = os.Getenv

func TestDelayByPeer(t *testing.T) {
	b := newBed(t)
	c, other := b.dial(b.target, peerPort), b.dial(b.target, otherPort)
	base := b.trip(c)
	const delay = 150 * time.Millisecond
	b.apply("slow", chaos.NetRule{Delay: delay, Peers: prefix(agenttest.Peer4)})
	slow, quick := b.trip(c), b.trip(other)
	t.Logf("round trips: %s before, %s with 2 x %s, %s to another peer", base, slow, delay, quick)
	if slow < 2*delay {
		t.Errorf("round trip %s with 2 x %s", slow, delay)
	}
	b.clear("slow")
	if back := b.trip(c); back >= delay {
		t.Errorf("round trip %s after the delay ended", back)
	}
}
