// Package docker is chaos.Runtime on the Docker Engine API, for one Compose project: containers outside of it, and Gauntlet's
// own helpers inside of it, are neither listed nor touched.
//
// It is strict about time: an effect began when the process was gone or the cgroup frozen, never when the API returned,
// which is a third of a second later. On a local Linux engine it watches /proc and the cgroup file system every millisecond;
// elsewhere it says between which two moments the effect must have been.
//
// What the engine can't do itself is done by short helpers and by agents: containers from Gauntlet's own image, never pulled, that
// share a target's network namespace or see the host's processes. This process holds an agent's standard input; when it ends,
// however it ends, the engine closes that input and the agent clears everything. An agent belongs to one life of its target: a
// restart ends what it held, Check says so, and the next Do starts another.
package docker
