//go:build linux

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// tableOwnerAttribute is NFTA_TABLE_OWNER: the netlink port of the owner.
const tableOwnerAttribute = 7

// State is what the kernel holds under the table's name.
type State struct {
	Exists bool
	Ours   bool   // this very socket owns it
	Owner  uint32 // netlink port; 0 is nobody
	Rules  []Held // in the kernel's order
}

// Held is one rule in the kernel.
type Held struct{ Chain, Tag string }

// Read asks the kernel.
func (t *Table) Read() (State, error) {
	for range 5 {
		s, err := t.read()
		if !errors.Is(err, ErrChanged) {
			return s, err
		}
	}
	return State{}, fmt.Errorf("nftables: %w five times", ErrChanged)
}

func (t *Table) read() (State, error) {
	var s State
	err := t.conn.Dump(t.message(unix.NFT_MSG_GETTABLE, 0, nil), func(_ uint16, body []byte) {
		name, owner := "", uint32(0)
		for kind, value := range Attributes(body[min(4, len(body)):]) {
			switch {
			case kind == unix.NFTA_TABLE_NAME:
				name = text(value)
			case kind == tableOwnerAttribute && len(value) >= 4:
				owner = binary.BigEndian.Uint32(value)
			}
		}
		if name == t.name && body[0] == unix.NFPROTO_INET {
			s.Exists, s.Owner, s.Ours = true, owner, owner == t.conn.port
		}
	})
	if err != nil || !s.Exists {
		return s, wrap(err)
	}
	err = t.conn.Dump(t.message(unix.NFT_MSG_GETRULE, 0, word(nil, unix.NFTA_RULE_TABLE, t.name)), func(_ uint16, body []byte) {
		if h, ok := t.held(body); ok {
			s.Rules = append(s.Rules, h)
		}
	})
	return s, wrap(err)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("nftables: read back: %w", err)
}

func (t *Table) held(body []byte) (Held, bool) {
	var h Held
	ours := false
	for kind, value := range Attributes(body[min(4, len(body)):]) {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			ours = text(value) == t.name
		case unix.NFTA_RULE_CHAIN:
			h.Chain = text(value)
		case unix.NFTA_RULE_USERDATA:
			if len(value) > 2 && value[0] == 0 {
				h.Tag = text(value[2:])
			}
		}
	}
	return h, ours
}
