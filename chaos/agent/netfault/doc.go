// Package netfault disturbs the packets of the network namespace it runs in: it is the agent's worker for chaos.VerbNet.
//
// All rules that are applied make up one desired state, which is compiled into one nftables table and swapped in one
// transaction (package nft). The kernel itself drops and resets. Whatever takes time or chance (delay, jitter, loss,
// duplicates, corruption, reordering, bandwidth) and DNS goes through NFQUEUE to this process, which answers when a packet
// goes on. Each such rule has a chain and, per direction, a queue of its own, so that rules compose in the kernel: a packet
// passes one after the other, and delays add.
//
// Nothing outlives the process: the table is owned by its socket, and a queue without a listener lets packets pass.
//
// Packets of one rule and direction go on in the order in which they came, whatever the jitter; only Reorder lets some
// overtake. Super packets (segmentation offload) are held whole, which makes a delay cheap; a rule with chances or a low
// bandwidth sees them cut into packets of the wire's size, so that a share is a share of packets.
//
// A reset or refusal in one direction concerns the packets of that direction only: what it answers to a connection that the
// other end opens may then be lost instead of reset.
//
// Note: netem and tbf are not used even where the kernel has them. They sit on a whole interface, in one direction, choose
// no peers without a tree of filters, and outlive their maker; a foreign qdisc is never in our way either.
package netfault
