package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// ErrCapture is wrapped by every complaint about a capture.
var ErrCapture = errors.New("bad capture")

// captureLimit bounds how much of an answer is searched for values.
const captureLimit = 1 << 20

// capture takes one value from an answer.
type capture struct {
	name string
	from string // json, header, cookie or regexp
	path []string
	expr *regexp.Regexp
}

// ParseCapture checks how a capture is written: "json PATH" such as json data.items[0].id, "header NAME", "cookie NAME", or
// "regexp EXPR" whose first group is the value (the whole match without groups). The error wraps ErrCapture.
func ParseCapture(text string) error {
	_, err := parseCapture("", text)
	return err
}

func parseCapture(name, text string) (capture, error) {
	from, arg, _ := strings.Cut(strings.TrimSpace(text), " ")
	c := capture{name: name, from: from}
	arg = strings.TrimSpace(arg)
	if arg == "" {
		return c, fmt.Errorf("%w: %q, write json PATH, header NAME, cookie NAME or regexp EXPR", ErrCapture, shorten(text))
	}
	var err error
	switch from {
	case "json":
		c.path, err = jsonPath(arg)
	case "header", "cookie":
		c.path = []string{arg}
	case "regexp":
		c.expr, err = regexp.Compile(arg)
	default:
		err = fmt.Errorf("%q is unknown, there are json, header, cookie and regexp", shorten(from))
	}
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCapture, err)
	}
	return c, nil
}

// jsonPath splits a.b[0].c into keys and indices; an index keeps its bracket. "$." may stand in front.
func jsonPath(text string) ([]string, error) {
	var out []string
	for field := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(text, "$"), "."), ".") {
		key, rest, _ := strings.Cut(field, "[")
		if key != "" {
			out = append(out, key)
		}
		for rest != "" {
			index, more, closed := strings.Cut(rest, "]")
			if n, err := strconv.Atoi(index); err != nil || n < 0 || !closed || more != "" && more[0] != '[' {
				return nil, fmt.Errorf("path %q, write it like data.items[0].id", shorten(text))
			}
			out, rest = append(out, "["+index), strings.TrimPrefix(more, "[")
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("path %q is empty", shorten(text))
	}
	return out, nil
}

// reads says whether the capture needs the body.
func (c capture) reads() bool { return c.from == "json" || c.from == "regexp" }

// take finds the value in an answer, "" if it isn't there.
func (c capture) take(h http.Header, body []byte) string {
	switch c.from {
	case "header":
		return h.Get(c.path[0])
	case "cookie":
		for _, k := range (&http.Response{Header: h}).Cookies() {
			if k.Name == c.path[0] {
				return k.Value
			}
		}
		return ""
	case "regexp":
		m := c.expr.FindSubmatch(body)
		if m == nil {
			return ""
		}
		return string(m[min(1, len(m)-1)])
	default:
		return pick(body, c.path)
	}
}

// pick follows a path into a JSON text. A value that is no text is given as it is written there.
func pick(body []byte, path []string) string {
	value := json.RawMessage(body)
	for _, step := range path {
		if index, isIndex := strings.CutPrefix(step, "["); isIndex {
			var list []json.RawMessage
			n, _ := strconv.Atoi(index)
			if json.Unmarshal(value, &list) != nil || n >= len(list) {
				return ""
			}
			value = list[n]
			continue
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return ""
		}
		value = object[step]
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
