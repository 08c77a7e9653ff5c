package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"gauntlet/loadgen"
)

// The file of samples is magic, then blocks: payload length, number of samples and CRC-32C of the payload, each a
// little-endian uint32, then the payload. A sample is a row of varints; times are deltas to the sample before. Each text is
// written once for each block, so that a block can be read without the ones before it.
const (
	magic       = "GNTLREQ1"
	blockHeader = 12
	maxPayload  = 1 << 24 // a longer one is damage
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoder packs samples into one block.
type encoder struct {
	buf   []byte
	count uint32
	due   time.Duration
	texts map[string]uint64
}

func newEncoder() *encoder { return &encoder{texts: map[string]uint64{}} }

func (e *encoder) add(s loadgen.Sample) {
	e.varint(int64(s.Due - e.due))
	e.due = s.Due
	e.varint(int64(s.Sent - s.Due))
	e.varint(int64(s.End - s.Due))
	e.buf = binary.AppendUvarint(e.buf, uint64(s.Code))
	e.buf = append(e.buf, byte(s.Out))
	e.buf = binary.AppendUvarint(e.buf, s.ID)
	for _, text := range []string{s.Op, s.Class, s.Region, s.Server, s.Err} {
		e.text(text)
	}
	e.count++
}

func (e *encoder) varint(x int64) { e.buf = binary.AppendVarint(e.buf, x) }

// text writes a reference to a text of this block, or 0 and the text itself the first time.
func (e *encoder) text(s string) {
	if ref, ok := e.texts[s]; ok {
		e.buf = binary.AppendUvarint(e.buf, ref)
		return
	}
	e.texts[s] = uint64(len(e.texts) + 1)
	e.buf = append(e.buf, 0)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// block returns the finished block and starts a new one; nil if there is nothing in it.
func (e *encoder) block() []byte {
	if e.count == 0 {
		return nil
	}
	out := make([]byte, blockHeader, blockHeader+len(e.buf))
	binary.LittleEndian.PutUint32(out, uint32(len(e.buf)))
	binary.LittleEndian.PutUint32(out[4:], e.count)
	binary.LittleEndian.PutUint32(out[8:], crc32.Checksum(e.buf, castagnoli))
	out = append(out, e.buf...)
	e.buf, e.count, e.due = e.buf[:0], 0, 0
	clear(e.texts)
	return out
}

// ErrDamaged means that a part of a recording can't be read; what it said is unknown.
var ErrDamaged = errors.New("recording is damaged")

// errTorn means that the last block was cut off, as when the recorder was killed.
var errTorn = errors.New("last block is cut off")

// blocks reads the blocks of a file one by one.
type blocks struct {
	r       io.Reader
	payload []byte
}

// next returns the next block's payload and number of samples; io.EOF at the end, errTorn or ErrDamaged.
func (b *blocks) next() ([]byte, uint32, error) {
	var head [blockHeader]byte
	if n, err := io.ReadFull(b.r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, 0, io.EOF
		}
		return nil, 0, errTorn
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length > maxPayload {
		return nil, 0, fmt.Errorf("%w: a block of %d bytes", ErrDamaged, length)
	}
	if cap(b.payload) < int(length) {
		b.payload = make([]byte, length)
	}
	b.payload = b.payload[:length]
	if _, err := io.ReadFull(b.r, b.payload); err != nil {
		return nil, 0, errTorn
	}
	if crc32.Checksum(b.payload, castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return nil, 0, fmt.Errorf("%w: wrong checksum of a block of requests", ErrDamaged)
	}
	return b.payload, binary.LittleEndian.Uint32(head[4:]), nil
}

// decoder unpacks one block's payload.
type decoder struct {
	buf   []byte
	due   time.Duration
	texts []string
	bad   bool
}

func (d *decoder) reset(payload []byte) {
	d.buf, d.due, d.texts, d.bad = payload, 0, d.texts[:0], false
}

func (d *decoder) sample() (s loadgen.Sample) {
	d.due += time.Duration(d.varint())
	s.Due = d.due
	s.Sent = s.Due + time.Duration(d.varint())
	s.End = s.Due + time.Duration(d.varint())
	s.Code = int(d.uvarint())
	s.Out = loadgen.Outcome(d.octet())
	s.ID = d.uvarint()
	s.Op, s.Class, s.Region, s.Server, s.Err = d.text(), d.text(), d.text(), d.text(), d.text()
	return s
}

func (d *decoder) varint() int64 {
	x, n := binary.Varint(d.buf)
	return x * d.skip(n)
}

func (d *decoder) uvarint() uint64 {
	x, n := binary.Uvarint(d.buf)
	return x * uint64(d.skip(n))
}

// skip moves on by n bytes; 0 and bad if the number could not be read, else 1.
func (d *decoder) skip(n int) int64 {
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.buf = d.buf[n:]
	return 1
}

func (d *decoder) octet() byte {
	if len(d.buf) == 0 {
		d.bad = true
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

func (d *decoder) text() string {
	ref := d.uvarint()
	if ref == 0 && !d.bad {
		n := d.uvarint()
		if n > uint64(len(d.buf)) {
			d.bad = true
			return ""
		}
		d.texts = append(d.texts, string(d.buf[:n]))
		d.buf = d.buf[n:]
		return d.texts[len(d.texts)-1]
	}
	if d.bad || ref > uint64(len(d.texts)) {
		d.bad = true
		return ""
	}
	return d.texts[ref-1]
}
