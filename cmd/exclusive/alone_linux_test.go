package exclusive

import (
	"os"
	"os/exec"
	"testing"
)

func TestSiblingsAreSeen(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if hasSiblings(os.Getpid(), cmd.Process.Pid) {
		t.Error("an only child has siblings")
	}
	if !hasSiblings(os.Getpid(), 1) {
		t.Error("a living child is not seen")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if hasSiblings(os.Getpid(), 1) {
		t.Error("a dead child is still seen")
	}
}
