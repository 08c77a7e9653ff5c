// Package register holds clients that write and read numbered registers through a system's entrance, as Jepsen's do, and write down
// when each call began and ended and what it was answered: what package score checks for linearizability and for the guarantees that
// a session has.
//
// Some registers are shared: every process writes values that occur once, and reads them with the read that the system calls current.
// The others have an owner, who alone writes ascending values; every process reads them with the read that it gives to sessions. So
// the order of their values is known, and an old answer can be recognised.
package register
