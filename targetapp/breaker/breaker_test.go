package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/breaker"
)

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &breaker.Breaker{Failures: 2, Pause: time.Second}
		want := func(when string, allowed bool) {
			t.Helper()
			if got := b.Allow(); got != allowed {
				t.Errorf("%s: allowed %v, want %v", when, got, allowed)
			}
		}
		want("at first", true)
		b.Done(false)
		want("after one failure", true)
		b.Done(true)
		want("a success counts anew", true)
		b.Done(false)
		want("after one more failure", true)
		b.Done(false)
		want("after two in a row", false)
		if !b.Open() {
			t.Error("it is not open after two failures in a row")
		}
		time.Sleep(time.Second)
		want("one may try", true)
		want("only one", false)
		b.Done(false)
		want("the try failed", false)
		time.Sleep(time.Second)
		want("another try", true)
		b.Done(true)
		want("the try succeeded", true)
		want("and so may all", true)
	})
}

func TestZeroNeverOpens(t *testing.T) {
	var b breaker.Breaker
	for range 10 {
		if !b.Allow() {
			t.Fatal("it opened")
		}
		b.Done(false)
	}
}
