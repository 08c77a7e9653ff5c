package wan

import (
	"io"
	"net"
	"sync"
	"time"
)

// Bounds of what is on its way in one direction of one connection. More than pieces x pieceSize within one delay waits, so that a
// connection is not faster than 8 MiB per delay.
const (
	pieces    = 256
	pieceSize = 32 << 10
)

// piece is what was read at once, and when it arrives.
type piece struct {
	data []byte
	due  time.Time
}

// forward copies what is read from one connection to the other, each byte as much later as delay says, then the end. When the
// other does not take it any more both are closed, so that the reader ends too.
func forward(to, from net.Conn, delay time.Duration) {
	line := make(chan piece, pieces)
	var deliver sync.WaitGroup
	deliver.Go(func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				from.Close()
				for range line { // until the reader has ended
				}
			}
		}
	})
	err := read(from, line, delay)
	close(line)
	deliver.Wait()
	time.Sleep(delay)
	if t, ok := to.(*net.TCPConn); ok && err == io.EOF {
		_ = t.CloseWrite() // the other direction goes on
		return
	}
	refuse(to)
	to.Close()
	from.Close()
}

func read(from net.Conn, line chan<- piece, delay time.Duration) error {
	for {
		b := make([]byte, pieceSize)
		n, err := from.Read(b)
		if n > 0 {
			line <- piece{b[:n:n], time.Now().Add(delay)}
		}
		if err != nil {
			return err
		}
	}
}
