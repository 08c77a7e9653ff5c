package spec

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// syntaxLine and unknownAnchor find the place in an error of the YAML parser.
var (
	syntaxLine    = regexp.MustCompile(`line (\d+): (.*)`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// document parses the text as one YAML document. What it complains about makes all further checks moot.
func (p *problems) document(text []byte) (*yaml.Node, bool) {
	if line := notUTF8(text); line > 0 {
		p.at(&yaml.Node{Line: line}, "save the file as UTF-8", "the text is not UTF-8")
		return nil, false
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || isNull(doc.Content[0])):
		p.at(&yaml.Node{}, "write at least claim, topology, load and goals", "the file is empty")
	case err != nil:
		p.syntax(text, err)
	default:
		if err = dec.Decode(&second); err == nil {
			p.at(&second, "keep one experiment per file", "a second YAML document begins here")
		} else if !errors.Is(err, io.EOF) {
			p.syntax(text, err)
		}
	}
	if len(p.all) > 0 {
		return nil, false
	}
	return doc.Content[0], true
}

// syntax notes an error of the YAML parser at its line.
func (p *problems) syntax(text []byte, err error) {
	n := &yaml.Node{Line: 1, Column: 1}
	mend := "mend the YAML: check indentation, colons and quotes on this line and the one before"
	problem := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := syntaxLine.FindStringSubmatch(problem); m != nil {
		n.Line, _ = strconv.Atoi(m[1]) // digits
		problem = m[2]
	} else if m := unknownAnchor.FindStringSubmatch(problem); m != nil {
		n.Line = lineOf(text, bytes.Index(text, []byte("*"+m[1])))
		mend = "define it before with &" + m[1] + ", or write the value out"
	} else if i := bytes.IndexFunc(text, isControl); i >= 0 {
		n.Line, mend = lineOf(text, i), "remove it"
	}
	p.at(n, mend, "%s", problem)
}

// notUTF8 is the line of the first byte that is not UTF-8, 0 if all is well. A file in UTF-16 begins with such a byte.
func notUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return lineOf(text, i)
		}
		i += size
	}
	return 0
}

func isControl(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f }

// lineOf is the line, from 1, of the byte at offset.
func lineOf(text []byte, offset int) int {
	return 1 + bytes.Count(text[:max(0, offset)], []byte("\n"))
}
