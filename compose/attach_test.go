package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChooseAProject(t *testing.T) {
	all := []Project{{Name: "blog", Services: []string{"web"}, Containers: 1}, {Name: "shop", Services: []string{"db", "web"}, Containers: 3, Running: 2}}
	both := []Project{{Name: "blog", Containers: 1, Running: 1}, all[1]}
	for _, tt := range []struct {
		what string
		all  []Project
		name string
		want string   // its name; "" is an error
		says []string // in the error
	}{
		{"by name", all, "shop", "shop", nil},
		{"one that is down, by name", all, "blog", "blog", nil},
		{"the only one that runs", all, "", "shop", nil},
		{"several run", both, "", "", []string{"--project", "blog (0 services, 1 of 1 containers run)", "shop (2 services"}},
		{"a slip", all, "shp", "", []string{`"shp"`, "did you mean shop?", "blog"}},
		{"something else", all, "warehouse", "", []string{"blog", "shop"}},
		{"none runs", all[:1], "", "", []string{"is running", "gauntlet up"}},
		{"there is none", nil, "shop", "", []string{"there is no Compose project"}},
	} {
		p, err := choose(tt.all, tt.name)
		if tt.want != "" {
			if err != nil || p.Name != tt.want {
				t.Errorf("%s: %v, %v, want %s", tt.what, p, err, tt.want)
			}
			continue
		}
		if !errors.Is(err, ErrNoProject) {
			t.Errorf("%s: error %v, want ErrNoProject", tt.what, err)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", tt.what, err, want)
			}
		}
		if strings.Contains(err.Error(), "did you mean") && tt.name != "shp" {
			t.Errorf("%s: error %q guesses", tt.what, err)
		}
	}
}

// foreign is a Compose file that knows nothing of Gauntlet.
const foreign = `version: "2.4"
services:
  web:
    image: IMAGE
    entrypoint: ["/gauntlet", "app", "check", "http://127.0.0.1:1/"]
    restart: always
    scale: 2
    ports: ["127.0.0.1::8080"]
  helper:
    image: IMAGE
    entrypoint: ["/gauntlet", "app", "check", "http://127.0.0.1:1/"]
    labels: {gauntlet.internal: agent, gauntlet.project: gauntlet-attach-test, gauntlet.target-name: web-1}
`

// A project of anybody's is found by its labels, without Gauntlet's own helpers, which are listed apart.
func TestAttachFindsAnyProject(t *testing.T) {
	e := needsDocker(t)
	const project = "gauntlet-attach-test"
	if err := e.EnsureApp(t.Context(), func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	if !e.HasApp(t.Context()) {
		t.Error("there is no image of helpers after it was made")
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(foreign, "IMAGE", e.AppImage())), 0o644); err != nil {
		t.Fatal(err)
	}
	tool := func(ctx context.Context, args ...string) error {
		all := append(append([]string{}, e.compose[1:]...), "--project-name", project, "--file", file)
		_, err := command(ctx, filepath.Dir(file), nil, e.compose[0], append(all, args...)...)
		return err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := tool(ctx, "down", "--timeout", "1"); err != nil {
			t.Error(err)
		}
	})
	if err := tool(t.Context(), "up", "--detach"); err != nil {
		t.Fatal(err)
	}
	checkAttached(t, project)
}

// checkAttached looks at the project as a process does that needs the engine only.
func checkAttached(t *testing.T, project string) {
	t.Helper()
	e, err := Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	a, err := e.Attach(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Services, []string{"web"}) || a.Containers != 2 || a.Topology != "" || len(a.On) != 2 {
		t.Errorf("attached to %+v, want two containers of web that are not ours", a)
	}
	for i, want := range []string{"web-1", "web-2"} {
		if c := a.On[i]; c.Name != want || c.Service != "web" || c.Index != i+1 || c.ID == "" {
			t.Errorf("container %d is %+v, want %s", i, c, want)
		}
	}
	all, err := e.Projects(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(p Project) bool { return p.Name == project }) {
		t.Errorf("projects = %v, %v; want %s among them", all, err, project)
	}
	helpers, err := e.Helpers(t.Context())
	if err != nil || !slices.ContainsFunc(helpers, func(h Helper) bool {
		return h.Project == project && h.Role == "agent" && h.Target == "web-1" && !h.Since.IsZero()
	}) {
		t.Errorf("helpers = %+v, %v; want the one of %s", helpers, err, project)
	}
	if _, err := e.Attach(t.Context(), project+"x"); !errors.Is(err, ErrNoProject) || !strings.Contains(err.Error(), "did you mean "+project) {
		t.Errorf("error %v, want ErrNoProject and what was meant", err)
	}
}
