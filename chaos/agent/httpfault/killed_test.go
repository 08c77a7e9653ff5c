//go:build linux

package httpfault

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/chaos"
)

// hold is a worker's life in a process that is to be killed.
func hold(rule string) int {
	var op chaos.Op
	if err := json.Unmarshal([]byte(rule), &op); err != nil {
		fmt.Println(err)
		return 1
	}
	w := New()
	proof, err := w.Apply(context.Background(), "x", op)
	fmt.Println("holding", proof, err)
	time.Sleep(5 * time.Minute) // longer than any test
	return 1
}

func TestAgentIsKilled(t *testing.T) {
	s := newSite(t)
	rule, err := json.Marshal(s.op(chaos.HTTPRule{Share: 1, Status: 503}))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), holderEnv+"="+string(rule))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "holding nftables") {
		t.Fatalf("the worker says %q, %v", line, err)
	}
	c := s.client(t)
	if status, _, err := s.get(t, c, s.ip4, "/"); status != 503 || err != nil {
		t.Errorf("status = %d, %v; want 503", status, err)
	}
	killed := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	mustBeGone(t)
	for {
		status, text, err := s.get(t, c, s.ip4, "/")
		if status == 200 && text != s.ip4 {
			t.Logf("healthy %s after the kill", time.Since(killed).Round(time.Millisecond))
			return
		}
		if time.Since(killed) > patience {
			t.Fatalf("status = %d by %s, %v; want 200 directly", status, text, err)
		}
	}
}
