// Package syncer is the app's sync role, one per region: it copies into its region's activity log what the other regions' logs have
// and its own lacks, for ever, origin by origin and in order. How far it is stands in the log itself, so it may die, start again
// or run twice at any time. While a region cannot be reached it asks again; what was appended on both sides meanwhile is copied
// when it can.
package syncer
