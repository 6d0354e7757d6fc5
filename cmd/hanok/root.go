package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hanok/dc"
)

// environment is what a command sees of the world, so that tests run commands in their own process.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// progress is whether stderr is a terminal, on which a line may be written again.
	progress bool
	// raw makes the terminal hand over every key, until restore is called.
	raw func() (restore func(), err error)
	// child returns what the environment of another process of this program needs besides the own one, for its arguments. Nil
	// is nothing.
	child func(args []string) []string
}

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // what was asked for failed
	exitUsage   = 2 // what was asked for makes no sense
)

// app is one run of the program.
type app struct {
	environment
	// data is the folder of --data, or "".
	data string
	// json is whether -o json was given.
	json bool
	// nobody is set of a command that logs in by itself, and needs no login in the settings.
	nobody bool
	// started is set when a command begins: an error before that is one of usage.
	started bool
	// object is what the command works on, for its error.
	object string
}

// run executes one command line and returns the exit code. Errors go to stderr.
func run(ctx context.Context, env environment, args []string) int {
	a := &app{environment: env}
	root := a.root()
	root.SetArgs(doubled(root, args))
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailure
	case !a.started:
		fmt.Fprintf(env.stderr, "hanok: %v\n  next: see \"%s --help\"\n", err, cmd.CommandPath())
		return exitUsage
	}
	a.report(cmd, err)
	return exitFailure
}

// errSilent ends a command that has said everything itself.
var errSilent = errors.New("failed")

// report prints what failed, on what, and what to do next.
func (a *app) report(cmd *cobra.Command, err error) {
	what := strings.TrimPrefix(cmd.CommandPath(), "hanok ")
	if a.object != "" {
		what += " " + strconv.Quote(a.object)
	}
	f := &dc.Failure{Message: err.Error()}
	var e *dc.Error
	switch {
	case errors.Is(err, context.Canceled):
		f.Message = "interrupted"
	case errors.As(err, &e):
		f = &dc.Failure{Object: e.Object, Message: e.Message, Remedy: e.Remedy}
	}
	if f.Object != "" && !(a.object != "" && strings.HasSuffix(f.Object, strconv.Quote(a.object))) {
		what += ": " + f.Object
	}
	fmt.Fprintf(a.stderr, "hanok: %s: %s\n", what, f.Message)
	if f.Remedy != "" {
		fmt.Fprintf(a.stderr, "  next: %s\n", f.Remedy)
	}
}

// root returns the tree of commands.
func (a *app) root() *cobra.Command {
	root := group("hanok", "A software-defined data center in one program")
	root.Long = `Hanok is a software-defined data center in one program.

"hanok up" starts one. The other commands are its client. They find it by
  --data DIR                        on the machine that it runs on, or
  HANOK_SERVER                      its URL, and
  HANOK_USERNAME, HANOK_PASSWORD    a login, or HANOK_TOKEN from "hanok login" or "hanok token create", and
  HANOK_CA=FILE                     its certificate (ca.pem of its DATA folder), or
  HANOK_INSECURE=1                  to trust any certificate.

Objects are named by their name, their ID or their inventory path (/Datacenter/vm/hello).`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.PersistentFlags().StringVar(&a.data, "data", "", "the DATA folder of a data center on this machine")
	root.PersistentFlags().VarP((*outputFlag)(&a.json), "output", "o", `"table" or "json"`)
	root.AddCommand(
		a.upCommand(), a.cleanCommand(), a.managerCommands(),
		a.datacenterCommands(), a.clusterCommands(), a.hostCommands(), a.poolCommands(), a.folderCommands(),
		a.vmCommands(), a.datastoreCommands(), a.imageCommands(), a.networkCommands(),
		a.taskCommands(), a.guardCommands(), a.scheduleCommands(), a.eventCommands(), a.auditCommands(), a.statsCommands(), a.alarmCommands(), a.tagCommands(), a.attributeCommands(),
		a.userCommands(), a.roleCommands(), a.permissionCommands(), a.groupCommands(), a.privilegeCommands(), a.tokenCommands(), a.identityCommands(), a.watchCommand(),
		a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.doctorCommand(), a.backupCommand(), a.restoreCommand(), a.versionCommand(),
		a.simCommand(), a.simHostsCommand(),
	)
	return root
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
		}
		return cmd.Help()
	}}
	cmd.AddCommand(commands...)
	return cmd
}

// command is a client command: it logs in, works and logs out.
type command struct {
	use, short, long string
	args             cobra.PositionalArgs
	// object says that the first argument names the object, which an error then shows.
	object bool
	// complete lists the values of the first argument, or is nil.
	complete func(context.Context, *client) ([]string, error)
	// many says that complete is for the other arguments, too.
	many bool
	do   func(ctx context.Context, c *client, args []string) error
}

// client returns the cobra command of a client command.
func (a *app) client(d command) *cobra.Command {
	cmd := &cobra.Command{Use: d.use, Short: d.short, Long: d.long, Args: d.args}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.started = true
		if d.object && len(args) > 0 {
			a.object = args[0]
		}
		return a.withClient(cmd.Context(), func(c *client) error { return d.do(cmd.Context(), c, args) })
	}
	if d.complete != nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && !d.many {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completions(cmd.Context(), d.complete)
		}
	}
	return cmd
}

// completions asks the data center for names. Without one there are none, and the shell shows nothing.
func (a *app) completions(ctx context.Context, list func(context.Context, *client) ([]string, error)) (names []string, _ cobra.ShellCompDirective) {
	err := a.withClient(ctx, func(c *client) (err error) {
		names, err = list(ctx, c)
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFlag completes a flag's value with names from the data center.
func (a *app) completeFlag(cmd *cobra.Command, flag string, list func(context.Context, *client) ([]string, error)) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.completions(cmd.Context(), list)
	})
	if err != nil {
		panic(err) // a flag that the command does not have
	}
}
