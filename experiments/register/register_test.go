package register_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/experiments/register"
)

// site keeps registers as the reference app does. Each answer carries how many writes there were, and wants to see it again.
type site struct {
	mu     sync.Mutex
	values map[string]int64
	writes int
	broken bool // writes are answered with 500
	late   int  // requests of sessions that did not carry what an answer gave them
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/registers/")
	w.Header().Set("X-Session-LSN", fmt.Sprint(s.writes))
	switch value, there := s.values[key]; {
	case r.Method == http.MethodPut && s.broken:
		w.WriteHeader(http.StatusInternalServerError)
	case r.Method == http.MethodPut:
		var in struct{ Value int64 }
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.values[key] = in.Value
		s.writes++
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		if r.Header.Get("X-Session-LSN") == "" {
			s.late++
		}
		fmt.Fprintf(w, `{"value":%d}`, value)
	}
}

// run lets clients call the site for a while.
func run(t *testing.T, s *site, c register.Config) []register.Op {
	t.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var mu sync.Mutex
	var all []register.Op
	if err := register.Run(ctx, c, srv.URL, time.Now(), func(op register.Op) { mu.Lock(); defer mu.Unlock(); all = append(all, op) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func config() register.Config {
	return register.Config{API: register.Reference, Processes: 4, Keys: 2, Rate: 200, Timeout: time.Second, Seed: 1}
}

func TestClients(t *testing.T) {
	s := &site{values: map[string]int64{}}
	all := run(t, s, config())
	kinds := map[register.Kind]int{}
	values := map[string]bool{}
	over := map[int64]bool{} // processes whose last call the end of the run cut off
	for _, op := range all {
		if op.Err == "the run was over" && op.Return >= time.Second && !over[op.Process] {
			over[op.Process] = true
			continue
		}
		kinds[op.Kind]++
		if op.Out != register.OK || op.Return < op.Call || op.Process < 0 || op.Process > 3 {
			t.Errorf("%+v, want ok by process 0 to 3", op)
		}
		if name := fmt.Sprint(op.Key, op.Value); op.Kind == register.Set {
			if values[name] {
				t.Errorf("value %d was written twice to register %d", op.Value, op.Key)
			}
			values[name] = true
		}
	}
	if len(all) < 20 || len(all) > 260 || kinds[register.Set] == 0 || kinds[register.Current] == 0 || kinds[register.Session] == 0 {
		t.Errorf("%d calls, %v; want about 200 of all kinds", len(all), kinds)
	}
	if s.late > len(all)/5 {
		t.Errorf("%d of %d requests did not carry the header on", s.late, len(all))
	}
}

// A process that does not know how its write ended makes no more calls, and its own register is written by nobody any more.
func TestUnknownWritesEndAProcess(t *testing.T) {
	s := &site{values: map[string]int64{}, broken: true}
	ended, left := map[int64]bool{}, map[int64]bool{}
	for _, op := range run(t, s, config()) {
		if ended[op.Process] {
			t.Errorf("process %d goes on: %+v", op.Process, op)
		}
		if op.Kind != register.Set {
			continue
		}
		if op.Out != register.Info || op.Owned && left[op.Key] {
			t.Errorf("%+v, want info, to a register that was not left", op)
		}
		ended[op.Process] = true
		left[op.Key] = op.Owned
	}
	if len(ended) == 0 {
		t.Error("there was no write")
	}
}

func TestConfig(t *testing.T) {
	for _, change := range []func(*register.Config){
		func(c *register.Config) { c.Processes = 0 }, func(c *register.Config) { c.Keys = 1000 }, func(c *register.Config) { c.Rate = 0 },
		func(c *register.Config) { c.Rate = 1000 }, func(c *register.Config) { c.Timeout = 0 },
	} {
		c := config()
		change(&c)
		if err := register.Run(t.Context(), c, "http://127.0.0.1:1", time.Now(), nil); !errors.Is(err, register.ErrConfig) {
			t.Errorf("%+v: %v, want ErrConfig", c, err)
		}
	}
}
