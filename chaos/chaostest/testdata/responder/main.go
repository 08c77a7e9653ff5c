// Command responder is the smallest target: it answers each HTTP request with a word that is another one in each life of the
// process. With "hostkill" it is the helper that crashes a process of the host instead.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"gauntlet/chaos/proc"
)

func main() {
	work := respond
	if len(os.Args) > 1 && os.Args[1] == "hostkill" {
		work = func() error { return proc.HostKill(os.Args[2:]) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// respond serves until SIGTERM. The kernel drops signals that PID 1 did not ask for, so it must ask.
func respond() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	life := rand.Text()
	srv := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, life) })}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
