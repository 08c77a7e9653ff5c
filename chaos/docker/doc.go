// Package docker is chaos.Runtime on the Docker Engine API, for one Compose project: containers outside of it, and Gauntlet's
// own helpers inside of it, are neither listed nor touched.
//
// It is strict about time: an effect began when the process was gone or the cgroup frozen, never when the API returned,
// which is a third of a second later. On a local Linux engine it watches /proc and the cgroup file system every millisecond;
// elsewhere it says between which two moments the effect must have been.
package docker
