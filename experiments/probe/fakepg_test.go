package probe

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// fakePG speaks enough of PostgreSQL's protocol for the queries of this package, on one address that survives stop.
type fakePG struct {
	t    *testing.T
	addr string
	ln   net.Listener
	wg   sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	dials  int
	role   string // Primary or Replica
	lsn    int64
	tli    int64
	sync   []string
	beat   int64
	at     time.Time
	ids    [][2]int64
	user   int64 // whose all posts are
	hang   bool  // takes questions and never answers
	warn   bool  // acknowledges writes with a warning
	copyTo *fakePG
}

func startPG(t *testing.T, role string) *fakePG {
	f := &fakePG{t: t, role: role, lsn: 1000, tli: 1, conns: map[net.Conn]bool{}}
	f.listen("127.0.0.1:0")
	t.Cleanup(f.stop)
	return f
}

func (f *fakePG) listen(addr string) {
	f.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.ln, f.addr = ln, ln.Addr().String()
	f.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.set(func() { f.dials++; f.conns[c] = true })
			f.wg.Go(func() { f.serve(c) })
		}
	})
}

// stop is a crash: connections are cut and new ones refused.
func (f *fakePG) stop() {
	f.ln.Close()
	f.set(func() {
		f.hang = false
		for c := range f.conns {
			c.Close()
		}
	})
	f.wg.Wait()
}

func (f *fakePG) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakePG) endpoint(name string) Endpoint {
	return Endpoint{Name: name, Kind: Postgres, Ports: map[int]string{5432: f.addr}}
}

// awaken returns when the server does not hang.
func (f *fakePG) awaken() {
	for hung := true; hung; {
		f.set(func() { hung = f.hang })
		if hung {
			time.Sleep(ms)
		}
	}
}

func (f *fakePG) serve(c net.Conn) {
	defer c.Close()
	be := pgproto3.NewBackend(c, c)
	if _, err := be.ReceiveStartupMessage(); err != nil {
		return
	}
	f.awaken()
	be.Send(&pgproto3.AuthenticationOk{})
	be.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	be.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	s := &fakeSession{fakePG: f, be: be, prepared: map[string]string{}}
	for be.Flush() == nil {
		msg, err := be.Receive()
		if err != nil || !s.answer(msg) {
			return
		}
	}
}

type fakeSession struct {
	*fakePG
	be       *pgproto3.Backend
	prepared map[string]string
	sql      string
	bind     pgproto3.Bind
}

func (s *fakeSession) answer(msg pgproto3.FrontendMessage) bool {
	switch m := msg.(type) {
	case *pgproto3.Parse:
		s.prepared[m.Name] = m.Query
		s.be.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Describe:
		if m.ObjectType == 'S' {
			s.sql = s.prepared[m.Name]
			s.be.Send(&pgproto3.ParameterDescription{ParameterOIDs: params(s.sql)})
		}
		s.describe()
	case *pgproto3.Bind:
		s.sql, s.bind = s.prepared[m.PreparedStatement], *m
		s.be.Send(&pgproto3.BindComplete{})
	case *pgproto3.Execute:
		s.awaken()
		s.rows()
	case *pgproto3.Sync:
		s.be.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	case *pgproto3.Terminate:
		return false
	}
	return true
}

func params(sql string) []uint32 {
	if strings.HasPrefix(sql, "insert") {
		return []uint32{pgtype.Int8OID, pgtype.TimestamptzOID}
	}
	return nil
}

func columnsOf(sql string) []uint32 {
	switch sql {
	case roleSQL:
		return []uint32{pgtype.BoolOID, pgtype.Int8OID}
	case censusSQL:
		return []uint32{pgtype.BoolOID, pgtype.Int8OID, pgtype.Int8OID, pgtype.TextArrayOID, pgtype.TextArrayOID}
	case readSQL:
		return []uint32{pgtype.BoolOID, pgtype.Int8OID, pgtype.TimestamptzOID}
	case idsSQL:
		return []uint32{pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID}
	}
	return nil
}

func (s *fakeSession) describe() {
	cols := columnsOf(s.sql)
	if cols == nil {
		s.be.Send(&pgproto3.NoData{})
		return
	}
	fields := make([]pgproto3.FieldDescription, len(cols))
	for i, oid := range cols {
		fields[i] = pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: oid, DataTypeSize: -1, TypeModifier: -1}
	}
	s.be.Send(&pgproto3.RowDescription{Fields: fields})
}

func (s *fakeSession) rows() {
	s.mu.Lock()
	defer s.mu.Unlock()
	recovery := s.role == Replica
	switch s.sql {
	case roleSQL:
		s.row(recovery, s.lsn)
	case censusSQL:
		s.row(recovery, s.lsn, s.tli, s.sync, s.sync)
	case readSQL:
		s.row(recovery, s.beat, s.at)
	case idsSQL:
		for _, id := range s.ids {
			s.row(id[0], id[1], s.user, s.user)
		}
	case beatSQL:
		s.write()
	}
	s.be.Send(&pgproto3.CommandComplete{CommandTag: []byte("OK")})
}

// write takes the heartbeat and hands it to the replica, if there is one.
func (s *fakeSession) write() {
	var beat int64
	var at time.Time
	m := pgtype.NewMap()
	if err := m.Scan(pgtype.Int8OID, pgtype.BinaryFormatCode, s.bind.Parameters[0], &beat); err != nil {
		s.t.Error(err)
	}
	if err := m.Scan(pgtype.TimestamptzOID, pgtype.BinaryFormatCode, s.bind.Parameters[1], &at); err != nil {
		s.t.Error(err)
	}
	s.beat, s.at = beat, at
	if s.copyTo != nil {
		s.copyTo.set(func() { s.copyTo.beat, s.copyTo.at = beat, at })
	}
	if s.warn {
		s.be.Send(&pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Message: "canceling wait for synchronous replication"})
	}
}

func (s *fakeSession) row(values ...any) {
	m := pgtype.NewMap()
	out := make([][]byte, len(values))
	for i, v := range values {
		format := int16(pgtype.BinaryFormatCode)
		if codes := s.bind.ResultFormatCodes; len(codes) == len(values) {
			format = codes[i]
		}
		b, err := m.Encode(columnsOf(s.sql)[i], format, v, nil)
		if err != nil {
			s.t.Error(err)
		}
		out[i] = b
	}
	s.be.Send(&pgproto3.DataRow{Values: out})
}
