// Package spec parses experiment files strictly: an unknown key, a wrong unit or an impossible schedule is reported with
// its line, all of them at once. It knows what can be asked for; it starts nothing.
package spec
