package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// style is how a piece of terminal text stands out; it is lost when colours are off, so words must carry the meaning.
type style string

const (
	plain  style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "1;31"
	green  style = "1;32"
	yellow style = "1;33"
)

// cell is a piece of text with a style.
type cell struct {
	text  string
	style style
}

func txt(s string) cell { return cell{clean(s), plain} }

// clean makes a string from the recording safe for a terminal: control characters, with which a name could repaint the
// screen, become "?", line breaks and tabs become spaces.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r):
			return '?'
		}
		return r
	}, s)
}

// paint wraps s in the style's escape codes.
func (p *printer) paint(c cell) string {
	if !p.color || c.style == plain || c.text == "" {
		return c.text
	}
	return "\x1b[" + string(c.style) + "m" + c.text + "\x1b[0m"
}

// table is a set of aligned columns without lines; numbers are right-aligned.
type table struct {
	right []bool // per column
	rows  [][]cell
}

// newTable makes a table; a title that begins with ">" is that of a right-aligned column.
func newTable(titles ...string) *table {
	t := &table{}
	head := make([]cell, len(titles))
	for i, title := range titles {
		name, right := strings.CutPrefix(title, ">")
		head[i] = cell{name, faint}
		t.right = append(t.right, right)
	}
	t.rows = append(t.rows, head)
	return t
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// table prints t, its columns two spaces apart and indented by two. A last column that is left-aligned is wrapped.
func (p *printer) table(t *table) {
	widths := make([]int, len(t.right))
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range t.rows {
		p.row(t, row, widths)
	}
}

func (p *printer) row(t *table, row []cell, widths []int) {
	var b strings.Builder
	b.WriteString("  ")
	at := 2
	for i, c := range row {
		last := i == len(row)-1
		if last && !t.right[i] {
			p.lastCell(&b, c, at)
			break
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text))
		if t.right[i] {
			b.WriteString(pad + p.paint(c))
		} else {
			b.WriteString(p.paint(c) + pad)
		}
		b.WriteString("  ")
		at += widths[i] + 2
	}
	p.line(strings.TrimRight(b.String(), " "))
}

// lastCell writes the last, left-aligned cell, which may take as many lines as it needs below itself.
func (p *printer) lastCell(b *strings.Builder, c cell, at int) {
	for i, part := range wrap(c.text, max(p.width-at, 20)) {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat(" ", at))
		}
		b.WriteString(p.paint(cell{part, c.style}))
	}
}

// wrap breaks s at spaces into lines of at most width runes; a longer word stands alone and whole, for it may be a path
// that somebody wants to copy.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
