package proc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const id = "0123456789abcdef0123456789abcdef"

// tree is a folder with the given files, which looks like a root file system.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		write(t, root, name, text)
	}
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func stat(state, started string) string {
	return "42 (a) b (c)) " + state + " 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 " + started + " 0 0\n"
}

func TestFrozen(t *testing.T) {
	v1 := "9:cpuset:/docker/" + id + "\n5:freezer:/docker/" + id + "\n0::/docker/" + id + "\n"
	v2 := "0::/system.slice/docker-" + id + ".scope\n"
	tests := []struct {
		name, cgroup, file, text string
		want                     bool
		err                      error
	}{
		{"v1 thawed", v1, "sys/fs/cgroup/freezer/docker/" + id + "/freezer.state", "THAWED\n", false, nil},
		{"v1 freezing", v1, "sys/fs/cgroup/freezer/docker/" + id + "/freezer.state", "FREEZING\n", false, nil},
		{"v1 frozen", v1, "sys/fs/cgroup/freezer/docker/" + id + "/freezer.state", "FROZEN\n", true, nil},
		{"v2 thawed", v2, "sys/fs/cgroup/system.slice/docker-" + id + ".scope/cgroup.events", "populated 1\nfrozen 0\n", false, nil},
		{"v2 frozen", v2, "sys/fs/cgroup/system.slice/docker-" + id + ".scope/cgroup.events", "populated 1\nfrozen 1\n", true, nil},
		{"nothing to see", v2, "sys/other", "", false, ErrNotHere},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, map[string]string{"proc/42/cgroup": tt.cgroup, "proc/42/stat": stat("S", "777"), tt.file: tt.text})
			p, err := find(root, 42, id)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Frozen()
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Frozen() = %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestFindRefusesOthers(t *testing.T) {
	mine := "0::/docker/" + id + "\n"
	tests := []struct {
		name, cgroup, stat, container string
		pid                           int
	}{
		{"other container", "0::/docker/ffff\n", stat("S", "1"), id, 42},
		{"no such process", mine, stat("S", "1"), id, 43},
		{"zombie", mine, stat("Z", "1"), id, 42},
		{"no id", mine, stat("S", "1"), "", 42},
		{"PID 0", mine, stat("S", "1"), id, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, map[string]string{"proc/42/cgroup": tt.cgroup, "proc/42/stat": tt.stat})
			if _, err := find(root, tt.pid, tt.container); !errors.Is(err, ErrNotHere) {
				t.Errorf("find = %v, want %v", err, ErrNotHere)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	tests := []struct {
		name, stat string
		want       bool
	}{
		{"same process", stat("R", "777"), false},
		{"zombie", stat("Z", "777"), true},
		{"later process with the same PID", stat("R", "778"), true},
		{"no process", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, map[string]string{"proc/42/cgroup": "0::/" + id, "proc/42/stat": stat("S", "777")})
			p, err := find(root, 42, id)
			if err != nil {
				t.Fatal(err)
			}
			if tt.stat == "" {
				if err := os.Remove(p.file("stat")); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, root, "proc/42/stat", tt.stat)
			}
			got, err := p.Ended()
			if got != tt.want || err != nil {
				t.Errorf("Ended() = %v, %v; want %v, nil", got, err, tt.want)
			}
		})
	}
}

func TestHostKillRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {"x", id}, {"1", id}, {"0", id}, {"-5", id}, {"2147483647", id}, {"2147483647", id, "SIGHUP", "x", "more"}} {
		if err := HostKill(args); err == nil {
			t.Errorf("HostKill(%q) = nil, want an error", args)
		}
	}
}

func TestCPUs(t *testing.T) {
	v1 := "4:cpu,cpuacct:/docker/" + id + "\n"
	v2 := "0::/system.slice/docker-" + id + ".scope\n"
	at1, at2 := "sys/fs/cgroup/cpu/docker/"+id+"/", "sys/fs/cgroup/system.slice/docker-"+id+".scope/"
	tests := []struct {
		name, cgroup string
		files        map[string]string
		want         float64
		err          error
	}{
		{"v1 limit", v1, map[string]string{at1 + "cpu.cfs_quota_us": "150000\n", at1 + "cpu.cfs_period_us": "100000\n"}, 1.5, nil},
		{"v1 none", v1, map[string]string{at1 + "cpu.cfs_quota_us": "-1\n", at1 + "cpu.cfs_period_us": "100000\n"}, 0, nil},
		{"v2 limit", v2, map[string]string{at2 + "cpu.max": "20000 100000\n"}, 0.2, nil},
		{"v2 none", v2, map[string]string{at2 + "cpu.max": "max 100000\n"}, 0, nil},
		{"nothing to see", v2, nil, 0, ErrNotHere},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"proc/42/cgroup": tt.cgroup, "proc/42/stat": stat("S", "777")}
			for name, text := range tt.files {
				files[name] = text
			}
			p, err := find(tree(t, files), 42, id)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.CPUs(); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("CPUs() = %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestSibling(t *testing.T) {
	mine, other := "0::/docker/"+id+"/sub\n", "0::/docker/ffff\n"
	files := map[string]string{
		"proc/42/cgroup": mine, "proc/42/stat": stat("S", "100"), "proc/42/comm": "sh\n",
		"proc/43/cgroup": mine, "proc/43/stat": stat("S", "900"), "proc/43/comm": "a-very-long-com\n",
		"proc/44/cgroup": mine, "proc/44/stat": stat("S", "90"), "proc/44/comm": "changed\n", "proc/44/cmdline": "/usr/bin/worker\x00-x\x00",
		"proc/45/cgroup": mine, "proc/45/stat": stat("S", "1000"), "proc/45/comm": "worker\n",
		"proc/46/cgroup": mine, "proc/46/stat": stat("Z", "10"), "proc/46/comm": "worker\n",
		"proc/47/cgroup": other, "proc/47/stat": stat("S", "10"), "proc/47/comm": "worker\n",
		"proc/self/comm": "worker\n",
	}
	p, err := find(tree(t, files), 42, id)
	if err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{"sh": 42, "a-very-long-command": 43, "worker": 44} {
		if got, err := p.sibling(command); err != nil || got.PID != want {
			t.Errorf("sibling(%s) = %+v, %v; want PID %d", command, got, err, want)
		}
	}
	if got, err := p.sibling("nobody"); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("sibling(nobody) = %+v, %v; want %v", got, err, os.ErrProcessDone)
	}
	if err := p.Send("SIGWHAT", ""); err == nil {
		t.Error("Send of an unknown signal = nil, want an error")
	}
}
