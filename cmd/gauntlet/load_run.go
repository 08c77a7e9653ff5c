package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
	"gauntlet/loadgen/tally"
)

// loadLagLimit is the generator's own lag at p99 from which nothing is known about the system.
const loadLagLimit = 50 * time.Millisecond

// loadSummary is what gauntlet load --json prints, and summary.json of a recording.
type loadSummary struct {
	Load    string            `json:"load"` // name of the file
	Base    string            `json:"base"`
	Client  string            `json:"client"` // the client model in words
	Begin   time.Time         `json:"begin"`
	For     time.Duration     `json:"for_ns"`
	Planned map[string]uint64 `json:"planned"`
	Dials   uint64            `json:"dials"`
	Retried uint64            `json:"retried"`   // 0, or net/http repeated requests although it must not
	CPU     float64           `json:"cpu_share"` // of all processors of this machine, used by this process, 0 to 1
	Healthy bool              `json:"healthy"`   // the generator was never so late, and never out of ports, that its numbers mean nothing
	tally.Summary
}

// loader is a load under way.
type loader struct {
	spec.LoadFile
	origin time.Time
	tally  *tally.Tally
	record *history.Writer // nil: nothing is kept

	mu   sync.Mutex
	tick tally.Counts // since the last line of progress
	slow time.Duration
}

// leadIn is between the origin and the first request.
const leadIn = 100 * time.Millisecond

// run logs in, loads, and prints the summary.
func (f loadFlags) run(ctx context.Context, l spec.LoadFile, out, progress io.Writer) error {
	fmt.Fprintf(progress, "%s for %s\n%s\n", l.Base, l.For, l.Load.Model())
	sessions, err := loadgen.Login(ctx, l.Load, l.Base)
	if err != nil {
		return err
	}
	r := &loader{LoadFile: l, origin: time.Now(), tally: tally.New(tally.Options{Start: leadIn, Limit: l.Load.Limit, Timeout: l.Load.Timeout})}
	if f.out != "" {
		if r.record, err = history.Create(f.out, r.header()); err != nil {
			return err
		}
	}
	before := cpuTime()
	rep, err := r.send(ctx, sessions, progress)
	sum := r.summary(rep, cpuTime()-before)
	if f.out != "" {
		end := history.End{At: time.Since(r.origin), Planned: rep.Planned}
		err = errors.Join(err, r.record.Close(end), writeSummary(filepath.Join(f.out, "summary.json"), sum))
	}
	if f.json {
		err = errors.Join(err, printJSON(out, sum))
	} else {
		sum.print(out)
	}
	if err == nil && !sum.Healthy {
		return &exitError{code: exitUnknown, err: errors.New(sum.unhealthy())}
	}
	return err
}

// unhealthy says why nothing is known about the system.
func (s loadSummary) unhealthy() string {
	if n := s.All.Errors[loadgen.ErrKindPorts]; n > 0 {
		return fmt.Sprintf("this machine had no port or file for %d requests: ask for fewer connections or raise its limits (ulimit -n, net.ipv4.ip_local_port_range)", n)
	}
	return fmt.Sprintf("the generator was too late (p99 of its own lag %s): its numbers say little about the system", s.Lag.P99)
}

// send sends the load and shows progress each second.
func (r *loader) send(ctx context.Context, sessions loadgen.Sessions, progress io.Writer) (loadgen.Report, error) {
	defer loadgen.CollectLess()()
	var rep loadgen.Report
	var err error
	var all sync.WaitGroup
	done, stop := context.WithCancel(ctx)
	all.Go(func() {
		defer stop()
		rep, err = loadgen.Run(ctx, r.Load, loadgen.Target{Base: r.Base, Sessions: sessions, Origin: r.origin, Start: leadIn, Length: r.For}, r.sample)
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done.Err() == nil {
		select {
		case <-done.Done():
		case <-tick.C:
			fmt.Fprintln(progress, r.status())
		}
	}
	all.Wait()
	return rep, err
}

func (r *loader) sample(s loadgen.Sample) {
	r.tally.Add(s)
	if r.record != nil {
		r.record.Sample(s)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tick.Planned++
	switch s.Out {
	case loadgen.OK:
		r.tick.OK++
		r.slow = max(r.slow, s.Latency())
	case loadgen.Missed:
		r.tick.Missed++
	default:
		r.tick.Fail++
	}
}

// status is a line of what ended since the last one.
func (r *loader) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.tick
	line := fmt.Sprintf("%6.1fs  %5d ended  %5d ok  %5d failed  %5d missed  slowest ok %s",
		(time.Since(r.origin) - leadIn).Seconds(), c.Planned, c.OK, c.Fail, c.Missed, r.slow.Round(100*time.Microsecond))
	r.tick, r.slow = tally.Counts{}, 0
	return line
}

// header says of a recording what an experiment's says, so that the same tools read it.
func (r *loader) header() history.Header {
	h := history.Header{
		Version: 1, Experiment: r.Name, Source: r.Source, Origin: r.origin, Seed: r.Load.Seed, Rate: r.Load.Rate,
		Timeout: r.Load.Timeout, Limit: r.Load.Limit, Client: r.Load.Model(),
		Machine: history.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Gauntlet: version()},
	}
	var sum float64
	for _, op := range r.Load.Ops {
		sum += op.Weight
	}
	for _, op := range r.Load.Ops {
		h.Ops = append(h.Ops, history.OpInfo{Name: op.Name, Class: op.Class, Rate: r.Load.Rate * op.Weight / sum, Ledger: op.Ledger})
	}
	return h
}

func (r *loader) summary(rep loadgen.Report, cpu time.Duration) loadSummary {
	s := loadSummary{
		Load: r.Name, Base: r.Base, Client: r.Load.Model(), Begin: r.origin.Add(leadIn), For: r.For, Planned: rep.Planned,
		Dials: rep.Dials, Retried: rep.Retried, Summary: r.tally.Summary(),
	}
	s.CPU = cpu.Seconds() / (time.Since(r.origin).Seconds() * float64(runtime.NumCPU()))
	s.Healthy = s.Lag.P99 <= loadLagLimit && s.Retried == 0 && s.All.Errors[loadgen.ErrKindPorts] == 0
	return s
}

func writeSummary(file string, s loadSummary) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
