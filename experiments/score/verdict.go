package score

import "fmt"

// String is "pass", "fail" or "unknown".
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	default:
		return "unknown"
	}
}

// MarshalText is String, for JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	for _, known := range []Verdict{Unknown, Fail, Pass} {
		if known.String() == string(text) {
			*v = known
			return nil
		}
	}
	return fmt.Errorf("%q is no verdict: pass, fail or unknown", text)
}

// worst is the verdict of several: fail beats unknown beats pass. Of none it is Pass.
func worst(all ...Verdict) Verdict {
	out := Pass
	for _, v := range all {
		if v == Fail || out == Fail {
			return Fail
		}
		if v == Unknown {
			out = Unknown
		}
	}
	return out
}
