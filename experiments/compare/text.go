package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// JSON writes the report with the raw values of every run, indented. It fails if w does.
func JSON(w io.Writer, r Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("comparison as JSON: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// Text writes the report for a terminal. It fails if w does.
func Text(w io.Writer, r Report) error {
	var b strings.Builder
	b.WriteString(plain(r.headline()) + "\n")
	for _, s := range r.sheets() {
		b.WriteString("\n" + strings.ToUpper(plain(s.title)) + "\n")
		for _, n := range s.notes {
			b.WriteString("  " + plain(n) + "\n")
		}
		b.WriteString(columns(s.head, s.rows))
		for _, n := range s.below {
			b.WriteString("  " + plain(n) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain makes a text safe for a terminal and for one line: a name could hold anything.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// columns aligns a table; a head that begins with ">" is that of numbers.
func columns(head []string, rows [][]string) string {
	if len(head) == 0 {
		return ""
	}
	titles := make([]string, len(head))
	widths := make([]int, len(head))
	for i, h := range head {
		titles[i] = strings.TrimPrefix(h, ">")
	}
	all := append([][]string{titles}, rows...)
	for _, row := range all {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(plain(c)))
		}
	}
	var b strings.Builder
	for _, row := range all {
		line := " "
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(plain(c)))
			if strings.HasPrefix(head[i], ">") {
				line += " " + pad + plain(c) + " "
			} else {
				line += " " + plain(c) + pad + " "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// Markdown writes the report for a pull request or a CI summary. It fails if w does.
func Markdown(w io.Writer, r Report) error {
	var b strings.Builder
	b.WriteString("## " + escaped(r.headline()) + "\n")
	for _, s := range r.sheets() {
		if s.fold {
			b.WriteString("\n<details><summary>" + escaped(s.title) + "</summary>\n")
		} else {
			b.WriteString("\n### " + escaped(s.title) + "\n")
		}
		b.WriteString(list(s.notes))
		if len(s.head) > 0 {
			b.WriteString("\n" + markdownTable(s.head, s.rows))
		}
		b.WriteString(list(s.below))
		if s.fold {
			b.WriteString("\n</details>\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func list(notes []string) string {
	var b strings.Builder
	for i, n := range notes {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString("- " + escaped(n) + "\n")
	}
	return b.String()
}

func markdownTable(head []string, rows [][]string) string {
	var b strings.Builder
	var rules []string
	titles := make([]string, len(head))
	for i, h := range head {
		title, right := strings.CutPrefix(h, ">")
		titles[i] = escaped(title)
		if right {
			rules = append(rules, "---:")
		} else {
			rules = append(rules, "---")
		}
	}
	b.WriteString("| " + strings.Join(titles, " | ") + " |\n|" + strings.Join(rules, "|") + "|\n")
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = escaped(c)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

// escaped keeps a text from being read as Markdown or HTML.
func escaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[").Replace(plain(s))
}
