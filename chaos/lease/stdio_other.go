//go:build !unix

package lease

import "os"

func pollable(f *os.File) *os.File { return f }
