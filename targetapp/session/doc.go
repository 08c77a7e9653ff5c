// Package session makes and checks what a client shows to prove who it is: stateless signed tokens, so that any web node
// can serve any session and none is lost with a node, and password hashes.
package session
