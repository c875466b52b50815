package report

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// blocks are the generated parts of a page, by the name that stands in its marks:
// "<!-- bench: rows -->" … "<!-- end -->", as internal/figures has them.
var blocks = map[string]func([]Comparison) string{"rows": rowTable, "others": otherTable, "cells": cellTable, "roles": roleTable, "more": moreTable, "sources": sourceTable}

const (
	begin = "<!-- bench: "
	end   = "<!-- end -->"
)

// Page is a page's text with its blocks made anew.
func Page(text string, list []Comparison) (string, error) {
	var out strings.Builder
	for found := 0; ; found++ {
		before, rest, more := strings.Cut(text, begin)
		out.WriteString(before)
		if !more {
			if found == 0 {
				return "", fmt.Errorf("there is no line %q in it", begin+"rows -->")
			}
			return out.String(), nil
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		inside, after, closed := strings.Cut(rest, end)
		if !ok || !closed || strings.Contains(inside, begin) {
			return "", fmt.Errorf("a block has no end: a line %q is missing", end)
		}
		table, known := blocks[name]
		if !known {
			return "", fmt.Errorf("there is no block %q", name)
		}
		made := table(list)
		if strings.Count(made, "\n") == 2 { // a head alone
			made = "Not measured yet.\n"
		}
		out.WriteString(begin + name + " -->\n\n" + made + "\n" + end)
		text = after
	}
}

// Rewrite writes the blocks of a page anew from a file of results.
func Rewrite(page, file string) error {
	f, err := Read(file)
	if err != nil {
		return err
	}
	if len(f.Rows) == 0 {
		return fmt.Errorf("%s has no rows", file)
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := Page(string(old), slices.Clone(f.Rows))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return Replace(page, []byte(text))
}
