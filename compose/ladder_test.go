package compose

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// With -long all rungs are started, one after the other: give -timeout 40m.
var long = flag.Bool("long", false, "start every topology, not only a small one")

// Whatever else is wrong with a file, Compose itself reads it.
func TestComposeReadsEveryTopology(t *testing.T) {
	e := engine(t)
	dir := t.TempDir()
	for _, top := range withOverlays(t) {
		args := append([]string{}, e.compose[1:]...)
		config, err := top.prometheus("10.213.9", defaultScrape)
		if err != nil {
			t.Fatal(err)
		}
		env := []string{"GAUNTLET_NET=10.213.9", "GAUNTLET_PROMETHEUS=" + config, "GAUNTLET_RULES=several\nlines {{ $value }}"}
		paths, err := top.write(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range paths {
			args = append(args, "--file", file)
		}
		for _, target := range top.Targets {
			env = append(env, "GAUNTLET_IMAGE_"+strings.ToUpper(target)+"="+imageName(target))
		}
		ports, err := top.ports(testPorts)
		if err != nil {
			t.Fatal(err)
		}
		for offset, port := range ports {
			env = append(env, fmt.Sprintf("GAUNTLET_PORT_%s=%d", offset, port))
		}
		out, err := command(t.Context(), dir, env, e.compose[0], append(args, "config", "--quiet")...)
		if err != nil || strings.Contains(out, "variable is not set") {
			t.Errorf("%s: %v %s", top.Name, err, out)
		}
	}
}

// rungs are the topologies to start: those of the short run are quickly up and cover a file that is laid over two others.
func rungs() []Topology {
	var out []Topology
	for _, top := range All() {
		if *long && !top.Mutant || top.Name == "balanced-sticky" {
			out = append(out, top)
		}
	}
	return out
}

// A rung comes up in time, serves what the reference workload asks for, and goes down without leaving anything.
func TestRungsServeAndGoDownClean(t *testing.T) {
	e := needsDocker(t)
	for _, top := range rungs() {
		t.Run(top.Name, func(t *testing.T) {
			opt := testOptions(t)
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
			defer cancel()
			if err := e.Build(ctx, top, opt.Log); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			s, err := e.Up(ctx, top, opt)
			if err != nil {
				t.Fatal(err)
			}
			takeDown(t, s)
			waitReady(t, s)
			t.Logf("ready after %.1f s", time.Since(began).Seconds())
			on, err := s.Inventory(ctx)
			if err != nil {
				t.Fatal(err)
			}
			checkServes(t, "http://"+entryAddress(t, top, on))
			began = time.Now()
			if err := s.Down(ctx); err != nil {
				t.Fatal(err)
			}
			t.Logf("down after %.1f s", time.Since(began).Seconds())
			if left, err := s.left(ctx); err != nil || len(left) > 0 {
				t.Errorf("left behind: %s, %v", brief(left), err)
			}
		})
	}
}

// entryAddress is the address where clients reach the topology.
func entryAddress(t *testing.T, top Topology, on []Container) string {
	t.Helper()
	service, port, _ := strings.Cut(top.Entry, ":")
	for _, c := range on {
		for inside, addr := range c.Ports {
			if c.Service == service && fmt.Sprint(inside) == port {
				return addr
			}
		}
	}
	t.Fatalf("%s: nobody listens at its entry %s", top.Name, top.Entry)
	return ""
}

// checkServes logs in and posts, more often than there are web nodes: each must know the session, or be spared the request. A load
// balancer on a busy machine may miss a node for a moment and send a request elsewhere, so one login of five must get through.
func checkServes(t *testing.T, url string) {
	t.Helper()
	id := struct{ ID int64 }{}
	var err error
	for range 5 {
		if err = postSix(t, url, &id); err == nil {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
	for _, path := range []string{fmt.Sprintf("/posts/%d", id.ID), "/feed", "/", "/ready", "/health"} {
		if err := ask(t, http.StatusOK, "GET", url+path, "", "", nil); err != nil {
			t.Error(err)
		}
	}
}

func postSix(t *testing.T, url string, id any) error {
	tok := struct{ Token string }{}
	err := ask(t, http.StatusOK, "POST", url+"/login", `{"user":7,"password":"password-7"}`, "", &tok)
	for i := 0; i < 6 && err == nil; i++ {
		err = ask(t, http.StatusCreated, "POST", url+"/posts", fmt.Sprintf(`{"text":"post %d"}`, i), tok.Token, id)
	}
	return err
}

// ask sends a request, again for up to 10 s while it is not answered with the code that is wanted: the machine may be busy.
func ask(t *testing.T, want int, method, url, body, token string, into any) error {
	said, client := "", http.Client{Timeout: 5 * time.Second}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err != nil {
			said = err.Error()
			continue
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && into != nil && resp.StatusCode == want {
			err = json.Unmarshal(text, into)
		}
		if said = fmt.Sprintf("%s %v %.200s", resp.Status, err, text); err == nil && resp.StatusCode == want {
			return nil
		}
		if resp.StatusCode == http.StatusUnauthorized {
			break // asking again would only hide that a session is not known everywhere
		}
	}
	return fmt.Errorf("%s %s: %s; want %d", method, url, said, want)
}
