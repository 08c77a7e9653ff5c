package compose

import (
	"slices"
	"testing"
)

func TestStagesOf(t *testing.T) {
	const file = `# all
FROM debian AS base
RUN one
# the first
FROM base AS a
COPY x y /to/
FROM base AS b
RUN two \
 && three
FROM scratch AS c
COPY z /z
`
	tests := []struct {
		target, text string
		copies       []string
	}{
		{"a", "FROM debian AS base\nRUN one\nFROM base AS a\nCOPY x y /to/\n", []string{"x", "y"}},
		{"b", "FROM debian AS base\nRUN one\nFROM base AS b\nRUN two \\\n && three\n", nil},
		{"c", "FROM scratch AS c\nCOPY z /z\n", []string{"z"}},
	}
	for _, tt := range tests {
		got, err := stagesOf(file, tt.target)
		if err != nil || got.text != tt.text || !slices.Equal(got.copies, tt.copies) {
			t.Errorf("stagesOf(%s) = %q %v, %v; want %q %v", tt.target, got.text, got.copies, err, tt.text, tt.copies)
		}
	}
	if _, err := stagesOf(file, "d"); err == nil {
		t.Error("a stage that is not there was found")
	}
}

// Each target that a topology asks for can be made, from files that are there.
func TestTargetsAreInTheDockerfile(t *testing.T) {
	text, err := files.ReadFile("images/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range All() {
		for _, target := range top.Targets {
			s, err := stagesOf(string(text), target)
			if err != nil {
				t.Errorf("%s: %v", top.Name, err)
			}
			for _, name := range s.copies {
				if name == executableFile {
					continue
				}
				if _, err := files.ReadFile("images/" + name); err != nil {
					t.Errorf("%s: target %s: %v", top.Name, target, err)
				}
			}
		}
	}
}

// An image is made anew when one of its own files changed, and only then.
func TestHashFollowsTheInputs(t *testing.T) {
	b := build{target: "haproxy", stages: stages{text: "FROM x AS haproxy\n", copies: []string{"haproxy.cfg"}}}
	sum := func(b build, base string) string {
		s, err := b.sum(base)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := sum(b, "id1")
	if again := sum(b, "id1"); again != first {
		t.Errorf("hash of the same inputs: %s, then %s", first, again)
	}
	if got := sum(b, "id2"); got == first {
		t.Error("another base image, same hash")
	}
	other := b
	other.stages.text += "RUN more\n"
	if got := sum(other, "id1"); got == first {
		t.Error("another Dockerfile, same hash")
	}
	other = b
	other.stages.copies = []string{"patroni.sh"}
	if got := sum(other, "id1"); got == first {
		t.Error("another file, same hash")
	}
}
