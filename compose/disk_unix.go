//go:build unix

package compose

import "syscall"

// freeBytes is what an ordinary user may still write where dir is; false if dir is not on this machine.
func freeBytes(dir string) (int64, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true
}
