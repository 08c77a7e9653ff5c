package chaos

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const journalExt = ".jsonl"

// Journal is the undo log of one project: what is about to be disturbed is on disk before it is touched, and what was proven
// healed is marked. It outlives the process that writes it, however that process ends. Append-only JSON lines, each synced.
type Journal struct {
	project string
	path    string
	mu      sync.Mutex
	file    *os.File
	keep    Keep
	owned   bool // this process is the one that disturbs the project
}

// Intent is one entry of the undo log: these containers are about to be disturbed.
type Intent struct {
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	Process int             `json:"process"` // that wrote it
	Kind    string          `json:"kind"`
	Fault   json.RawMessage `json:"fault,omitempty"` // its fields
	Actions []Action        `json:"actions"`         // what is about to be done, and how to undo it
	Settle  time.Duration   `json:"settle_ns"`       // an injection that was cut off may still take effect for so long after At
}

// settle is how long an engine may take to act on a call whose caller died. A kill takes hold 10 to 20 ms after it was asked.
const settle = time.Second

// Settler is a fault whose injection takes longer than most, such as a graceful stop.
type Settler interface {
	// Settles is the longest time from the asking to the effect.
	Settles() time.Duration
}

// Target is a container as the undo log remembers it.
type Target struct {
	ID   string `json:"id,omitempty"` // "" for one that the operation itself makes
	Name string `json:"name"`
}

// Targets are the containers that the entry's actions are on.
func (in Intent) Targets() []Target {
	out := make([]Target, len(in.Actions))
	for i, a := range in.Actions {
		out[i] = a.Target
	}
	return out
}

// JournalLine is one line of the file.
type JournalLine struct {
	Intent *Intent `json:"intent,omitempty"`
	Done   string  `json:"done,omitempty"`   // the id of an intent whose undo was proven
	Healed string  `json:"healed,omitempty"` // the id of an intent of a live process that somebody else healed
	More   string  `json:"more,omitempty"`   // the id of an intent that gets Action in addition
	Action *Action `json:"action,omitempty"`
}

// Keep is told each line after it is on disk and before anything is done, such as a janitor in a container of its own. An
// error stops what was about to be done.
type Keep func(JournalLine) error

// OpenJournal opens the undo log of a project in a folder, both made if need be, for the process that disturbs the project.
// There can be one at a time, else it is ErrBusy. The log is released when the process ends, however it ends.
func OpenJournal(dir, project string) (*Journal, error) {
	j, err := PeekJournal(dir, project)
	if err != nil {
		return nil, err
	}
	owned, err := lockFile(j.file)
	if err == nil && !owned {
		err = fmt.Errorf("%w: another live process disturbs project %s (undo log %s)", ErrBusy, project, j.path)
	}
	if err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	j.owned = true
	return j, nil
}

// PeekJournal opens the undo log for HealAll beside a process that may still be alive. Entries of a live process are undone
// but not marked, because it may be about to act on them.
func PeekJournal(dir, project string) (*Journal, error) {
	if project == "" || project != filepath.Base(project) || strings.HasPrefix(project, ".") {
		return nil, fmt.Errorf("undo log: %q is no project name", project)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("undo log: %w", err)
	}
	path := filepath.Join(dir, project+journalExt)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("undo log: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("undo log: %w", err), f.Close())
	}
	return &Journal{project: project, path: path, file: f}, nil
}

// JournalProjects lists the projects that have an undo log in the folder, sorted. No folder is no projects.
func JournalProjects(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("undo log: %w", err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), journalExt); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Project is whose undo log it is.
func (j *Journal) Project() string { return j.project }

// Close releases the log. The file stays.
func (j *Journal) Close() error { return j.file.Close() }

// Also makes Begin, Add and Done tell somebody else, too.
func (j *Journal) Also(keep Keep) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep = keep
}

// Begin puts on disk that these actions are about to be done, and returns the entry's id. Nothing may be touched if it
// fails. A Journal that is nil only makes the id.
func (j *Journal) Begin(f Fault, actions []Action) (string, error) {
	id := rand.Text()
	if j == nil {
		return id, nil
	}
	fields, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("undo log: %s: %w", f.Kind(), err)
	}
	in := Intent{ID: id, At: time.Now().UTC(), Process: os.Getpid(), Kind: f.Kind(), Fault: fields, Actions: actions, Settle: settle}
	if slow, ok := f.(Settler); ok {
		in.Settle += slow.Settles()
	}
	return id, j.append(JournalLine{Intent: &in})
}

// Add puts one more action on disk, under an entry that is open.
func (j *Journal) Add(id string, a Action) error {
	if j == nil {
		return nil
	}
	return j.append(JournalLine{More: id, Action: &a})
}

// HealedByOther says whether somebody else has healed the entry meanwhile, see HealAll. It is false if that can't be read.
func (j *Journal) HealedByOther(id string) bool {
	if j == nil {
		return false
	}
	text, err := os.ReadFile(j.path)
	return err == nil && bytes.Contains(text, []byte(`"healed":"`+id+`"`))
}

// healed notes that an entry of a live process was healed by this one.
func (j *Journal) healed(id string) error { return j.append(JournalLine{Healed: id}) }

// Done marks an entry whose undo was proven.
func (j *Journal) Done(id string) error {
	if j == nil {
		return nil
	}
	return j.append(JournalLine{Done: id})
}

// append writes one line with one call, so that lines of two processes never mix, and syncs it. A line that a crash left
// half-written is closed first.
func (j *Journal) append(l JournalLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("undo log: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if torn, err := j.torn(); err != nil {
		return fmt.Errorf("undo log: %w", err)
	} else if torn {
		text = append([]byte("\n"), text...)
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("undo log: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("undo log: %w", err)
	}
	if j.keep != nil {
		return j.keep(l)
	}
	return nil
}

// torn says whether the file ends in the middle of a line.
func (j *Journal) torn() (bool, error) {
	info, err := j.file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := j.file.ReadAt(last, info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Open returns the entries that are not marked as healed, oldest first, and how many lines could not be read. A line that
// a crash left half-written was never acted on: an entry counts only when it is on disk as a whole.
func (j *Journal) Open() (open []Intent, unreadable int, err error) {
	text, err := os.ReadFile(j.path)
	if err != nil {
		return nil, 0, fmt.Errorf("undo log: %w", err)
	}
	for line := range bytes.Lines(text) {
		var l JournalLine
		switch err := json.Unmarshal(line, &l); {
		case len(bytes.TrimSpace(line)) == 0:
		case err != nil:
			unreadable++
		default:
			open = Replay(open, l)
		}
	}
	return open, unreadable, nil
}

// Replay is what is open after one more line.
func Replay(open []Intent, l JournalLine) []Intent {
	switch {
	case l.Intent != nil:
		return append(open, *l.Intent)
	case l.Done != "":
		return slices.DeleteFunc(open, func(in Intent) bool { return in.ID == l.Done })
	case l.More != "" && l.Action != nil:
		if i := slices.IndexFunc(open, func(in Intent) bool { return in.ID == l.More }); i >= 0 {
			open[i].Actions = append(slices.Clone(open[i].Actions), *l.Action)
		}
	}
	return open
}

// mayMark says whether entries can be marked as healed: no other live process owns the log.
func (j *Journal) mayMark() (bool, error) {
	if j.owned {
		return true, nil
	}
	return lockFile(j.file)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
