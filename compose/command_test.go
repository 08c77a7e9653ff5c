package compose

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestCommandErrorsSayCauseAndMend(t *testing.T) {
	tests := []struct {
		name, script string
		want         []string
	}{
		{"unknown cause", "echo odd; exit 3", []string{"exit status 3", "odd"}},
		{"disk", "echo 'write /x: no space left on device' >&2; exit 1", []string{"no space left", "docker system df"}},
		{"packages", "echo 'E: Failed to fetch x  Temporary failure resolving y'; exit 100", []string{"Temporary failure", "check the network"}},
		{"long output", "seq 1 1000; exit 1", []string{"989", "1000"}},
		{"no output", "exit 1", []string{"exit status 1"}},
	}
	for _, tt := range tests {
		_, err := command(t.Context(), t.TempDir(), nil, "sh", "-c", tt.script)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error does not say %q:\n%v", tt.name, want, err)
			}
		}
		if lines := strings.Count(err.Error(), "\n"); lines > tailLines+2 {
			t.Errorf("%s: error has %d lines", tt.name, lines)
		}
	}
}

func TestCommandThatIsCutOffSaysWhy(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := command(ctx, "", nil, "sleep", "60"); !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
}
