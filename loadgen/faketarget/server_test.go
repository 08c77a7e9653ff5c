package faketarget

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Both networks must behave alike.
func TestBehaviours(t *testing.T) {
	t.Run("loopback", func(t *testing.T) {
		s, err := Start()
		if err != nil {
			t.Fatal(err)
		}
		behaves(t, s)
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { behaves(t, StartInMemory()) })
	})
}

func behaves(t *testing.T, s *Server) {
	defer s.Close()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.Dial}}
	ask := func() (int, error) {
		res, err := client.Post(s.URL(), "text/plain", strings.NewReader("x"))
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	for _, tt := range []struct {
		do   Behaviour
		code int
		err  error
	}{
		{Behaviour{}, 200, nil},
		{Behaviour{Mode: Status}, 500, nil},
		{Behaviour{Mode: Status, Code: 404}, 404, nil},
		{Behaviour{Mode: Reset}, 0, syscall.ECONNRESET},
		{Behaviour{Mode: Refuse}, 0, syscall.ECONNREFUSED},
		{Behaviour{Mode: Cut}, 200, io.ErrUnexpectedEOF},
		{Behaviour{Mode: Hang}, 0, context.DeadlineExceeded},
		{Behaviour{Mode: Slow, Delay: time.Millisecond}, 200, nil},
	} {
		if err := s.Set(tt.do); err != nil {
			t.Fatal(err)
		}
		if code, err := ask(); code != tt.code || !errors.Is(err, tt.err) {
			t.Errorf("%v: got %d, %v; want %d, %v", tt.do.Mode, code, err, tt.code, tt.err)
		}
	}
	s.Close()
	want := Counts{Connections: 7, Requests: 7, Answered: 3, Failed: 2, Reset: 1, Cut: 1} // the hanging one was answered by Slow
	if got := s.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if err := s.Set(Behaviour{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("set after close: %v", err)
	}
}

func TestPlayEndsWithContext(t *testing.T) {
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = s.Play(ctx, time.Now(), Step{Do: Behaviour{Mode: Hang}}, Step{At: time.Hour})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got := s.Changes(); len(got) != 1 || got[0].Do.Mode != Hang {
		t.Errorf("changes %+v", got)
	}
}
