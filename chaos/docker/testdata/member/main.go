// Command member is all that these tests run in containers: a target that answers each HTTP request with a word that is another
// one in each life of its process, the helper that signals a process of the host, and an agent whose effects are easy to see.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/agent/resource"
	"gauntlet/chaos/janitor"
	"gauntlet/chaos/lease"
	"gauntlet/chaos/proc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	work := respond
	if len(os.Args) > 1 {
		work = map[string]func(context.Context) error{
			"hostkill": hostKill, "agent": beAgent, "real-agent": beAgent, "janitor": beJanitor, "sleep": sleep, resource.ChildVerb: child,
		}[os.Args[1]]
	}
	if err := work(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sleep(ctx context.Context) error { <-ctx.Done(); return nil }

func beJanitor(ctx context.Context) error {
	record := ""
	if len(os.Args) > 3 && os.Args[2] == "--record" {
		record = os.Args[3]
	}
	return janitor.Main(ctx, record, lease.Default)
}

func hostKill(context.Context) error { return proc.HostKill(os.Args[2:]) }

// target answers requests.
type target struct {
	life string
	hups chan os.Signal
}

// respond serves until SIGTERM.
func respond(ctx context.Context) error {
	t := &target{life: rand.Text(), hups: make(chan os.Signal, 1)}
	signal.Notify(t.hups, syscall.SIGHUP)
	srv := &http.Server{Addr: ":8080", Handler: t}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP answers /dial/PORT with whether something listens on that port here, /write/FILE?TEXT by writing a file, /hups with
// the number of SIGHUPs of late, the path of a file with the file, and anything else with the life's word.
func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if port, ok := strings.CutPrefix(r.URL.Path, "/dial/"); ok {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		fmt.Fprint(w, err == nil)
	} else if file, ok := strings.CutPrefix(r.URL.Path, "/write"); ok {
		fmt.Fprint(w, os.WriteFile(file, []byte(r.URL.RawQuery), 0o600))
	} else if r.URL.Path == "/hups" {
		fmt.Fprint(w, len(t.hups))
	} else if text, err := os.ReadFile(r.URL.Path); err == nil {
		_, _ = w.Write(text)
	} else {
		fmt.Fprint(w, t.life)
	}
}

func child(ctx context.Context) error { return resource.Child(ctx, os.Args[2:], os.Stdin, os.Stdout) }

// beAgent is an agent of test workers, or of real ones.
func beAgent(ctx context.Context) error {
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	target, pid, verbs := fs.String("target", "", ""), fs.Int("pid", 0, ""), fs.String("verbs", "", "")
	if err := fs.Parse(os.Args[2:]); err != nil || *target == "" || *pid == 0 {
		return fmt.Errorf("want --target and --pid: %w", err)
	}
	make := testWorker
	if os.Args[1] == "real-agent" {
		make = realWorker
	}
	workers := map[chaos.Verb]agent.Worker{}
	for _, v := range strings.Split(*verbs, ",") {
		w, err := make(chaos.Verb(v), *target, *pid)
		if err != nil {
			return err
		}
		if w != nil {
			workers[chaos.Verb(v)] = w
		}
	}
	return agent.Serve(ctx, lease.Stdio(), workers, lease.Default)
}
