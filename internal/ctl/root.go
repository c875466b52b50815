package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"paxos/internal/local"
	"paxos/internal/service"
)

// Streams are a command's standard streams. Out gets results and nothing else.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// app is what the commands share: streams, and the values of common flags.
type app struct {
	Streams
	output    string
	data      string
	endpoints []string
	proposers []string
	acceptors []string
	timeout   time.Duration
	on        onKubernetes

	spokenTo  *place // where the command looked for the cluster, nil if it did not
	dataGiven bool   // --data was given, and not defaulted
	started   bool   // the command line was understood
}

// errInterrupted: a signal came before the command was done.
var errInterrupted = errors.New("interrupted before it was done")

// Plugin is the program's name as a plugin of kubectl: then the cluster is on
// Kubernetes unless a flag says otherwise.
const Plugin = "kubectl-paxos"

// Main runs a command line, the program's name first, and gives the exit code. A
// second signal ends the process at once.
func Main(line []string, s Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, line, s)
}

// Run runs a command line, the program's name first, until ctx ends, and gives
// the exit code.
func Run(ctx context.Context, line []string, s Streams) int {
	name := strings.TrimSuffix(filepath.Base(line[0]), ".exe")
	a, args := &app{Streams: s, on: onKubernetes{plugin: name == Plugin}}, line[1:]
	root := a.root()
	strict(root)
	root.SetArgs(verbFirst(args))
	cmd, err := root.ExecuteContextC(ctx)
	var own *failure
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, new(exitStatus)):
		return exitCode(err) // a program that was run says itself what is wrong
	case ctx.Err() != nil && !errors.Is(err, service.ErrUsage):
		err = interrupted(err)
	case !a.started && !errors.As(err, &own):
		// Nothing of ours ran yet: cobra did not understand the command line.
		err = usage("%w", err)
	}
	a.complain(cmd, args, err)
	return exitCode(err)
}

// strict makes the commands that cobra brings refuse what they do not know.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("completion")
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			group(cmd)
		case "help":
			cmd.Run = nil
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				about, rest, err := cmd.Root().Find(args)
				if err != nil || len(rest) > 0 {
					return usage("there is no command %q", strings.Join(args, " "))
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		}
	}
}

// interrupted says what a signal cut short, if it matters.
func interrupted(err error) error {
	if exitCode(err) == ExitUnknown {
		sentence, hint := explain(err)
		return fmt.Errorf("%w: %s; %s", errInterrupted, sentence, hint)
	}
	return errInterrupted
}

// badFlag says in a sentence what is wrong with a flag.
func badFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	takeValues := []string{"send", "put", "cas", "incr", "append"}
	if errors.As(err, &unknown) && slices.Contains(takeValues, cmd.Name()) && unknown.GetSpecifiedShortnames() != "" {
		words := quoted("-" + unknown.GetSpecifiedShortnames())
		if cmd.Name() != "send" {
			words = "KEY " + words
		}
		return failed(ExitUsage, "a value that begins with - goes after --: "+cmd.CommandPath()+" -- "+words, "%w", err)
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		kinds := map[string]string{"uint64": "whole number", "int": "whole number", "duration": "duration, such as 500ms or 10s"}
		if kind := kinds[value.GetFlag().Value.Type()]; kind != "" {
			return usage("--%s %q is no %s", value.GetFlag().Name, value.GetValue(), kind)
		}
	}
	return usage("%w", err)
}

// Command is the whole tree of commands, for the documentation.
func Command() *cobra.Command { return (&app{}).root() }

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "paxosctl",
		Short: "Runs a local Paxos cluster, and speaks to any cluster.",
		Long: "Runs a local Paxos cluster, and speaks to any cluster.\n\n" +
			"Results go to standard output, everything else to standard error; with -o json\nstandard output is JSON and nothing else, and a failure is one line of JSON on standard error.\n\n" +
			"Where the cluster is: on Kubernetes with --kube or --context, else --endpoints, else the local cluster of --data, else\n$PAXOS_ENDPOINTS, else the local cluster in $PAXOS_DATA or ./paxos-data, else 127.0.0.1:6001,127.0.0.1:6002.\n" +
			"Other nodes are found through these. On Kubernetes the context is that of --context, else $PAXOS_CONTEXT, else the\ncurrent one of the kubeconfig; nodes are found by their Deployments. Under the name kubectl-paxos in $PATH this is\na plugin, kubectl paxos, and --kube is the default.\n\n" + aboutExits(),
		Example: "  paxosctl local up --detach\n  paxosctl send teste123\n  paxosctl read\n  paxosctl put color green\n  paxosctl get color\n  paxosctl status -o json",
		Version: service.Version(), SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.begin(cmd) },
	}
	if a.on.plugin {
		cmd.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl paxos"}
	}
	cmd.SetOut(a.Out)
	cmd.SetErr(a.Err)
	cmd.SetIn(a.In)
	cmd.SetFlagErrorFunc(badFlag)
	cmd.CompletionOptions.HiddenDefaultCmd = false
	cmd.AddGroup(&cobra.Group{ID: "local", Title: "A cluster on this machine:"}, &cobra.Group{ID: "values", Title: "Values:"},
		&cobra.Group{ID: "keys", Title: "Keys:"}, &cobra.Group{ID: "leases", Title: "Leases, locks, elections:"},
		&cobra.Group{ID: "nodes", Title: "Nodes:"})
	for group, verbs := range map[string][]*cobra.Command{
		"local":  {a.local()},
		"values": {a.send(), a.read(), a.outcome(), a.burn()},
		"keys":   {a.put(), a.get(), a.del(), a.cas(), a.incr(), a.append(), a.txn(), a.watch(), a.compact()},
		"leases": {a.lease(), a.lock(), a.elect()},
		"nodes":  {a.initialise(), a.status(), a.explain(), a.leader(), a.members(), a.logs(), a.audit(), a.bench()},
	} {
		for _, v := range verbs {
			v.GroupID = group
			cmd.AddCommand(v)
		}
	}
	cmd.AddCommand(a.version(), node())
	return cmd
}

// begin is called when the command line is understood, before the command.
func (a *app) begin(cmd *cobra.Command) error {
	a.started = true
	if err := a.format(cmd); err != nil {
		return err
	}
	if err := positiveTimeout(cmd); err != nil {
		return err
	}
	for group := range strings.SplitSeq(cmd.Annotations["exclusive"], ";") {
		var set []string
		for name := range strings.SplitSeq(group, ",") {
			if cmd.Flags().Changed(name) {
				set = append(set, "--"+name)
			}
		}
		if len(set) > 1 {
			return usage("%s do not go together", strings.Join(set, " and "))
		}
	}
	if err := a.settleKube(cmd); err != nil {
		return err
	}
	a.dataGiven = cmd.Flags().Changed("data")
	if dir := os.Getenv("PAXOS_DATA"); dir != "" && !a.dataGiven {
		a.data = dir
	}
	return nil
}

// positiveTimeout refuses what is no time to wait, as ?timeout= does.
func positiveTimeout(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("timeout")
	if flag == nil || !flag.Changed {
		return nil
	}
	if d, err := time.ParseDuration(flag.Value.String()); err == nil && d < time.Millisecond {
		return usage("--timeout %v is no time to wait: 1ms is the least", d)
	}
	return nil
}

const defaultData = "paxos-data"

// outputFlag adds -o; a command that says nothing gives tables or JSON.
func (a *app) outputFlag(cmd *cobra.Command, formats ...string) {
	if len(formats) == 0 {
		formats = []string{"table", "json"}
	}
	last := len(formats) - 1
	about := strings.Join(formats[:last], ", ") + " or " + formats[last]
	cmd.Flags().StringVarP(&a.output, "output", "o", "", about)
	// All commands share the value: the default is each command's own.
	cmd.Flags().Lookup("output").DefValue = formats[0]
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	annotate(cmd, "formats", strings.Join(formats, ","))
}

// exclusive says that at most one of these flags may be given.
func exclusive(cmd *cobra.Command, names ...string) {
	annotate(cmd, "exclusive", cmd.Annotations["exclusive"]+";"+strings.Join(names, ","))
}

func annotate(cmd *cobra.Command, name, text string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[name] = text
}

// format settles what -o says.
func (a *app) format(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("output")
	if flag == nil {
		return nil
	}
	formats := strings.Split(cmd.Annotations["formats"], ",")
	if !flag.Changed {
		a.output = flag.DefValue
	}
	switch {
	case slices.Contains(formats, a.output):
		return nil
	case len(formats) == 2:
		return usage("-o %q is neither %s nor %s", a.output, formats[0], formats[1])
	}
	return usage("-o %q is none of %s", a.output, strings.Join(formats, ", "))
}

// dataFlag adds --data.
func (a *app) dataFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.data, "data", defaultData, "directory of the local cluster ($PAXOS_DATA)")
	_ = cmd.MarkFlagDirname("data")
}

// remoteFlags adds what commands need that speak to a cluster.
func (a *app) remoteFlags(cmd *cobra.Command, formats ...string) {
	cmd.Flags().StringSliceVar(&a.endpoints, "endpoints", nil, "host:port of client services, comma separated ($PAXOS_ENDPOINTS)")
	cmd.Flags().DurationVar(&a.timeout, "timeout", 0, "how long to wait, such as 500ms or 10s (default: the service's own, 1.5s)")
	a.dataFlag(cmd)
	a.kubeFlags(cmd)
	a.outputFlag(cmd, formats...)
}

// context ends when --timeout does.
func (a *app) context(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if a.timeout == 0 {
		return cmd.Context(), func() {}
	}
	return context.WithTimeout(cmd.Context(), a.timeout)
}

// saved gives the local cluster of --data, nil if there is none.
func (a *app) saved() (*local.Cluster, error) {
	opts, found, err := local.Saved(a.data)
	if err != nil || !found {
		return nil, err
	}
	return local.New(opts)
}

// fromEnvironment gives the addresses in an environment variable.
func fromEnvironment(name string) []string {
	var list []string
	for _, address := range strings.Split(os.Getenv(name), ",") {
		if address = strings.TrimSpace(address); address != "" {
			list = append(list, address)
		}
	}
	return list
}

// exactly wants that many arguments, named for the error.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage("%s: %s is missing", cmd.CommandPath(), names[len(args)])
		case len(args) > len(names):
			return usage("%s: %q is not expected", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// group is a command that only has commands.
func group(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(verbs...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, v := range cmd.Commands() {
			names = append(names, v.Name())
		}
		slices.Sort(names)
		return usage("%s has no command %q; it has %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))
	}
	return cmd
}
