// Package postgres is the app's way to its replicated database. Router always knows which node is primary now: it asks
// each node itself every 100 ms and believes no third party. A node that misses its deadline, or on which a request
// fails in a way that nodes fail, is out of rotation at once and comes back with its next good answer.
//
// Where to send what is a pure function of what the nodes said last (choose.go); what an error means for the client is
// one table (errors.go); Store holds the statements.
package postgres
