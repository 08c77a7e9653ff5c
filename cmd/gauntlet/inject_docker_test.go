package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/cmd/exclusive"
)

// foreignProject is the Compose project that these tests disturb. It knows nothing of Gauntlet. The name is fixed, so that the
// next test takes down what a test that was killed has left.
const (
	foreignProject = "inject-shop"
	foreignImage   = "gauntlet-inject-test:latest"
)

const foreignFile = `version: "2.4"
services:
  web:
    image: ` + foreignImage + `
    scale: 2
    restart: always
    ports: ["127.0.0.1::8080"]
  db:
    image: ` + foreignImage + `
    ports: ["127.0.0.1::8080"]
`

// foreignServer is a server that answers everything.
const foreignServer = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	err := http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "here") }))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
`

// must runs a command and returns what it printed.
func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > 5*time.Second {
			t.Logf("%s %s took %.0f s", name, strings.Join(args, " "), took.Seconds())
		}
	}()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// composeTool is the Compose command of this machine.
func composeTool(t *testing.T) []string {
	t.Helper()
	for _, tool := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(tool[0], append(tool[1:], "version")...).Run() == nil {
			return tool
		}
	}
	t.Fatal("this test needs Compose (GAUNTLET_DOCKER=off skips it)")
	return nil
}

// foreign starts the project, and removes it and its image after the test.
func foreign(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": foreignServer, "go.mod": "module server\n", "compose.yaml": foreignFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "go", "build", "-o", "server", ".")
	must(t, dir, "tar", "-cf", "image.tar", "server")
	must(t, dir, "docker", "import", "--change", `ENTRYPOINT ["/server"]`, "image.tar", foreignImage)
	tool := append(composeTool(t), "--project-name", foreignProject, "--file", filepath.Join(dir, "compose.yaml"))
	t.Cleanup(func() {
		must(t, dir, tool[0], append(tool[1:], "down", "--timeout", "1")...)
		must(t, dir, "docker", "rmi", foreignImage)
	})
	must(t, dir, tool[0], append(tool[1:], "up", "--detach")...)
	answers(t, "db", true)
	answers(t, "web", true)
}

// containerOf is the id of the first container of a service.
func containerOf(t *testing.T, service string) string {
	t.Helper()
	out := must(t, ".", "docker", "ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+foreignProject,
		"--filter", "label=com.docker.compose.service="+service, "--filter", "label=com.docker.compose.container-number=1")
	id, _, _ := strings.Cut(out, "\n")
	return id
}

// answers waits until the first container of a service answers a client, or does not.
func answers(t *testing.T, service string, want bool) {
	t.Helper()
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var got error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		addr, err := exec.Command("docker", "port", containerOf(t, service), "8080/tcp").Output()
		if err == nil {
			line, _, _ := strings.Cut(string(addr), "\n")
			var r *http.Response
			if r, err = client.Get("http://" + strings.TrimSpace(line)); err == nil {
				_ = r.Body.Close()
			}
		}
		if got = err; (got == nil) == want {
			return
		}
	}
	t.Fatalf("%s answers: %v (%v), want %v, after 30 s", service, got == nil, got, want)
}

// injection starts inject in the background and waits until its fault has begun.
func injection(t *testing.T, state string, args ...string) *invocation {
	t.Helper()
	inv := gauntlet(t, state, append([]string{"inject"}, append(args, "--project", foreignProject)...)...)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	inv.Cmd.Stdout, inv.WaitDelay = out, 10*time.Second
	if err := inv.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(out.Name()); err == nil && strings.Contains(string(text), ": t0 ") {
			return inv
		}
	}
	_ = inv.Process.Kill()
	t.Fatalf("%v has not begun within 2 min: %v\n%s", inv.Args, inv.Wait(), inv.stderr.String())
	return nil
}

// ended is the exit code of what wait waits for. What hangs is made to print where.
func ended(t *testing.T, inv *invocation, wait func() error) int {
	t.Helper()
	stop := time.AfterFunc(2*time.Minute, func() { _ = inv.Process.Signal(syscall.SIGQUIT) })
	defer stop.Stop()
	return inv.code(t, wait())
}

// says runs a verb and checks its exit code and that it printed each of the words.
func says(t *testing.T, state string, code int, args []string, want ...string) {
	t.Helper()
	inv := gauntlet(t, state, args...)
	if got := ended(t, inv, inv.Run); got != code {
		t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
	for _, w := range want {
		if !strings.Contains(inv.stdout.String()+inv.stderr.String(), w) {
			t.Errorf("%v: does not say %q", args, w)
		}
	}
}

// Any Compose project can be disturbed: felt by a client, healed at the end, at Ctrl-C, by heal from another terminal, and
// after SIGKILL.
func TestInjectIntoAProjectOfSomebodyElse(t *testing.T) {
	needEngine(t)
	foreign(t)
	state := t.TempDir()
	on := func(args ...string) []string { return append(args, "--project", foreignProject) }

	says(t, state, exitPass, on("inject", "pause", "--on", "service=web pick=one", "--dry-run"), "pause; undo: start; by: the engine", "nothing is touched")
	says(t, state, exitCannot, on("inject", "pause", "--on", "wbe"), "no target", "services: db, web")
	says(t, state, exitCannot, on("inject", "kill", "--on", "web", "--keep-healthy", "1"), "refused by a guard", "web")
	says(t, state, exitCannot, []string{"inject", "kill", "--on", "web", "--project", foreignProject + "s"}, "did you mean "+foreignProject)
	answers(t, "web", true)

	t.Run("to its end", func(t *testing.T) { injectToTheEnd(t, state) })
	t.Run("until Ctrl-C", func(t *testing.T) {
		inv := injection(t, state, "kill", "--on", "db", "--for", "2m")
		answers(t, "db", false)
		says(t, state, exitPass, []string{"ps"}, foreignProject, "exited", "kill for ")
		says(t, state, exitCannot, on("inject", "kill", "--on", "web"), "in use")
		interruptProcess(t, inv.Cmd, syscall.SIGINT)
		if code := ended(t, inv, inv.Wait); code != exitInterrupted {
			t.Errorf("exit code %d, want %d", code, exitInterrupted)
		}
		answers(t, "db", true)
	})
	t.Run("until somebody else heals it", func(t *testing.T) { healedByOther(t, state) })
	t.Run("until it is killed", func(t *testing.T) {
		inv := injection(t, state, "partition", "--on", "db", "--outside", "--for", "2m")
		answers(t, "db", false)
		interruptProcess(t, inv.Cmd, syscall.SIGKILL)
		ended(t, inv, inv.Wait)
		answers(t, "db", true) // by the agent's lease, without anybody's help
		says(t, state, exitPass, on("heal"), foreignProject+": ")
		says(t, state, exitPass, on("heal"), "nothing to heal")
	})
	noHelperLeft(t)
}

// injectToTheEnd checks what one injection says about itself for machines.
func injectToTheEnd(t *testing.T, state string) {
	// Not pause: on a machine that is very busy, the kernel now and then can't freeze a container ("unable to freeze").
	inv := gauntlet(t, state, "inject", "kill", "--on", "web", "--for", "1s", "--json", "--project", foreignProject)
	if code := ended(t, inv, inv.Run); code != exitPass {
		t.Fatalf("exit code %d", code)
	}
	var out outcome
	if err := json.Unmarshal(inv.stdout.Bytes(), &out); err != nil {
		t.Fatalf("%v\n%s", err, inv.stdout.String())
	}
	if fmt.Sprint(out.On) != "[web-1 web-2]" || out.Began == nil || out.Healed == nil || out.Proof == "" || out.Error != "" {
		t.Fatalf("outcome = %+v, want web-1 and web-2 killed, proven and healed", out)
	}
	if held := out.Healed.Sub(*out.Began); held < 500*time.Millisecond {
		t.Errorf("it was held for %s, want about 1 s", held)
	}
	answers(t, "web", true)
}

// healedByOther heals a fault from another process while it lasts: the injection says that it ended early. On a busy machine the
// fault may be over before that; then it is tried again with a longer one.
func healedByOther(t *testing.T, state string) {
	for _, length := range []string{"5s", "20s", "1m"} {
		inv := injection(t, state, "kill", "--on", "db", "--for", length)
		heal := gauntlet(t, state, "heal", "--project", foreignProject)
		if code := ended(t, heal, heal.Run); code != exitPass {
			t.Errorf("heal: exit code %d", code)
		}
		code := ended(t, inv, inv.Wait)
		answers(t, "db", true)
		if !strings.Contains(heal.stdout.String(), "healed: db") {
			continue
		}
		if code != exitUnknown || !strings.Contains(inv.stderr.String(), "ended early") {
			t.Errorf("exit code %d, want %d and that it ended early", code, exitUnknown)
		}
		return
	}
	t.Error("heal always came too late")
}

// noHelperLeft waits until the engine has no agent and no janitor of the project any more.
func noHelperLeft(t *testing.T) {
	t.Helper()
	left := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if left = must(t, ".", "docker", "ps", "--all", "--quiet", "--filter", "label=gauntlet.project="+foreignProject); left == "" {
			return
		}
	}
	t.Errorf("helpers are left behind: %s", left)
}

// needEngine is needDocker without the wait for a quiet machine: these tests measure no times.
func needEngine(t *testing.T) {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("-short: not tested: " + t.Name() + " on real containers")
	case os.Getenv("GAUNTLET_DOCKER") == "off":
		t.Skip("GAUNTLET_DOCKER=off: not tested: " + t.Name() + " on real containers")
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Fatalf("this test needs Docker (GAUNTLET_DOCKER=off skips it): %v\n%s", err, out)
	}
	began := time.Now()
	if _, err := executable(); err != nil { // not while others wait for the turn
		t.Fatal(err)
	}
	built := time.Now()
	exclusive.Turn(t)
	t.Logf("built gauntlet in %.0f s, waited %.0f s for a turn", built.Sub(began).Seconds(), time.Since(built).Seconds())
}
