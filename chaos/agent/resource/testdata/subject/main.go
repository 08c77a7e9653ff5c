//go:build linux

// Command subject is everything that the tests of package resource run in containers: "target" is what is disturbed, "worker ID
// PID" disturbs it when it is told to by HTTP, "resource-child" is the worker's child, "observer" counts those.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/resource"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "target":
		http.HandleFunc("/write", write)
		http.HandleFunc("/df", df)
		return serve()
	case len(args) == 1 && args[0] == "observer":
		http.HandleFunc("/children", children)
		return serve()
	case len(args) == 3 && args[0] == "worker":
		pid, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		w := resource.New(args[1], pid)
		obey(w)
		return errors.Join(serve(), w.Close())
	case len(args) > 1 && args[0] == resource.ChildVerb:
		return resource.Child(context.Background(), args[1:], os.Stdin, os.Stdout)
	}
	return fmt.Errorf("what is %q?", args)
}

// serve ends properly at SIGTERM. The kernel drops signals that PID 1 did not ask for, so it must ask.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	srv := &http.Server{Addr: ":8080"}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// write puts bytes on the disk and says how many seconds it took.
func write(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("bytes"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	took, err := writeFile(r.FormValue("path"), n)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, took.Seconds())
}

func writeFile(path string, n int) (time.Duration, error) {
	began := time.Now()
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	_, err = f.Write(make([]byte, n))
	err = errors.Join(err, f.Sync())
	took := time.Since(began)
	return took, errors.Join(err, f.Close(), os.Remove(path))
}

// df says how full the file system is, in [0,1].
func df(w http.ResponseWriter, r *http.Request) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(r.FormValue("path"), &st); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	used := float64(st.Blocks - st.Bfree)
	fmt.Fprint(w, used/(used+float64(st.Bavail)))
}

// children counts the host's processes that are a worker's children on the target with that PID.
func children(w http.ResponseWriter, r *http.Request) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	n := 0
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may have ended
		if args := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"); len(args) == 5 && args[1] == resource.ChildVerb && args[4] == r.FormValue("pid") {
			n++
		}
	}
	fmt.Fprint(w, n)
}

// obey lets the tests call the worker, one call at a time.
func obey(worker *resource.Worker) {
	var turn sync.Mutex
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		proof, err := call(worker, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, proof)
	})
}

func call(worker *resource.Worker, r *http.Request) (string, error) {
	var op chaos.Op
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&op); err != nil {
			return "", err
		}
	}
	id := r.FormValue("id")
	switch r.URL.Path {
	case "/apply":
		return worker.Apply(r.Context(), id, op)
	case "/check":
		return "holds", worker.Check(r.Context(), id)
	case "/clear":
		return "cleared", worker.Clear(r.Context(), id, op)
	}
	return "", fmt.Errorf("no such call: %s", r.URL.Path)
}
