// Package faketarget is an HTTP server that misbehaves by script, so that instruments can be checked against a truth that is
// known: when the behaviour really changed and what the server itself counted. It is for tests, of this module and of others.
package faketarget
