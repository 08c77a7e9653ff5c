//go:build linux

package nft

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ErrForeign says that a table with our name exists that another process owns, or nobody.
var ErrForeign = errors.New("an nftables table of this name exists that is not ours")

// Hook is where a chain sees packets.
type Hook struct {
	Number   uint32 // unix.NF_INET_LOCAL_IN and so on
	Priority int32  // lower sees packets earlier; 0 is where a firewall filters
	NAT      bool   // the chain is of type nat: it sees the first packet of a connection, and may redirect it
}

// Chain is a list of rules. One without a hook is only reached by a jump.
type Chain struct {
	Name  string
	Hook  *Hook
	Rules []Rule
}

// Rule is a list of expressions; when all match, the last one's verdict counts. Its tag is kept with it in the kernel, where
// `nft list ruleset` shows it as a comment.
type Rule struct {
	Tag   string // at most 120 bytes
	Exprs []expr.Any
}

// Table is one table of the inet family (IPv4 and IPv6), for one goroutine at a time.
type Table struct {
	conn    *Conn
	name    string
	made    bool
	hooked  map[string]Hook // chains with a hook that are in the kernel
	regular []string        // the others
}

// Open prepares a table of that name; nothing is in the kernel until Swap.
func Open(name string) (*Table, error) {
	conn, err := Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	return &Table{conn: conn, name: name, hooked: map[string]Hook{}}, nil
}

// Close removes the table, if it is there, and frees the socket.
func (t *Table) Close() error { return t.conn.Close() }

// Swap makes chains the table's whole content, in one transaction. On error nothing has changed. Chains with a hook that are
// no longer named stay, empty, until Remove.
//
// Note: taking a hook away drops all packets that wait in any NFQUEUE of the namespace, so that a swap must not.
func (t *Table) Swap(chains []Chain) error {
	batch, err := t.transaction(chains)
	if err != nil {
		return err
	}
	if err := t.commit(batch); err != nil {
		return t.explain(err)
	}
	t.made = true
	t.regular = nil
	for _, c := range chains {
		if c.Hook != nil {
			t.hooked[c.Name] = *c.Hook
		} else {
			t.regular = append(t.regular, c.Name)
		}
	}
	return nil
}

func (t *Table) transaction(chains []Chain) ([]Message, error) {
	batch := []Message{t.message(unix.NFT_MSG_NEWTABLE, t.creation(), number(word(nil, unix.NFTA_TABLE_NAME, t.name), unix.NFTA_TABLE_FLAGS, tableOwner))}
	if t.made {
		batch = append(batch, t.message(unix.NFT_MSG_DELRULE, 0, word(nil, unix.NFTA_RULE_TABLE, t.name)))
	}
	for _, old := range t.regular {
		batch = append(batch, t.message(unix.NFT_MSG_DELCHAIN, 0, word(word(nil, unix.NFTA_CHAIN_TABLE, t.name), unix.NFTA_CHAIN_NAME, old)))
	}
	for _, c := range chains {
		if c.Hook != nil {
			if had, ok := t.hooked[c.Name]; ok && had == *c.Hook {
				continue
			}
		}
		batch = append(batch, t.message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE|unix.NLM_F_EXCL, t.chain(c)))
	}
	for _, c := range chains {
		for _, r := range c.Rules {
			body, err := t.rule(c.Name, r)
			if err != nil {
				return nil, err
			}
			batch = append(batch, t.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, body))
		}
	}
	return batch, nil
}

// policyAccept is NF_ACCEPT.
const policyAccept = 1

// tableOwner is NFT_TABLE_F_OWNER: the table belongs to this socket and goes with it.
const tableOwner = 0x2

// creation makes the first transaction fail if the table exists.
func (t *Table) creation() uint16 {
	if t.made {
		return unix.NLM_F_CREATE
	}
	return unix.NLM_F_CREATE | unix.NLM_F_EXCL
}

func (t *Table) chain(c Chain) []byte {
	b := word(word(nil, unix.NFTA_CHAIN_TABLE, t.name), unix.NFTA_CHAIN_NAME, c.Name)
	if c.Hook == nil {
		return b
	}
	hook := number(number(nil, unix.NFTA_HOOK_HOOKNUM, c.Hook.Number), unix.NFTA_HOOK_PRIORITY, uint32(c.Hook.Priority))
	b = nested(b, unix.NFTA_CHAIN_HOOK, hook)
	kind := "filter"
	if c.Hook.NAT {
		kind = "nat"
	}
	return word(number(b, unix.NFTA_CHAIN_POLICY, policyAccept), unix.NFTA_CHAIN_TYPE, kind)
}

func (t *Table) rule(chain string, r Rule) ([]byte, error) {
	var list []byte
	for _, e := range r.Exprs {
		one, err := expr.Marshal(unix.NFPROTO_INET, e)
		if err != nil {
			return nil, fmt.Errorf("nftables rule %s: %w", r.Tag, err)
		}
		list = nested(list, unix.NFTA_LIST_ELEM, one)
	}
	b := word(word(nil, unix.NFTA_RULE_TABLE, t.name), unix.NFTA_RULE_CHAIN, chain)
	b = nested(b, unix.NFTA_RULE_EXPRESSIONS, list)
	return Attribute(b, unix.NFTA_RULE_USERDATA, comment(r.Tag)), nil
}

// comment is a tag as nft writes its comments: type 0, length, zero-terminated text.
func comment(tag string) []byte {
	tag = tag[:min(len(tag), 120)]
	return append(append([]byte{0, byte(len(tag) + 1)}, tag...), 0)
}

func (t *Table) message(kind uint16, flags uint16, attributes []byte) Message {
	return Message{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | kind, Flags: flags, Body: append(Family(unix.NFPROTO_INET, 0), attributes...)}
}

// commit sends the messages as one transaction.
func (t *Table) commit(batch []Message) error {
	begin := Message{Type: unix.NFNL_MSG_BATCH_BEGIN, Body: Family(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)}
	end := Message{Type: unix.NFNL_MSG_BATCH_END, Body: Family(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)}
	return t.conn.Do(len(batch), slices.Concat([]Message{begin}, batch, []Message{end})...)
}

// explain says what a refusal most likely means.
func (t *Table) explain(err error) error {
	if state, rerr := t.Read(); rerr == nil && state.Exists && !state.Ours {
		return fmt.Errorf("%s: %w (owner: netlink port %d)", t.name, ErrForeign, state.Owner)
	}
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("nftables: no permission (CAP_NET_ADMIN): %w", err)
	case errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL):
		return fmt.Errorf("nftables: this kernel refuses (tables with an owner need Linux 5.12): %w", err)
	}
	return fmt.Errorf("nftables: %w", err)
}

// Remove takes the table away and proves it by reading back. It is idempotent.
func (t *Table) Remove() error {
	if t.made {
		err := t.commit([]Message{t.message(unix.NFT_MSG_DELTABLE, 0, word(nil, unix.NFTA_TABLE_NAME, t.name))})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("nftables: remove table %s: %w", t.name, err)
		}
	}
	t.made, t.regular = false, nil
	maps.DeleteFunc(t.hooked, func(string, Hook) bool { return true })
	state, err := t.Read()
	if err == nil && state.Exists && state.Ours {
		err = fmt.Errorf("nftables: table %s is still there", t.name)
	}
	return err
}
