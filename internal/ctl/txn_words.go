package ctl

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paxos/client"
	"paxos/paxos"
)

var (
	bareCondition = regexp.MustCompile(`^(exists|missing)\s*\(\s*("(?:[^"\\]|\\.)*"|[^\s"()]+)\s*\)$`)
	fullCondition = regexp.MustCompile(`^(value|val|mod|create|version|ver)\s*\(\s*("(?:[^"\\]|\\.)*"|[^\s"()]+)\s*\)\s*(=|!=|<|>)\s*("(?:[^"\\]|\\.)*"|[^\s"]+)$`)
)

// conditionOf reads a line such as value("color") = "green".
func conditionOf(line string) (client.Condition, error) {
	if m := bareCondition.FindStringSubmatch(line); m != nil {
		key, err := bare(m[2])
		if m[1] == "exists" {
			return client.Exists(key), err
		}
		return client.Missing(key), err
	}
	m := fullCondition.FindStringSubmatch(line)
	if m == nil {
		return client.Condition{}, usage("%q is no condition, such as value(\"KEY\") = \"TEXT\", mod(\"KEY\") > 5, exists(\"KEY\")", line)
	}
	key, err := bare(m[2])
	if err != nil {
		return client.Condition{}, err
	}
	text, err := bare(m[4])
	if err != nil {
		return client.Condition{}, err
	}
	c := client.ValueIs(key, text)
	c.Is = m[3]
	if strings.HasPrefix(m[1], "val") {
		return c, nil
	}
	n, err := paxos.ParseUint(text)
	if err != nil {
		return c, usage("%q: %q is no whole number", line, text)
	}
	c.Value, c.ValueBase64 = nil, nil
	switch number := paxos.Number(n); m[1] {
	case "mod":
		c.Mod = &number
	case "create":
		c.Create = &number
	default:
		c.Version = &number
	}
	return c, nil
}

// bare is a word without its quotes.
func bare(word string) (string, error) {
	if !strings.HasPrefix(word, `"`) {
		return word, nil
	}
	text, err := strconv.Unquote(word)
	if err != nil {
		return "", usage("%s is no text in double quotes; \\\" stands for a quote in it", word)
	}
	return text, nil
}

var word = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'][^\s]*)`)

// words splits a line at blanks; quotes keep a word together.
func words(line string) (list []string, err error) {
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		one := word.FindString(rest)
		if one == "" {
			return nil, usage("%q: a quote is not closed", line)
		}
		rest = rest[len(one):]
		if strings.HasPrefix(one, "'") {
			list = append(list, strings.Trim(one, "'"))
			continue
		}
		text, err := bare(one)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// operationOf reads a line such as put color blue.
func operationOf(line string) (client.Operation, error) {
	list, err := words(line)
	if err != nil {
		return client.Operation{}, err
	}
	verb, args := list[0], list[1:]
	prefix := false
	if at := slices.Index(args, "--prefix"); at >= 0 && (verb == "get" || verb == "del") {
		prefix, args = true, slices.Delete(args, at, at+1)
	}
	switch {
	case verb == "put" && len(args) == 2:
		return client.ThenPut(args[0], args[1]), nil
	case verb == "get" && len(args) == 1:
		return client.ThenGet(client.KeySpan{Key: args[0], Prefix: prefix}), nil
	case verb == "del" && len(args) == 1:
		return client.ThenDelete(client.KeySpan{Key: args[0], Prefix: prefix}), nil
	case verb == "incr" && len(args) == 1:
		return client.ThenIncrement(args[0], 1), nil
	case verb == "incr" && len(args) == 2:
		by, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return client.Operation{}, usage("%q: %q is no whole number of 64 bits", line, args[1])
		}
		return client.ThenIncrement(args[0], by), nil
	case verb == "append" && len(args) == 2:
		if json.Valid([]byte(args[1])) {
			return client.ThenAppend(args[0], json.RawMessage(args[1])), nil
		}
		return client.ThenAppend(args[0], args[1]), nil
	}
	return client.Operation{}, usage("%q is none of put KEY VALUE, get KEY, del KEY, incr KEY [BY], append KEY ITEM", line)
}
