// Package worker is the app's worker role. It does two things side by side. The relay carries jobs from the database's outbox into
// the broker and removes them there when a majority of the broker's nodes has them. The consumer does the jobs that the broker
// delivers, lets those that failed wait and come again, and lays aside those that are hopeless.
//
// Both ends may fail at any point: a job is carried over again if its removal was not seen to succeed, and done again if its
// acknowledgement was lost. That it has its effect once is decided where the effect is, in the database.
package worker
