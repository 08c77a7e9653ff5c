// Package deaths holds the tests that no fault outlives its cause: each kind of fault is injected by a real Gauntlet into real
// containers, its effect is measured as an application feels it, and then Gauntlet, an agent, the janitor or the target dies, by
// plan or at a random moment. In the end everything must be as before, measured again, and nothing of Gauntlet's be left.
//
// go test runs a quick profile: each kind, and each death for some kinds. With -long each kind meets each death, and 200 deaths
// come at random moments.
package deaths
