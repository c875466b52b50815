package ctl

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"paxos/client"
)

func (a *app) txn() *cobra.Command {
	var d dependence
	cmd := &cobra.Command{
		Use: "txn [FILE|-]", Short: "Executes a transaction: all of it or nothing.",
		Long: "Executes a transaction from a file or from standard input, at one revision: THEN if all conditions hold,\n" +
			"else ELSE, all of it or nothing. That they do not hold is no error: \"succeeded\" tells.\n\n" +
			"It is written as JSON, as POST /txn takes it, or in three parts with an empty line between them; on a\n" +
			"terminal they are asked for:\n\n" + txnForm + "\n\n" +
			"The relations are =, !=, < and >. A text with blanks stands in double quotes.\n\n" + aboutExits(),
		Example: "  printf '%s\\n' 'value(\"color\") = \"green\"' '' 'put color blue' 'incr changes' '' 'get color' | paxosctl txn\n" +
			"  paxosctl txn transfer.json -o json\n  echo '{\"then\":[{\"put\":{\"key\":\"a\",\"value\":\"1\"}}]}' | paxosctl txn -",
	}
	d.flags(cmd, false)
	a.storeFlags(cmd, keepTrying)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactly("FILE")(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opts, err := d.options(cmd)
		if err != nil {
			return err
		}
		txn, err := a.readTxn(args)
		if err != nil {
			return err
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		w, err := p.TxnJSON(ctx, txn, opts...)
		if err != nil {
			return a.stored(err)
		}
		return a.printTxn(w)
	}
	return cmd
}

const txnForm = "  value(KEY) = TEXT     mod(KEY) > N    exists(KEY)    conditions, all of which must hold;\n" +
	"  create(KEY) = N       version(KEY) = N    missing(KEY)    none is always true\n\n" +
	"  put KEY VALUE         get KEY [--prefix]    del KEY [--prefix]    THEN\n" +
	"  incr KEY [BY]         append KEY JSON|TEXT\n\n" +
	"  the same                                                        ELSE"

// readTxn gives a transaction in the words of POST /txn.
func (a *app) readTxn(args []string) (json.RawMessage, error) {
	in, name := a.In, "standard input"
	switch {
	case len(args) == 1 && args[0] != "-":
		file, err := os.Open(args[0])
		if err != nil {
			return nil, usage("%w", err)
		}
		defer func() { _ = file.Close() }()
		in, name = file, args[0]
	case isTerminal(a.In):
		return a.askTxn()
	}
	text, err := io.ReadAll(io.LimitReader(in, mostInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(text) > mostInput:
		return nil, usage("%s holds more than %d bytes", name, mostInput)
	case strings.HasPrefix(strings.TrimSpace(string(text)), "{"):
		return text, nil
	}
	parts, err := partsOf(strings.NewReader(string(text)), func(int) {})
	if err != nil {
		return nil, err
	}
	return txnOf(parts)
}

// askTxn asks a person for the three parts.
func (a *app) askTxn() (json.RawMessage, error) {
	parts, err := partsOf(a.In, func(part int) {
		a.note("%s", []string{"conditions (an empty line ends them):", "THEN:", "ELSE:"}[part])
	})
	if err != nil {
		return nil, err
	}
	return txnOf(parts)
}

// partsOf reads the lines of the three parts.
func partsOf(in io.Reader, begin func(part int)) (parts [3][]string, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostInput)
	for part := range parts {
		begin(part)
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if line == "" {
				break
			}
			parts[part] = append(parts[part], line)
		}
	}
	if err := lines.Err(); err != nil {
		return parts, fmt.Errorf("the transaction cannot be read: %w", err)
	}
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			return parts, usage("%q comes after ELSE; an empty line ends a part", line)
		}
	}
	return parts, nil
}

func txnOf(parts [3][]string) (json.RawMessage, error) {
	var txn client.Txn
	for _, line := range parts[0] {
		c, err := conditionOf(line)
		if err != nil {
			return nil, err
		}
		txn.If = append(txn.If, c)
	}
	for i, list := range []*[]client.Operation{&txn.Then, &txn.Else} {
		for _, line := range parts[i+1] {
			op, err := operationOf(line)
			if err != nil {
				return nil, err
			}
			*list = append(*list, op)
		}
	}
	if len(txn.If)+len(txn.Then)+len(txn.Else) == 0 {
		return nil, usage("the transaction is empty")
	}
	return json.Marshal(txn)
}

func (a *app) printTxn(w client.Written) error {
	return a.print(w, func(row func(...any)) {
		row("SUCCEEDED", "REVISION", "SLOT")
		row(w.Succeeded, w.Revision, w.Slot)
		rowsOf(row, w.Responses, "")
	})
}

// rowsOf shows what operations answered, one after another.
func rowsOf(row func(...any), answers []client.OpAnswer, indent string) {
	for i, r := range answers {
		at := fmt.Sprintf("%s%d.", indent, i+1)
		switch {
		case r.Txn != nil:
			row(at, "succeeded:", r.Txn.Succeeded)
			rowsOf(row, r.Txn.Responses, at)
			continue
		case r.Key != nil:
			row(at, cell(r.Key.Key), short(*r.Key))
		case r.Deleted != 0:
			row(at, "deleted:", r.Deleted)
		}
		for _, k := range append(r.Keys, r.Prev...) {
			row(at, cell(k.Key), short(k))
		}
	}
}

// currentOf adds what a key is to the error that it is not as it should be.
func currentOf(err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Current == nil || !errors.Is(err, client.ErrConflict) {
		return err
	}
	sentence, _ := explain(err)
	hint := fmt.Sprintf("nothing was changed; it is %s, at revision %d", short(*p.Current), p.Current.Mod)
	return (&failure{code: ExitConflict, hint: hint, err: errors.New(sentence)}).because(err)
}
