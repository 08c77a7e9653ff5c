//go:build linux

package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killedFirst is the score of who is killed before all others when memory runs out, see proc(5).
const killedFirst = 1000

// offer gives all processes of the container except one that score. What it returns gives them back their own.
func (c *cgroup) offer(except int) (restore func() error, err error) {
	before := map[int]int{}
	restore = func() error {
		var errs []error
		usual := 0
		for pid, score := range before {
			usual = score
			errs = append(errs, c.setScore(pid, score))
		}
		all, err := c.members()
		for _, pid := range all { // those that were started meanwhile have inherited it
			if score, err := c.score(pid); err == nil && score == killedFirst && before[pid] != killedFirst && pid != except {
				errs = append(errs, c.setScore(pid, usual))
			}
		}
		return errors.Join(append(errs, ignoreGone(err))...)
	}
	all, err := c.members()
	if err != nil {
		return nil, err
	}
	for _, pid := range all {
		score, err := c.score(pid)
		if pid == except || err != nil { // gone meanwhile
			continue
		}
		before[pid] = score
		if err := c.setScore(pid, killedFirst); err != nil {
			return nil, errors.Join(err, restore())
		}
	}
	return restore, nil
}

// members are the processes in the container's cgroup of memory and below.
func (c *cgroup) members() ([]int, error) {
	top, err := c.containerDir("memory")
	if err != nil {
		return nil, err
	}
	var out []int
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		text, err := os.ReadFile(path)
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
		return err
	})
	return out, err
}

func (c *cgroup) scoreFile(pid int) string {
	return filepath.Join(c.root, "proc", strconv.Itoa(pid), "oom_score_adj")
}

func (c *cgroup) score(pid int) (int, error) {
	n, err := readNumber(c.scoreFile(pid))
	return int(n), err
}

// setScore sets a process's score. One that is gone needs none.
func (c *cgroup) setScore(pid, score int) error {
	err := ignoreGone(os.WriteFile(c.scoreFile(pid), []byte(strconv.Itoa(score)), 0))
	if err != nil {
		return fmt.Errorf("score of PID %d for when memory runs out: %w", pid, err)
	}
	return nil
}

// ignoreGone is nil for what a process or cgroup that has ended answers.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}
