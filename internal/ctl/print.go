package ctl

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// print writes a result to stdout: as JSON, or as the rows that table gives.
func (a *app) print(v any, table func(row func(cells ...any))) error {
	if a.output == "json" {
		return a.printJSON(v, "  ")
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	table(func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(texts, "\t"), "\t"))
	})
	return w.Flush()
}

// printJSON writes one JSON text; nothing is escaped for the sake of HTML.
func (a *app) printJSON(v any, indent string) error {
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// note writes a line for the person at the terminal to stderr.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.Err, a.here(fmt.Sprintf(format, args...)))
}

// cell is a user's text in a table: as it is, unless that would spoil the
// table or the terminal.
func cell(text string) string {
	strange := text == "" || strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	if strange {
		return strconv.Quote(text)
	}
	return text
}

// dash stands for an empty cell.
func dash[T comparable](v T) string {
	var zero T
	if v == zero {
		return "-"
	}
	return fmt.Sprint(v)
}

// quoted is a text as one word of a shell's command line.
func quoted(text string) string {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:,@%+=", r)
	})
	if plain {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
