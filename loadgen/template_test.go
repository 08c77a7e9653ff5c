package loadgen

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		r    Request
		want string // "" means fine
	}{
		{Request{Path: "/feed"}, ""},
		{Request{Path: "/posts/{{rand 100}}", Body: `{"a":{"b":"{{ id }}"}}`, Header: map[string]string{"Authorization": "Bearer {{token}}"}}, ""},
		{Request{Path: "/{{uesr}}"}, "unknown"},
		{Request{Path: "/{{}}"}, "unknown"},
		{Request{Path: "/", Body: "{{id"}, "never closed"},
		{Request{Path: "/", Body: "{{rand}}"}, "whole number"},
		{Request{Path: "/", Body: "{{rand 0}}"}, "whole number"},
		{Request{Path: "/", Body: "{{rand 1 2}}"}, "whole number"},
		{Request{Path: "/", Header: map[string]string{"X": "{{id 1}}"}}, "header X"},
	} {
		err := tt.r.Check()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", tt.r, err)
			}
			continue
		}
		if !errors.Is(err, ErrVariable) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want ErrVariable with %q", tt.r, err, tt.want)
		}
	}
}

func TestVariables(t *testing.T) {
	r, err := compile(Request{Path: "/{{user}}/{{token}}/{{rand 10}}", Body: "{{id}} {{token}} {{rand 1000000}} {{rand 1000000}}"})
	if err != nil {
		t.Fatal(err)
	}
	v := values{id: 7, user: 3, token: "a b", dice: newDice(1, 0, 5)}
	path, body := r.path.text(v, true), r.body.text(v, false)
	if !strings.HasPrefix(path, "/3/a+b/") || !strings.HasPrefix(body, "7 a b ") {
		t.Errorf("got %q and %q", path, body)
	}
	words := strings.Fields(body)
	if words[3] == words[4] {
		t.Errorf("two draws of one request are the same: %q", body)
	}
	if again := r.body.text(v, false); again != body {
		t.Errorf("the same request gave %q, then %q", body, again)
	}
	for _, other := range []dice{newDice(2, 0, 5), newDice(1, 1, 5), newDice(1, 0, 6)} {
		v.dice = other
		if r.body.text(v, false) == body {
			t.Error("another seed, op or seq gave the same draws")
		}
	}
}

// A link that was captured is where to go; elsewhere in a path a captured value is only a value.
func TestCapturedLinks(t *testing.T) {
	r, err := compile(Request{Path: "{{session next}}", Header: map[string]string{"X": "/{{session next}}"}})
	if err != nil {
		t.Fatal(err)
	}
	inside, _ := compile(Request{Path: "/a/{{session next}}"})
	for link, want := range map[string]string{"/carts/7?x=1": "/carts/7?x=1", "http://host/a b": "/a%20b", "%": "/", "": "/", "mailto:x": "/"} {
		v := values{captured: map[string]string{"next": link}}
		if got := r.path.text(v, true); got != want {
			t.Errorf("%q: got %q, want %q", link, got, want)
		}
	}
	v := values{captured: map[string]string{"next": "/x"}}
	if got := inside.path.text(v, true) + r.header["X"].text(v, false); got != "/a/%2Fx//x" {
		t.Errorf("got %q", got)
	}
}

func TestRandIsUniformFromOneToN(t *testing.T) {
	r, _ := compile(Request{Body: "{{rand 4}}"})
	got := map[string]int{}
	for seq := range uint64(4000) {
		got[r.body.text(values{dice: newDice(9, 2, seq)}, false)]++
	}
	for _, n := range []string{"1", "2", "3", "4"} {
		if got[n] < 850 || got[n] > 1150 {
			t.Errorf("%s drawn %d times of 4000, want about 1000", n, got[n])
		}
	}
	if len(got) != 4 {
		t.Errorf("drew %v", got)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "{{id}}", "{{rand 3}}", "{{", "}}", "{{{id}}}", "{{rand 99999999999999999999}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := compile(Request{Body: s})
		if err == nil && !strings.Contains(s, "{{") && r.body.text(values{}, false) != s {
			t.Errorf("text without variables changed: %q", s)
		}
	})
}
