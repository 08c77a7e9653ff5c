// Package lease is a line between two processes that ends when either does: numbered calls as JSON lines over a pipe, and a
// lease that the caller renews without being asked. Its server says why the line ended, so that what it holds for the caller can
// be undone: the caller hung up, or did not renew in time because it hangs, is stopped, or is unreachable.
//
// Calls wait in queues, so that a slow one delays only those that must come after it, and never a renewal. Errors that callers
// tell apart (chaos.ErrGone and its like) are the same on both sides.
package lease
