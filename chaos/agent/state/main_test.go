package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/agent/state"
	"gauntlet/cmd/exclusive"
)

var _ agent.Worker = (*state.Worker)(nil)

func TestMain(m *testing.M) {
	if text := os.Getenv(holdEnv); text != "" {
		hold(text)
	}
	release := func() {}
	if os.Getenv("GAUNTLET_DOCKER") != "off" {
		release = exclusive.Acquire()
	}
	code := m.Run()
	release()
	if left := leaked(10 * time.Second); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind by the tests:\n%s\n", left)
		code = max(code, 1)
	}
	os.Exit(code)
}

// leaked gives the stacks of goroutines of this package and of the client libraries that are still there after the time.
func leaked(wait time.Duration) string {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] { // the first is this one
			for _, ours := range []string{"gauntlet/chaos", "jackc/pgx", "redis/go-redis", "rabbitmq/amqp091"} {
				if strings.Contains(s, ours) {
					left = append(left, s)
					break
				}
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}

// holdEnv makes this executable an agent that applies the change in it and then waits to be killed.
const holdEnv = "GAUNTLET_TEST_HOLD"

type held struct {
	ID string
	Op chaos.Op
}

func hold(text string) {
	var h held
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	proof, err := state.New().Apply(ctx, h.ID, h.Op)
	fmt.Println(proof, err)
	if err != nil {
		os.Exit(1)
	}
	time.Sleep(time.Minute)
	os.Exit(2)
}
