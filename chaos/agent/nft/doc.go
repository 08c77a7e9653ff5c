// Package nft owns one nftables table in the network namespace it runs in: a table that vanishes with the process that made
// it, however that ends, because its netlink socket is the table's owner (flags owner, Linux 5.12 and later).
//
// It swaps the whole content in one transaction: a packet sees the old rules or the new ones, never a mixture. It reads
// back what the kernel holds. It speaks netlink itself, because the socket that makes an owned table must also fill it;
// expressions are those of github.com/google/nftables. It needs no nft or iptables binary, and never touches other tables.
package nft
