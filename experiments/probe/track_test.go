package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const ms = time.Millisecond

func TestTracker(t *testing.T) {
	type seen struct {
		state        string
		began, ended time.Duration
	}
	tests := []struct {
		name string
		seen []seen
		want []Change
	}{
		{"first state is told", []seen{{"primary", 5, 6}}, []Change{{From: "?", To: "primary", After: 0, At: 6}}},
		{"silence from the beginning is not", []seen{{"?", 5, 6}, {"?", 15, 16}}, nil},
		{"end of a first silence", []seen{{"?", 5, 6}, {"db1", 15, 16}}, []Change{{From: "?", To: "db1", After: 5, At: 16}}},
		{"no change, no word", []seen{{"a", 1, 2}, {"a", 3, 4}, {"a", 5, 6}}, []Change{{From: "?", To: "a", At: 2}}},
		{"after is the start of the last poll that saw the old state", []seen{{"a", 1, 2}, {"a", 11, 13}, {"b", 21, 25}},
			[]Change{{From: "?", To: "a", At: 2}, {From: "a", To: "b", After: 11, At: 25}}},
		{"silence between two states", []seen{{"a", 1, 2}, {"?", 11, 36}, {"?", 41, 66}, {"b", 71, 72}},
			[]Change{{From: "?", To: "a", At: 2}, {From: "a", To: "?", After: 1, At: 36}, {From: "?", To: "b", After: 41, At: 72}}},
		{"absent is not silent", []seen{{"a", 1, 2}, {"", 11, 12}, {"b", 21, 22}},
			[]Change{{From: "?", To: "a", At: 2}, {From: "a", To: "", After: 1, At: 12}, {From: "", To: "b", After: 11, At: 22}}},
		{"absent from the beginning is told", []seen{{"", 1, 2}}, []Change{{From: "?", To: "", At: 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := tracker{what: Leader, target: Cluster}
			var got []Change
			for _, s := range tt.seen {
				if c, ok := tr.see(s.state, span{s.began, s.ended}); ok {
					got = append(got, c)
				}
			}
			for i := range tt.want {
				tt.want[i].What, tt.want[i].Target = Leader, Cluster
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{fmt.Errorf("reading: %w", io.EOF), true},
		{io.ErrUnexpectedEOF, true},
		{&pgconn.PgError{Code: "57P03"}, true},
		{&statusError{path: "/route", code: 503}, true},
		{context.DeadlineExceeded, false},
		{os.ErrDeadlineExceeded, false},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, false},
		{fmt.Errorf("timeout: %w", errors.Join(context.DeadlineExceeded, io.EOF)), false},
	}
	for _, tt := range tests {
		if got := refused(tt.err); got != tt.want {
			t.Errorf("refused(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// Every transition is told, and an unchanged answer four times a second.
func TestHealth(t *testing.T) {
	var got []Point
	h := health{target: "db1", out: &emitter{sink: Sink{Point: func(p Point) { got = append(got, p) }}}}
	no := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	silent := context.DeadlineExceeded
	for i, err := range []error{nil, nil, nil, no, no, silent, silent, nil, nil, nil, nil, nil, nil, nil} {
		at := time.Duration(i) * 40 * ms
		h.saw(err, span{at - ms, at})
	}
	want := []Point{
		{At: 0, Value: 1},
		{At: 120 * ms, Value: 0},
		{At: 200 * ms, Err: silent.Error()},
		{At: 280 * ms, Value: 1},
	}
	for i := range want {
		want[i].Metric, want[i].Target, want[i].Took = Answers, "db1", ms
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	h.saw(nil, span{540 * ms, 541 * ms})
	if len(got) != len(want)+1 {
		t.Errorf("an unchanged answer was not repeated after 250 ms")
	}
}
