package main

import (
	"strings"

	"gauntlet/chaos"
)

// injectExample is the command line that does what the kind's example step does.
func injectExample(k chaos.KindDoc) string {
	line := "gauntlet inject " + k.Name
	for _, p := range flowPairs(k.Example) {
		switch p.key {
		case "on":
			line += " --on " + quoted(flowSelector(p.value))
		case "for", "ramp":
			line += " --" + p.key + " " + p.value
		case "fault":
			for _, f := range flowPairs(p.value) {
				if f.key != "kind" {
					line += " --" + f.key + " " + quoted(flowValue(f.value))
				}
			}
		}
	}
	return line
}

// flowPair is a key with its value, as text.
type flowPair struct{ key, value string }

// flowPairs takes YAML like "{a: 1, b: {c: d}}" apart at its first level.
func flowPairs(text string) []flowPair {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var out []flowPair
	depth, start := 0, 0
	for i, r := range text + "," {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				key, value, _ := strings.Cut(text[start:i], ":")
				out = append(out, flowPair{strings.TrimSpace(key), strings.TrimSpace(value)})
				start = i + 1
			}
		}
	}
	return out
}

// flowValue is a value as on a command line: selectors are key=value pairs, lists have commas.
func flowValue(text string) string {
	if strings.HasPrefix(text, "{") {
		return flowSelector(text)
	}
	return strings.ReplaceAll(strings.Trim(text, "[]\""), ", ", ",")
}

// flowSelector is a selector as on a command line.
func flowSelector(text string) string {
	pairs := flowPairs(text)
	if len(pairs) == 1 && pairs[0].key == "service" {
		return pairs[0].value
	}
	var words []string
	for _, p := range pairs {
		words = append(words, p.key+"="+flowValue(p.value))
	}
	return strings.Join(words, " ")
}

// quoted is the word as a shell takes it.
func quoted(word string) string {
	if strings.ContainsAny(word, " *$") {
		return `"` + word + `"`
	}
	return word
}
