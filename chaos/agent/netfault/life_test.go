//go:build linux

package netfault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
	"gauntlet/chaos/agent/nft"
)

// holderEnv makes the test binary a process that holds the rules in it, by id in JSON, until it is killed.
const holderEnv = "GAUNTLET_NETFAULT_HOLD"

// hold applies the rules, says so, and waits.
func hold() int {
	var rules map[string]chaos.NetRule
	err := json.Unmarshal([]byte(os.Getenv(holderEnv)), &rules)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	w, err := New()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for id, r := range rules {
		if _, err := w.Apply(context.Background(), id, chaos.Op{Verb: chaos.VerbNet, Net: &r}); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// startHolder starts such a process in the space and waits until its rules hold; kill kills it.
func startHolder(t testing.TB, s *agenttest.Space, rules map[string]chaos.NetRule) (kill func()) {
	t.Helper()
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderEnv+"="+string(text))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(cmd); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() { _, _, _ = cmd.Process.Kill(), cmd.Wait(), in.Close() })
	t.Cleanup(kill)
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "held\n" {
		t.Fatalf("the holder says %q, %v", said, err)
	}
	return kill
}

// A process that is killed leaves nothing behind: the kernel itself takes the table away, and queues let packets pass.
func TestKilled(t *testing.T) {
	target, peer := agenttest.Pair(t)
	b := &bed{T: t, target: target, peer: peer}
	peer.Echo(t, "[::]:7000")
	b.works(target, peerPort)
	kill := startHolder(t, target, map[string]chaos.NetRule{
		"cut":  {Drop: true, Peers: prefix(agenttest.Peer4)},
		"slow": {Delay: 20 * time.Second, Peers: prefix(agenttest.Other4)},
	})
	b.cut(target, peerPort)
	b.cut(target, otherPort)

	// While it lives, nobody else gets the name.
	w := newWorker(t, target)
	b.worker = w
	_, err := b.ask("mine", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Drop: true}})
	if !errors.Is(err, nft.ErrForeign) {
		t.Errorf("apply beside another owner: want ErrForeign, got %v", err)
	}
	if err := target.Do(func() error { return w.Clear(t.Context(), "cut", chaos.Op{}) }); err == nil {
		t.Error("clear of what another process holds says that it is gone")
	}

	kill()
	for _, addr := range []string{peerPort, otherPort} {
		if d := b.works(target, addr); d > 5*time.Second {
			t.Errorf("round trip %s after the holder was killed", d)
		}
	}
	if err := target.Do(func() error { return w.Clear(t.Context(), "cut", chaos.Op{}) }); err != nil {
		t.Errorf("clear of what a dead process held: %v", err)
	}
}

// A table of our name that is not ours stays as it is.
func TestForeignTable(t *testing.T) {
	b := newBed(t)
	var foreign *nft.Table
	err := b.target.Do(func() (err error) {
		foreign, err = nft.Open(tableName)
		if err == nil {
			err = foreign.Swap([]nft.Chain{{Name: "theirs", Rules: []nft.Rule{{Tag: "theirs", Exprs: nft.Drop()}}}})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.ask("x", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Delay: time.Second}})
	if !errors.Is(err, nft.ErrForeign) {
		t.Errorf("want ErrForeign, got %v", err)
	}
	if err := b.target.Do(func() error { return b.worker.Check(t.Context(), "x") }); err == nil {
		t.Error("a refused rule holds")
	}
	state, err := foreign.Read()
	if err != nil || len(state.Rules) != 1 || !state.Ours {
		t.Errorf("the other's table is now %+v, %v", state, err)
	}
	if err := foreign.Close(); err != nil {
		t.Fatal(err)
	}
	b.apply("x", chaos.NetRule{Drop: true})
	b.cut(b.target, peerPort)
}

// Nothing of ours is in the kernel before the first rule and after the last.
func TestNoTraces(t *testing.T) {
	b := newBed(t)
	look := func(when string) {
		t.Helper()
		err := b.target.Do(func() error {
			tab, err := nft.Open(tableName)
			if err != nil {
				return err
			}
			state, err := tab.Read()
			if err == nil && state.Exists {
				err = errors.New("there is a table")
			}
			text, rerr := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
			if rerr == nil && strings.TrimSpace(string(text)) != "" {
				rerr = fmt.Errorf("there are queues: %s", text)
			}
			return errors.Join(err, rerr, tab.Close())
		})
		if err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	look("before")
	for range 3 {
		b.apply("a", chaos.NetRule{Delay: time.Millisecond, Loss: 0.1})
		b.apply("b", chaos.NetRule{Refuse: true})
		b.apply("c", chaos.NetRule{DNS: &chaos.DNSRule{Answer: "timeout"}})
		b.clear("b")
		b.clear("b") // idempotent
		b.clear("a")
		b.clear("c")
		look("after")
	}
}

func TestRefusals(t *testing.T) {
	b := newBed(t)
	for name, op := range map[string]chaos.Op{
		"another verb":        {Verb: chaos.VerbKill},
		"no rule":             {Verb: chaos.VerbNet},
		"a rule of nothing":   {Verb: chaos.VerbNet, Net: &chaos.NetRule{}},
		"too long":            {Verb: chaos.VerbNet, Net: &chaos.NetRule{Delay: time.Hour}},
		"dns and another":     {Verb: chaos.VerbNet, Net: &chaos.NetRule{Drop: true, DNS: &chaos.DNSRule{Answer: "timeout"}}},
		"an unknown answer":   {Verb: chaos.VerbNet, Net: &chaos.NetRule{DNS: &chaos.DNSRule{Answer: "maybe"}}},
		"reorder for nothing": {Verb: chaos.VerbNet, Net: &chaos.NetRule{Reorder: 0.5}},
		"more than all":       {Verb: chaos.VerbNet, Net: &chaos.NetRule{Loss: 1.5}},
	} {
		if words, err := b.ask("x", op); err == nil {
			t.Errorf("%s: accepted: %s", name, words)
		}
	}
}

// Rules that come and go do no harm to what they do not concern, and none but their own to what they do.
func TestTrafficSurvivesChanges(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, addr := range []string{peerPort, otherPort} {
		c := b.dial(b.target, addr)
		wait.Go(func() {
			text := strings.Repeat("payload ", 2000)
			for ctx.Err() == nil {
				if _, err := agenttest.RoundTrip(c, text, patience); err != nil {
					t.Errorf("%s: %v", addr, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		b.apply("slow", chaos.NetRule{Delay: time.Duration(i%3+1) * 5 * time.Millisecond})
		b.apply("shake", chaos.NetRule{Jitter: time.Millisecond, Duplicate: 0.1, Peers: prefix(agenttest.Peer4)})
		b.apply("cut", chaos.NetRule{Drop: true, Peers: prefix(agenttest.Third4)})
		b.clear("slow")
		b.clear("cut")
		b.clear("shake")
	}
	cancel()
	wait.Wait()
}
