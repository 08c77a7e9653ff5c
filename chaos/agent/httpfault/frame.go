//go:build linux

package httpfault

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// headSize bounds the head of a request or an answer, in bytes, and is what each direction of a connection keeps in memory.
const headSize = 16 << 10

// errOpaque means that bytes are not HTTP/1.x, or more than is read here: they are to be handed through as they are.
var errOpaque = errors.New("not HTTP/1.x")

// peekHead waits for a whole head, up to and with its empty line, and leaves it in the buffer. errOpaque as soon as the bytes
// can't become one; starts says whether a beginning can.
func peekHead(src *bufio.Reader, starts func([]byte) bool) ([]byte, error) {
	for {
		got, _ := src.Peek(src.Buffered())
		if !starts(got) {
			return nil, errOpaque
		}
		if end := headEnd(got); end > 0 {
			return got[:end], nil
		}
		if len(got) == src.Size() {
			return nil, errOpaque
		}
		if _, err := src.Peek(len(got) + 1); err != nil {
			return nil, errOpaque // a head that was cut off: whoever reads it shall see it so
		}
	}
}

// headEnd is the length of the head at the beginning of b, or 0. Lines may end without CR, as in RFC 9112, 2.2.
func headEnd(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0
		}
		if line := b[at : at+i]; at > 0 && (len(line) == 0 || len(line) == 1 && line[0] == '\r') {
			return at + i + 1
		}
		at += i + 1
	}
}

// startsRequest says whether a request can begin so: with a method in capitals.
func startsRequest(b []byte) bool {
	for i, c := range b {
		if c == ' ' {
			return i > 0
		}
		if c < 'A' || c > 'Z' || i > 20 {
			return false
		}
	}
	return true
}

// startsAnswer says whether an answer can begin so.
func startsAnswer(b []byte) bool {
	const version = "HTTP/1."
	return strings.HasPrefix(version, string(b[:min(len(b), len(version))]))
}

// framing says how long a body is.
type framing struct {
	chunked bool
	length  int64 // -1 until the connection ends
}

// readRequest takes a request's head as it came, and what it means. The request's own Body is of no use.
func readRequest(src *bufio.Reader) (head []byte, req *http.Request, f framing, err error) {
	peeked, err := peekHead(src, startsRequest)
	if err != nil {
		return nil, nil, f, err
	}
	head = bytes.Clone(peeked)
	req, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil || req.ProtoMajor != 1 {
		return nil, nil, f, errOpaque
	}
	_, _ = src.Discard(len(head)) // they are in the buffer
	return head, req, framing{slices.Contains(req.TransferEncoding, "chunked"), max(0, req.ContentLength)}, nil
}

// readAnswer is readRequest for the answer to req.
func readAnswer(src *bufio.Reader, req *http.Request) (head []byte, res *http.Response, f framing, err error) {
	peeked, err := peekHead(src, startsAnswer)
	if err != nil {
		return nil, nil, f, err
	}
	head = bytes.Clone(peeked)
	res, err = http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), req)
	if err != nil {
		return nil, nil, f, errOpaque
	}
	_, _ = src.Discard(len(head))
	if req.Method == http.MethodHead || res.StatusCode < 200 || res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
		return head, res, framing{}, nil
	}
	return head, res, framing{slices.Contains(res.TransferEncoding, "chunked"), res.ContentLength}, nil
}

// copyBody hands a body through as it comes.
func copyBody(dst io.Writer, src *bufio.Reader, f framing) error {
	switch {
	case f.chunked:
		return copyChunks(dst, src)
	case f.length < 0:
		_, err := io.Copy(dst, src)
		return err
	case f.length == 0:
		return nil
	}
	_, err := io.CopyN(dst, src, f.length)
	return err
}

// copyChunks hands a chunked body through, with its trailers.
func copyChunks(dst io.Writer, src *bufio.Reader) error {
	for {
		line, err := copyLine(dst, src)
		if err != nil {
			return err
		}
		text, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseUint(strings.TrimSpace(text), 16, 62)
		if err != nil {
			return fmt.Errorf("size of a chunk: %w", err)
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(dst, src, int64(size)); err != nil {
			return err
		}
		if _, err := copyLine(dst, src); err != nil {
			return err
		}
	}
	for {
		if line, err := copyLine(dst, src); err != nil || line == "" {
			return err
		}
	}
}

// copyLine hands one line through and returns it without its end.
func copyLine(dst io.Writer, src *bufio.Reader) (string, error) {
	line, err := src.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(line), "\r\n")
	_, err = dst.Write(line)
	return text, err
}

// saysClose is the head of an answer with Connection: close instead of what it said about its connection.
func saysClose(head []byte) []byte {
	var out []byte
	for line := range bytes.Lines(head) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		switch strings.ToLower(string(name)) {
		case "connection", "keep-alive":
			continue
		case "\r\n", "\n":
			return append(out, "Connection: close\r\n\r\n"...)
		}
		out = append(out, line...)
	}
	return head
}
