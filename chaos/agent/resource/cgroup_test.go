//go:build linux

package resource

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gauntlet/chaos"
	"gauntlet/chaos/proc"
)

const id = "0123456789abcdef0123456789abcdef"

// The layouts of hosts, as /proc/42/cgroup and as folders.
const (
	v1 = "5:blkio:/docker/" + id + "\n4:memory:/docker/" + id + "\n2:cpu,cpuacct:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n0::/docker/" + id + "\n"
	v2 = "0::/system.slice/docker-" + id + ".scope/inside\n"

	dir1 = "sys/fs/cgroup/%/docker/" + id
	dir2 = "sys/fs/cgroup/system.slice/docker-" + id + ".scope"
)

// tree is a folder with the given files, which looks like a root file system.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func content(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func in1(controller, file string) string {
	return strings.Replace(dir1, "%", controller, 1) + "/" + file
}

func TestJoin(t *testing.T) {
	tests := []struct{ name, cgroup, file string }{
		{"v1", v1, in1("cpu,cpuacct", "cgroup.procs")},
		{"v2", v2, dir2 + "/inside/cgroup.procs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, map[string]string{"proc/42/cgroup": tt.cgroup, "proc/77/cgroup": tt.cgroup, "proc/78/cgroup": "0::/other\n", tt.file: ""})
			g, err := findCgroup(root, 42, id)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.join(77, "cpu", "cpuacct"); err != nil || content(t, root, tt.file) != "77" {
				t.Errorf("join = %v, %s has %q; want 77", err, tt.file, content(t, root, tt.file))
			}
			if err := g.holds(77, "cpu"); err != nil {
				t.Errorf("holds of a process inside = %v", err)
			}
			if err := g.holds(78, "cpu"); err == nil {
				t.Error("holds of a process elsewhere = nil, want an error")
			}
			if err := g.holds(79, "cpu"); err == nil {
				t.Error("holds of no process = nil, want an error")
			}
		})
	}
}

func TestFindCgroupRefusesOthers(t *testing.T) {
	root := tree(t, map[string]string{"proc/42/cgroup": v2})
	for _, tt := range []struct {
		pid int
		id  string
	}{{42, "ffff"}, {43, id}, {0, id}, {-1, id}, {42, ""}} {
		if _, err := findCgroup(root, tt.pid, tt.id); !errors.Is(err, proc.ErrNotHere) {
			t.Errorf("findCgroup(%d, %q) = %v, want %v", tt.pid, tt.id, err, proc.ErrNotHere)
		}
	}
}

func TestMemory(t *testing.T) {
	v1Files := map[string]string{
		"proc/42/cgroup": v1, in1("memory", "memory.limit_in_bytes"): "1000000\n", in1("memory", "memory.usage_in_bytes"): "500000\n",
		in1("memory", "memory.stat"): "cache 9\ntotal_inactive_file 100000\n", in1("memory", "memory.oom_control"): "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
	}
	v2Files := map[string]string{
		"proc/42/cgroup": v2, dir2 + "/inside/cgroup.procs": "", dir2 + "/memory.max": "1000000\n", dir2 + "/memory.current": "500000\n",
		dir2 + "/memory.stat": "anon 9\ninactive_file 100000\n", dir2 + "/memory.events": "low 0\noom 4\noom_kill 3\n",
	}
	unlimited := func(files map[string]string, file, text string) map[string]string {
		out := map[string]string{file: text}
		for name, text := range files {
			if name != file {
				out[name] = text
			}
		}
		return out
	}
	tests := []struct {
		name  string
		files map[string]string
		limit int64
	}{
		{"v1", v1Files, 1000000}, {"v2", v2Files, 1000000},
		{"v1 without a limit", unlimited(v1Files, in1("memory", "memory.limit_in_bytes"), "9223372036854771712\n"), math.MaxInt64},
		{"v2 without a limit", unlimited(v2Files, dir2+"/memory.max", "max\n"), math.MaxInt64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := findCgroup(tree(t, tt.files), 42, id)
			if err != nil {
				t.Fatal(err)
			}
			got, err := g.memory()
			if want := (memory{limit: tt.limit, used: 400000, kills: 3}); got != want || err != nil {
				t.Errorf("memory = %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestMemoryToTake(t *testing.T) {
	tests := []struct {
		name string
		m    memory
		r    chaos.ResourceLoad
		want int64 // 0: an error
	}{
		{"share", memory{limit: 1000, used: 300}, chaos.ResourceLoad{MemoryShare: 0.8}, 500},
		{"bytes", memory{limit: 1000, used: 300}, chaos.ResourceLoad{MemoryBytes: 700}, 700},
		{"more bytes than are left", memory{limit: 1000, used: 300}, chaos.ResourceLoad{MemoryBytes: 701}, 0},
		{"all", memory{limit: 1000, used: 300}, chaos.ResourceLoad{MemoryShare: 1}, 1000},
		{"reached", memory{limit: 1000, used: 300}, chaos.ResourceLoad{MemoryShare: 0.3}, 0},
		{"share of no limit", memory{limit: math.MaxInt64, used: 300}, chaos.ResourceLoad{MemoryShare: 0.5}, 0},
		{"bytes without a limit", memory{limit: math.MaxInt64, used: 300}, chaos.ResourceLoad{MemoryBytes: 5}, 5},
	}
	for _, tt := range tests {
		got, err := memoryToTake(tt.m, &tt.r)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%s: memoryToTake = %d, %v; want %d", tt.name, got, err, tt.want)
		}
	}
	w := &Worker{root: tree(t, map[string]string{"proc/meminfo": "MemTotal: 9999999 kB\nMemAvailable:     524288 kB\n"})}
	if err := w.hostHas(256 << 20); err != nil {
		t.Errorf("hostHas of what is spare = %v", err)
	}
	if err := w.hostHas(257 << 20); !errors.Is(err, chaos.ErrRefused) {
		t.Errorf("hostHas of more = %v, want %v", err, chaos.ErrRefused)
	}
}

func TestOffer(t *testing.T) {
	root := tree(t, map[string]string{
		"proc/42/cgroup": v2, "proc/42/oom_score_adj": "0\n", "proc/43/oom_score_adj": "-5\n", "proc/77/oom_score_adj": "1\n",
		dir2 + "/cgroup.procs": "", dir2 + "/inside/cgroup.procs": "42\n43\n77\n44\n",
	})
	g, err := findCgroup(root, 42, id)
	if err != nil {
		t.Fatal(err)
	}
	scores := func() []string {
		var out []string
		for _, pid := range []string{"42", "43", "77"} {
			out = append(out, strings.TrimSpace(content(t, root, "proc/"+pid+"/oom_score_adj")))
		}
		return out
	}
	restore, err := g.offer(77)
	if got, want := scores(), []string{"1000", "1000", "1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("offer = %v, scores %v; want %v", err, got, want)
	}
	if err := restore(); err != nil || !slices.Equal(scores(), []string{"0", "-5", "1"}) {
		t.Errorf("restore = %v, scores %v", err, scores())
	}
}

func TestKindOf(t *testing.T) {
	good := map[string]chaos.ResourceLoad{
		"cpu": {CPUs: 0.5}, "memory": {MemoryShare: 1}, "io": {ReadBytesPerSecond: 1, WriteBytesPerSecond: 2}, "disk": {DiskPath: "/x", DiskBytes: 1},
	}
	for want, r := range good {
		if got, err := kindOf(chaos.Op{Verb: chaos.VerbResource, Resource: &r}); got != want || err != nil {
			t.Errorf("kindOf(%+v) = %q, %v; want %q", r, got, err, want)
		}
	}
	bad := map[string]chaos.ResourceLoad{
		"nothing": {}, "two": {CPUs: 1, MemoryBytes: 1}, "negative": {CPUs: -1}, "share above 1": {MemoryShare: 1.5}, "share and bytes": {DiskPath: "/x", DiskShare: 0.5, DiskBytes: 1},
		"no folder": {DiskShare: 0.5}, "too many cores": {CPUs: 5000},
	}
	for name, r := range bad {
		if got, err := kindOf(chaos.Op{Verb: chaos.VerbResource, Resource: &r}); err == nil {
			t.Errorf("%s: kindOf = %q, want an error", name, got)
		}
	}
	if _, err := kindOf(chaos.Op{Verb: chaos.VerbNet}); err == nil {
		t.Error("kindOf of another verb = nil, want an error")
	}
}
