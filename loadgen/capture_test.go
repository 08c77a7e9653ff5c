package loadgen

import (
	"errors"
	"net/http"
	"testing"
)

func TestCapture(t *testing.T) {
	h := http.Header{"Location": {"/carts/7"}, "Set-Cookie": {"a=1; Path=/", "sid=s3cret; HttpOnly"}}
	body := []byte(`{"token":"abc","user":{"id":42,"tags":["x",{"y":true}]},"none":null} <input name="csrf" value="c-1">`)
	for text, want := range map[string]string{
		"json token":                 "abc",
		"json user.id":               "42",
		"json $.user.tags[0]":        "x",
		"json user.tags[1].y":        "true",
		"json user.tags[2]":          "",
		"json none":                  "",
		"json user.name":             "",
		"json token.x":               "",
		"header location":            "/carts/7",
		"header X-None":              "",
		"cookie sid":                 "s3cret",
		"cookie none":                "",
		`regexp value="([^"]+)"`:     "c-1",
		`regexp "id":\d+`:            `"id":42`,
		"regexp nothing like (this)": "",
	} {
		c, err := parseCapture("v", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		document := body
		if c.from == "json" {
			document = body[:len(body)-len(` <input name="csrf" value="c-1">`)]
		}
		if got := c.take(h, document); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for _, bad := range []string{"", "json", "json ", "json a[x]", "json a[1", "json a[1]b", "json [-1]", "jsn a", "regexp (", "header"} {
		if err := ParseCapture(bad); !errors.Is(err, ErrCapture) {
			t.Errorf("%q: error %v, want ErrCapture", bad, err)
		}
	}
}

func FuzzCapture(f *testing.F) {
	f.Add("json a[0].b", `{"a":[{"b":1}]}`)
	f.Add("regexp x(y)?", "x")
	f.Fuzz(func(t *testing.T, text, body string) {
		if c, err := parseCapture("v", text); err == nil {
			_ = c.take(http.Header{}, []byte(body))
		}
	})
}
