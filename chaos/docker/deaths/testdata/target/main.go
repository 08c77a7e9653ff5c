// Command target is a member of the projects that are disturbed: it answers, asks others, and measures what it feels.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	go echoDatagrams()
	born := strconv.FormatInt(time.Now().UnixNano(), 36)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, born) })
	http.HandleFunc("/bulk", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 100_000)) })
	http.HandleFunc("/get", timed(get))
	http.HandleFunc("/lookup", timed(lookup))
	http.HandleFunc("/spin", timed(spin))
	http.HandleFunc("/write", timed(write))
	http.HandleFunc("/df", answer(df))
	http.HandleFunc("/udp", answer(datagrams))
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":8080", nil))
	os.Exit(1)
}

// timed answers with the milliseconds that something took, or 502 and why it failed.
func timed(do func(r *http.Request) error) http.HandlerFunc {
	return answer(func(r *http.Request) (string, error) {
		began := time.Now()
		err := do(r)
		return strconv.FormatInt(time.Since(began).Milliseconds(), 10), err
	})
}

func answer(do func(r *http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := do(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, text)
	}
}

// get asks another member on a connection of its own.
func get(r *http.Request) error {
	c := http.Client{Timeout: 1500 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(r.FormValue("url"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

func lookup(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 1500*time.Millisecond)
	defer cancel()
	_, err := (&net.Resolver{PreferGo: true}).LookupHost(ctx, r.FormValue("name"))
	return err
}

// spin is a fixed amount of work: some 20 ms of a whole core.
func spin(*http.Request) error {
	x := uint64(88172645463325252)
	for range 12_000_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 {
		return fmt.Errorf("impossible")
	}
	return nil
}

// write writes 512 kB past the page cache, which is what the kernel's throttle acts on with cgroup v1.
func write(*http.Request) error {
	f, err := os.OpenFile("/disk/file", os.O_CREATE|os.O_WRONLY|syscall.O_DIRECT, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	raw := make([]byte, 128<<10+4096)
	shift := 4096 - int(uintptr(unsafe.Pointer(&raw[0]))&4095)
	block := raw[shift : shift+128<<10]
	for range 4 {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// df is how many bytes of a file system are taken.
func df(r *http.Request) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(r.FormValue("path"), &s); err != nil {
		return "", err
	}
	return strconv.FormatUint((s.Blocks-s.Bfree)*uint64(s.Bsize), 10), nil
}

func echoDatagrams() {
	conn, err := net.ListenPacket("udp", ":9000")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	buf := make([]byte, 64)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err == nil {
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}
}

// datagrams sends 100 numbered ones, 1 ms apart, and answers with "received,overtaken".
func datagrams(r *http.Request) (string, error) {
	conn, err := net.Dial("udp", r.FormValue("to"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	go func() {
		for i := range uint32(100) {
			_, _ = conn.Write(binary.BigEndian.AppendUint32(nil, i))
			time.Sleep(time.Millisecond)
		}
	}()
	received, overtaken, last := 0, 0, uint32(0)
	buf := make([]byte, 64)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
		n, err := conn.Read(buf)
		if err != nil || n < 4 {
			return fmt.Sprintf("%d,%d", received, overtaken), nil
		}
		at := binary.BigEndian.Uint32(buf)
		if received++; at < last {
			overtaken++
		}
		last = max(last, at)
	}
}
