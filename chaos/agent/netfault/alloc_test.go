//go:build linux && !race

package netfault

import (
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

// A packet must not cost memory: the thread that serves all of them would have to wait for the collector.
func TestPacketsCostNoMemory(t *testing.T) {
	target, _ := agenttest.Pair(t)
	err := target.Do(func() error {
		post, err := newInjector(ownMark)
		if err != nil {
			return err
		}
		for name, rule := range map[string]chaos.NetRule{
			"delay":  {Delay: 10 * time.Millisecond},
			"jitter": {Delay: 10 * time.Millisecond, Jitter: time.Millisecond, BitsPerSecond: 1e9, Loss: 0.1, Reorder: 0.1},
		} {
			for _, steal := range []bool{false, true} {
				p := &port{post: post, line: line{judge: newShaper(rule, false), steal: steal}}
				p.out = p
				data := datagram("10.213.77.1:1", "10.213.77.2:2", make([]byte, 1000))
				now := time.Duration(0)
				got := testing.AllocsPerRun(100, func() {
					for id := range uint32(50) {
						p.arrive(now, packet{id: id, size: len(data), data: data})
						p.release(now)
						now += 100 * time.Microsecond
					}
					p.post.flush()
					p.pending = p.pending[:0]
				})
				if got > 1 {
					t.Errorf("%s, steal %t: %.0f allocations for 50 packets", name, steal, got)
				}
			}
		}
		return post.close()
	})
	if err != nil {
		t.Fatal(err)
	}
}
