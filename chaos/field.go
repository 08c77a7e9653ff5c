package chaos

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Field is one key of a kind of fault, bound to the fault that it came from.
type Field struct {
	Name     string
	Unit     Unit
	Doc      string // what it means, and its range
	Default  string // as it would be written; "" is none
	Required bool
	Value    any // pointer: *time.Duration, *float64, *int, *int64, *string, *Direction, *bool, *[]string, *[]uint16 or **Selector
}

// Unit says how a field's value is written.
type Unit string

// The units. A list is written in brackets in YAML and with commas on a command line.
const (
	UnitTime     Unit = "time"   // 500ms, 30s
	UnitRatio    Unit = "ratio"  // 0.3 or 30%
	UnitNumber   Unit = "number" // 1.5
	UnitInteger  Unit = "whole number"
	UnitBytes    Unit = "bytes"   // 64MB, 1GiB; per second where the doc says so
	UnitBits     Unit = "bits/s"  // 10mbit, 512kbit
	UnitWord     Unit = "word"    // one of a few, or a name
	UnitWords    Unit = "words"   // a list
	UnitPorts    Unit = "ports"   // a list of numbers
	UnitSelector Unit = "targets" // as in on
	UnitBool     Unit = "true or false"
)

// Parse sets the field from text, as on a command line: lists have commas, selectors are key=value pairs.
func (f Field) Parse(text string) error {
	var err error
	switch v := f.Value.(type) {
	case *time.Duration:
		*v, err = time.ParseDuration(text)
		if err != nil {
			err = fmt.Errorf("%q is not a time: write it like 500ms or 30s", text)
		}
	case *float64:
		*v, err = f.float(text)
	case *int:
		*v, err = strconv.Atoi(text)
		err = mend(err, text, "a whole number")
	case *int64:
		*v, err = parseBytes(text)
	case *string:
		*v = text
	case *Direction:
		*v = Direction(text)
	case *bool:
		*v, err = strconv.ParseBool(text)
		err = mend(err, text, "true or false")
	case *[]string:
		*v = split(text)
	case *[]uint16:
		*v, err = parsePorts(split(text))
	case **Selector:
		var s Selector
		if s, err = ParseSelector(text); err == nil {
			*v = &s
		}
	default:
		err = fmt.Errorf("field %s holds a %T", f.Name, f.Value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// SetList sets a field that holds a list.
func (f Field) SetList(items []string) error {
	switch v := f.Value.(type) {
	case *[]string:
		*v = items
		return nil
	case *[]uint16:
		var err error
		*v, err = parsePorts(items)
		return err
	}
	return fmt.Errorf("%s is no list", f.Name)
}

func mend(err error, text, want string) error {
	if err != nil {
		return fmt.Errorf("%q does not fit: write %s", text, want)
	}
	return nil
}

func split(text string) []string {
	var out []string
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func parsePorts(items []string) ([]uint16, error) {
	var out []uint16
	for _, s := range items {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is no port: write 1 to 65535", s)
		}
		out = append(out, uint16(n))
	}
	return out, nil
}

func (f Field) float(text string) (float64, error) {
	if f.Unit == UnitBits {
		return parseBits(text)
	}
	scale := 1.0
	if f.Unit == UnitRatio {
		if t, ok := strings.CutSuffix(text, "%"); ok {
			text, scale = t, 0.01
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		if f.Unit == UnitRatio {
			return 0, fmt.Errorf("%q is not a ratio: write it like 0.3 or 30%%", text)
		}
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return x * scale, nil
}

// suffix is a unit and its factor; longer ones first.
type suffix struct {
	name   string
	factor float64
}

var byteSuffixes = []suffix{
	{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10}, {"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3}, {"b", 1},
}

var bitSuffixes = []suffix{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

func parseBytes(text string) (int64, error) {
	x, err := withSuffix(text, byteSuffixes)
	if err != nil || x < 0 || x > 1<<50 {
		return 0, fmt.Errorf("%q is no size: write it like 64MB or 1GiB", text)
	}
	return int64(x), nil
}

func parseBits(text string) (float64, error) {
	x, err := withSuffix(strings.TrimSuffix(text, "/s"), bitSuffixes)
	if err != nil || x < 0 {
		return 0, fmt.Errorf("%q is no rate: write it like 10mbit or 512kbit", text)
	}
	return x, nil
}

func withSuffix(text string, all []suffix) (float64, error) {
	text = strings.ToLower(strings.ReplaceAll(text, " ", ""))
	for _, s := range all {
		if t, ok := strings.CutSuffix(text, s.name); ok {
			x, err := strconv.ParseFloat(t, 64)
			return x * s.factor, err
		}
	}
	return 0, strconv.ErrSyntax
}
