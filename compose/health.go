package compose

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// When the health checks of a topology's services run. The engine starts a process in the container for each, and begins to count
// when the container starts: with one interval for all, twelve databases that were asked at once took two processors for five
// seconds. Nobody waits for them here, since readiness is asked for in other ways; so the first comes when most experiments are over.
const (
	healthEvery = 4 * time.Minute
	healthApart = 3 * time.Second // each service's interval is so much longer than that of the one before it
)

// healthFile is laid over the topology's own files, which say how each service is checked, but not how often.
const healthFile = "health.yaml"

// health is a Compose file, as JSON, which is YAML too, that lets no two services be checked at the same time.
func (t Topology) health() ([]byte, error) {
	type check struct {
		Check struct {
			Interval string `json:"interval"`
		} `json:"healthcheck"`
	}
	services, every := map[string]check{}, healthEvery
	for _, name := range t.Services {
		if t.checked[name] {
			var c check
			c.Check.Interval = every.String()
			services[name] = c
			every += healthApart
		}
	}
	return json.Marshal(map[string]any{"services": services})
}

// write puts the topology's Compose files into a folder and returns their paths, in order.
func (t Topology) write(dir string) (paths []string, err error) {
	put := func(name string, text []byte) {
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		paths = append(paths, path)
	}
	for _, name := range t.Files {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		put(name, text)
	}
	text, err := t.health()
	if err != nil {
		return nil, err
	}
	put(healthFile, text)
	return paths, err
}
