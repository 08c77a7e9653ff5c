package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// fakeKernel remembers until when the way is open, as the kernel does.
type fakeKernel struct {
	until time.Time
	slow  time.Duration // how long it takes to be told
}

func (k *fakeKernel) Open(_ context.Context, d time.Duration) error {
	time.Sleep(k.slow)
	k.until = time.Now().Add(d)
	return nil
}

func (k *fakeKernel) Close(context.Context) error {
	k.until = time.Now()
	return nil
}

func (k *fakeKernel) open() bool { return time.Now().Before(k.until) }

// server and region are what the gate asks.
type bed struct {
	*gate
	kernel  *fakeKernel
	replica bool
	err     error     // of the server
	lease   time.Time // until when the region holds it
	silent  error     // of the agent
}

func newBed() *bed {
	b := &bed{kernel: &fakeKernel{}}
	b.gate = &gate{kernel: b.kernel, now: time.Now,
		lease:      func(context.Context) (time.Duration, error) { return time.Until(b.lease), b.silent },
		recovering: func(context.Context) (bool, error) { return b.replica, b.err },
	}
	return b
}

func (b *bed) hold(d time.Duration) { b.lease = time.Now().Add(d) }

func TestAPrimaryIsReachedUnderTheLeaseOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed()
		if _, _, err := b.renew(t.Context()); err != nil || b.kernel.open() {
			t.Fatalf("open without a lease; %v", err)
		}
		b.hold(5 * time.Second)
		b.renew(t.Context())
		if !b.kernel.open() {
			t.Fatal("closed under the lease")
		}
		time.Sleep(5*time.Second - margin) // nobody renews: the process may be frozen or dead
		if b.kernel.open() {
			t.Fatal("open longer than the lease")
		}
	})
}

func TestAnAgentThatIsSilentDoesNotProlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed()
		b.hold(5 * time.Second)
		b.renew(t.Context())
		b.silent = errors.New("no answer")
		time.Sleep(4 * time.Second)
		b.renew(t.Context())
		if !b.kernel.open() {
			t.Error("closed before the lease ended")
		}
		time.Sleep(time.Second)
		if b.kernel.open() {
			t.Error("open after the lease ended")
		}
	})
}

func TestAReplicaIsReachedWithoutALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed()
		b.replica = true
		b.renew(t.Context())
		if !b.kernel.open() {
			t.Fatal("a replica is closed")
		}
		if ok, _ := b.promote(t.Context()); ok || !b.replica {
			t.Fatal("promoted without a lease")
		}
		b.renew(t.Context())
		if !b.kernel.open() {
			t.Error("a replica that was not promoted is closed")
		}
	})
}

// From the question on the server is a primary, although it still says that it is a replica.
func TestPromotionEndsTheTimeOfReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed()
		b.replica = true
		b.renew(t.Context())
		b.hold(time.Second)
		if ok, err := b.promote(t.Context()); !ok {
			t.Fatalf("not promoted under the lease: %v", err)
		}
		b.renew(t.Context())
		time.Sleep(time.Second)
		if b.kernel.open() {
			t.Error("open for readers after the lease of what may be a primary has ended")
		}
		time.Sleep(promotingFor)
		b.renew(t.Context())
		if !b.kernel.open() {
			t.Error("a promotion that never came keeps a replica closed")
		}
	})
}

func TestAKernelThatIsToldLateIsClosedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed()
		b.hold(time.Second)
		b.kernel.slow = 2 * time.Second
		b.renew(t.Context())
		if b.kernel.open() {
			t.Error("open, with a time that was computed before the lease ended")
		}
	})
}

func TestReadConfigWantsTheAgent(t *testing.T) {
	if _, err := readConfig(func(string) string { return "" }); err == nil {
		t.Error("no error without APP_AGENT")
	}
}
