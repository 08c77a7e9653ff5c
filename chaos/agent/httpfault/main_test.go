//go:build linux

package httpfault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"gauntlet/chaos/chaostest"
)

// namespaceEnv says that this process has a network namespace of its own, the target's; holderEnv that it is the worker that a
// test kills.
const (
	namespaceEnv = "GAUNTLET_HTTPFAULT_NAMESPACE"
	holderEnv    = "GAUNTLET_HTTPFAULT_HOLD"
)

// TestMain runs all tests again in a network namespace of their own. Where that is not allowed, those that need it are skipped.
func TestMain(m *testing.M) {
	if rule := os.Getenv(holderEnv); rule != "" {
		os.Exit(hold(rule))
	}
	if os.Getenv(namespaceEnv) == "" {
		if code, ok := again(); ok {
			os.Exit(code)
		}
	} else if err := up("lo"); err != nil {
		fmt.Fprintln(os.Stderr, "loopback:", err)
		os.Exit(1)
	}
	os.Exit(chaostest.Main(m))
}

// again is this test executable in a new namespace; root needs no user namespace for it.
func again() (code int, ok bool) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), namespaceEnv+"=yes")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if id := os.Geteuid(); id != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	err := cmd.Wait()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return max(1, failed.ExitCode()), true
	}
	return 0, err == nil
}

// outside is a network namespace with a client in it, joined to ours by a cable.
type outside struct {
	do  chan func()
	ip4 string // our address, as seen from there
	ip6 string // "" where there is no IPv6
}

var cables = struct {
	sync.Mutex
	last int
}{}

func newOutside(t testing.TB) *outside {
	t.Helper()
	if os.Getenv(namespaceEnv) == "" {
		t.Skip("not allowed to make a network namespace: not tested: " + t.Name())
	}
	o := &outside{do: make(chan func())}
	ready := make(chan error)
	var running sync.WaitGroup
	running.Go(func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and the namespace with the thread
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range o.do {
			f()
		}
	})
	t.Cleanup(func() { close(o.do); running.Wait() })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	cables.Lock()
	cables.last++
	n := cables.last
	cables.Unlock()
	if err := o.connect(n); err != nil {
		t.Fatal(err)
	}
	return o
}

// connect lays the n-th cable.
func (o *outside) connect(n int) error {
	var ns *os.File
	var err error
	o.call(func() { ns, err = os.Open("/proc/thread-self/ns/net") })
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	near, far := fmt.Sprint("near", n), fmt.Sprint("far", n)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = near
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: far, PeerNamespace: netlink.NsFd(int(ns.Fd()))}); err != nil {
		return fmt.Errorf("cable: %w", err)
	}
	o.ip4, o.ip6 = fmt.Sprintf("10.99.%d.1", n), fmt.Sprintf("fd99:%d::1", n)
	if err := up(near, o.ip4+"/24"); err != nil {
		return err
	}
	if up(near, o.ip6+"/64") != nil {
		o.ip6 = ""
	}
	o.call(func() {
		err = errors.Join(up("lo"), up(far, fmt.Sprintf("10.99.%d.2/24", n)))
		if o.ip6 != "" && up(far, fmt.Sprintf("fd99:%d::2/64", n)) != nil {
			o.ip6 = ""
		}
	})
	return err
}

// up brings a link up with addresses, without the wait for duplicates of IPv6.
func up(name string, addrs ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// call runs f outside and waits for it.
func (o *outside) call(f func()) {
	done := make(chan bool)
	o.do <- func() { defer close(done); f() }
	<-done
}

// dial connects from outside. A connection stays in the namespace of the thread that made it.
func (o *outside) dial(ctx context.Context, addr string) (c net.Conn, err error) {
	o.call(func() { c, err = (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", addr) })
	return c, err
}
