// Package janitor heals what a Gauntlet that dies leaves behind: a process in a container of its own, outside of every target's
// namespaces, that knows the undo log and can reach the engine.
//
// Gauntlet starts it (Start), tells it each line of the undo log before it acts (Guard.Record), and renews a lease. When Gauntlet
// says goodbye (Guard.Close), the janitor goes. When Gauntlet is killed, hangs or is cut off, the janitor undoes what is open, by the
// same code as Gauntlet itself, ends every agent of the project, writes down what it did, and goes. A janitor that dies is replaced,
// and the new one is told what is open.
package janitor
