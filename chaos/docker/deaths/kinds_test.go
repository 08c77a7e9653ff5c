package deaths

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// trial is one kind of fault: how it is asked for, and how an application feels it.
type trial struct {
	kind string
	args []string
	felt func(ctx context.Context, y *yard) (bool, error) // an error is "can't be told now"
	life bool                                             // the target is down, or was restarted: no agent is in it
	over bool                                             // the effect is over by itself

	byEngine bool // the engine itself does it: there is no agent to die or to follow the target
}

// trials are all kinds that need no server of a certain sort; those that do are in servers_test.go.
func trials() []trial {
	peer := []string{"--with", "service=b"}
	net := func(kind string, felt func(context.Context, *yard) (bool, error), args ...string) trial {
		return trial{kind: kind, args: append(args, peer...), felt: felt}
	}
	return []trial{
		{kind: "kill", felt: silent, life: true},
		{kind: "pause", felt: silent, life: true},
		{kind: "stop", args: []string{"--timeout", "1s"}, felt: silent, life: true},
		{kind: "remove", felt: silent, life: true},
		{kind: "signal", args: []string{"--signal", "SIGSTOP"}, felt: silent, life: true},
		{kind: "crash", felt: never, life: true, over: true},
		{kind: "restart", args: []string{"--timeout", "1s"}, felt: never, life: true, over: true},
		{kind: "roll", args: []string{"--timeout", "1s"}, felt: never, life: true, over: true},
		{kind: "scale", args: []string{"--to", "2"}, felt: members(3), life: true},
		net("partition", cutOff),
		net("delay", slow("/get", 500, "url", "http://b:8080/"), "--delay", "300ms"),
		net("loss", cutOff, "--share", "1"),
		net("corrupt", cutOff, "--share", "1"),
		net("duplicate", datagrams(func(received, _ int) bool { return received > 130 }), "--share", "1", "--direction", "in"),
		net("reorder", datagrams(func(_, overtaken int) bool { return overtaken > 5 }), "--share", "0.3", "--delay", "20ms"),
		net("bandwidth", slow("/get", 500, "url", "http://b:8080/bulk"), "--rate", "1mbit"),
		net("reset", cutOff),
		net("refuse", cutOff, "--direction", "out"),
		{kind: "dns", args: []string{"--answer", "nxdomain"}, felt: failing("/lookup", "name", "b")},
		{kind: "http", args: []string{"--status", "503", "--ports", "8080"}, felt: status503},
		{kind: "cpu", args: []string{"--quota", "0.05"}, felt: slow("/spin", 300), byEngine: true},
		{kind: "memory", args: []string{"--bytes", "60MB"}, felt: memory(40 << 20)},
		{kind: "io", args: []string{"--write", "256KB"}, felt: slow("/write", 700)},
		{kind: "disk", args: []string{"--path", "/data", "--bytes", "30MB"}, felt: taken("/data", 25<<20)},
	}
}

// never is for effects that are over by themselves.
func never(context.Context, *yard) (bool, error) { return false, nil }

// silent: it does not answer.
func silent(ctx context.Context, y *yard) (bool, error) {
	_, err := y.ask(ctx, "a", "/")
	return err != nil, nil
}

// members counts the containers of the project that run.
func members(want int) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		n, err := y.running(ctx)
		return n >= want, err
	}
}

// failing: what a does fails, though a answers.
func failing(path string, args ...string) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		_, err := y.ask(ctx, "a", path, args...)
		if err != nil && !strings.Contains(err.Error(), "status 502") {
			return false, err // it does not answer at all
		}
		return err != nil, nil
	}
}

// cutOff: a can't reach b by its address: a name would hide what the network does.
func cutOff(ctx context.Context, y *yard) (bool, error) {
	addr, err := y.address(ctx, "b")
	if err != nil {
		return false, err
	}
	return failing("/get", "url", "http://"+addr+":8080/")(ctx, y)
}

// slow: what a does takes more than so many milliseconds, or is given up.
func slow(path string, ms int, args ...string) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		began := time.Now()
		text, err := y.ask(ctx, "a", path, args...)
		took, cerr := strconv.Atoi(text)
		if err != nil || cerr != nil {
			if time.Since(began) > time.Duration(ms)*time.Millisecond {
				return true, nil
			}
			return false, fmt.Errorf("%q: %w", text, err)
		}
		return took > ms, nil
	}
}

// datagrams: of 100 that a sends to b and that come back, so many are received, and so many overtake others.
func datagrams(is func(received, overtaken int) bool) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		addr, err := y.address(ctx, "b")
		if err != nil {
			return false, err
		}
		text, err := y.ask(ctx, "a", "/udp", "to", addr+":9000")
		if err != nil {
			return false, err
		}
		var received, overtaken int
		if _, err := fmt.Sscanf(text, "%d,%d", &received, &overtaken); err != nil {
			return false, err
		}
		return is(received, overtaken), nil
	}
}

// status503: b, asking a, is told that a is not available. What a asks itself does not pass a's door.
func status503(ctx context.Context, y *yard) (bool, error) {
	addr, err := y.address(ctx, "a")
	if err != nil {
		return false, err
	}
	_, err = y.ask(ctx, "b", "/get", "url", "http://"+addr+":8080/")
	return err != nil && strings.Contains(err.Error(), "status 503"), nil
}

// memory: the engine counts so many bytes in a.
func memory(bytes uint64) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		used, err := y.memory(ctx, "a")
		return used > bytes, err
	}
}

// taken: so many bytes of a file system of a are taken.
func taken(path string, bytes uint64) func(context.Context, *yard) (bool, error) {
	return func(ctx context.Context, y *yard) (bool, error) {
		text, err := y.ask(ctx, "a", "/df", "path", path)
		if err != nil {
			return false, err
		}
		used, err := strconv.ParseUint(text, 10, 64)
		return used > bytes, err
	}
}

// well: all is as it was: a and b answer, a reaches b by name, and no third member runs.
func well(ctx context.Context, y *yard) error {
	for _, name := range []string{"a", "b"} {
		if _, err := y.ask(ctx, name, "/"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := y.ask(ctx, "a", "/get", "url", "http://b:8080/"); err != nil {
		return fmt.Errorf("a asks b: %w", err)
	}
	n, err := y.running(ctx)
	if err == nil && n != 2 {
		err = fmt.Errorf("%d members run, want 2", n)
	}
	return err
}

// running counts the members.
func (y *yard) running(ctx context.Context) (int, error) {
	all, err := y.members(ctx)
	n := 0
	for _, c := range all {
		if c.State == container.StateRunning {
			n++
		}
	}
	return n, err
}
