package lease

import (
	"io"
	"os"
)

// Stdio is this process's end of a line over its standard input and output. Close ends a Read that waits, where the system can
// do that, and leaves the output open for last words.
func Stdio() io.ReadWriteCloser { return stdio{in: pollable(os.Stdin), out: os.Stdout} }

type stdio struct{ in, out *os.File }

func (s stdio) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s stdio) Write(b []byte) (int, error) { return s.out.Write(b) }
func (s stdio) Close() error                { return s.in.Close() }
